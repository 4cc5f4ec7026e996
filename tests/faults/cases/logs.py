"""Places that the log goes to and that take nothing: a full disk, a reader that left, a reader that does not read."""

import os
import subprocess
import threading

import client
from cases import fault

MANY = 6000


async def asked(world, keywheel, number):
    """So many requests, each of which logs a line; all must be answered."""
    load = world.load(keywheel, 8, request=lambda serial: client.get("/v1/models"))
    await load.more(number)
    came = await load.stop()
    world.equal("answers", set(came), {200})
    world.note("answered", world.figures.get("answered", 0) + load.answered)
    return load


@fault("log-disk-full", "the disk under the log file is full, then has room again", quick=True, namespace=True)
async def log_disk_full(world):
    disk = world.folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", disk], check=True, capture_output=True)
    world.started.append(lambda: subprocess.run(["umount", "--lazy", disk], check=False, capture_output=True))
    filler = disk / "filler"
    filler.write_bytes(b"x" * 64 * 1024)
    file = disk / "app.log"
    upstream = await world.upstream()
    settings = {"LOG_ENABLE_FILE": "true", "LOG_FILE_PATH": str(file)}
    keywheel = await world.keywheel(upstream, settings)
    await asked(world, keywheel, 1000)
    world.equal("no room is left", os.statvfs(disk).f_bavail, 0)
    await client.until("it is told on standard error", lambda: "cannot be written" in keywheel.err.read_text())
    filler.unlink()

    async def told():
        await client.ask(keywheel.port, client.get("/v1/models"))
        return "log records were dropped: writing them failed" in file.read_text()

    await client.until("the file is written again and says how many are missing", told)
    world.holds("console lines complete", keywheel.log().count('"kind":"request"') >= 1000)
    world.equal("exit code", await keywheel.end(), 0)


@fault("stdout-closed", "the reader of standard output leaves", quick=True)
async def stdout_closed(world):
    reader, writer = os.pipe()
    upstream = await world.upstream()
    keywheel = await world.keywheel(upstream, stdout=writer)
    os.close(writer)
    await asked(world, keywheel, 100)
    os.close(reader)
    await asked(world, keywheel, 500)
    world.holds("it lives", keywheel.process.poll() is None)
    world.equal("exit code", await keywheel.end(), 0)


@fault("stdout-blocked", "the reader of standard output does not read, then does", quick=True)
async def stdout_blocked(world):
    reader, writer = os.pipe()
    upstream = await world.upstream()
    keywheel = await world.keywheel(upstream, stdout=writer)
    os.close(writer)
    memory = keywheel.memory()
    number = world.size(30_000, MANY)
    await asked(world, keywheel, number)
    world.at_most("memory, MiB", round((keywheel.memory() - memory) / 2**20, 1), 16)
    heard = []

    def read():
        while piece := os.read(reader, 1 << 16):
            heard.append(piece)
        os.close(reader)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()

    async def told():
        await client.ask(keywheel.port, client.get("/v1/models"))
        return b"log records were dropped: they came faster" in b"".join(heard)

    await client.until("it says what was dropped", told)
    world.equal("exit code", await keywheel.end(), 0)
    thread.join(client.PATIENCE)
    lines = b"".join(heard).splitlines()
    world.note("lines written", len(lines))
    world.holds("each line whole", all(line.startswith(b"{") and line.endswith(b"}") for line in lines))


@fault("stdout-blocked-end", "the reader of standard output never reads: the process still ends when told to")
async def stdout_blocked_end(world):
    reader, writer = os.pipe()
    upstream = await world.upstream()
    keywheel = await world.keywheel(upstream, stdout=writer)
    os.close(writer)
    await asked(world, keywheel, MANY)
    world.equal("exit code", await keywheel.end(), 0)
    os.close(reader)
