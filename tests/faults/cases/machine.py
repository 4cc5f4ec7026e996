"""What happens to the process itself: its clock is set, it is stopped, reloaded, ended, killed."""

import asyncio
import collections
import datetime
import json
import os
import signal
import subprocess
import time
from email.utils import format_datetime

import client
from cases import fault
from harness import ADMIN, KEYS
from upstream import good, plain
from world import MIB, Keywheel

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def is_whole(line):
    try:
        return bool(json.loads(line))
    except ValueError:
        return False


@fault("clock-step", "the wall clock is set by an hour, forward and back")
async def clock_step(world):
    library = world.folder / "clock.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, f"{HERE}/clock.c"], check=True)
    step = world.folder / "step"
    step.write_text("0")
    resting = {}

    async def busy(request, writer):
        await request.read_body()
        if "rest" not in request.query:
            writer.write(plain())
            return True
        at = datetime.datetime.fromtimestamp(time.time() + resting["hours"] * 3600 + 5, datetime.timezone.utc)
        writer.write(plain(b"{}", "429 Too Many Requests", f"Retry-After: {format_datetime(at, usegmt=True)}\r\n"))
        return True

    upstream = await world.upstream(busy)
    keywheel = await world.keywheel(upstream, {"FAULTS_CLOCK": str(step), "MAX_RETRIES": "0"}, preload=library)
    load = world.load(keywheel, 4, pause=0.01)
    for hours in (1, -1):
        step.write_text(str(hours * 3600))
        resting["hours"] = hours

        async def follows():
            shown = moment((await keywheel.stats())["timestamp"])
            return abs(shown - time.time() - hours * 3600) < 5

        await client.until("the dates follow the clock", follows)
        await load.more(50)
        answer = await client.ask(keywheel.port, client.post(f"{client.CHAT}?rest=1"))
        rows = (await keywheel.stats())["rows"]
        stands = [stand for row in rows for stand in [row, *row["models"]]]
        rests = [moment(stand["until"]) - time.time() - hours * 3600 for stand in stands if stand["until"]]
        world.holds(f"{hours:+} h: passed on ({answer.status})", answer.status == 429)
        world.equal(f"{hours:+} h: keys that rest", len(rests), 1)
        world.at_most(f"{hours:+} h: rest asked for 5 s, s", round(max(rests, default=0)), 8)
        await client.until("the key is in again", lambda: world.is_whole(keywheel))
    came = await load.stop()
    world.equal("answers of the load", set(came), {200})
    world.equal("said in the log", keywheel.log().count("the wall clock was set by"), 2)
    await world.unblamed(keywheel)


@fault("stop-and-continue", "the process is stopped for 3 s, longer than every deadline, under load, and goes on", quick=True)
async def stop_and_continue(world):
    number, rounds = 50, world.size(20, 1)
    upstream = await world.upstream()
    settings = {"REQUEST_TIMEOUT": "2s", "LIMIT_KEEP_ALIVE": "2s", "LIMIT_HEAD_TIME": "2s", "MAX_RETRIES": "0"}
    keywheel = await world.keywheel(upstream, settings)
    load = world.load(keywheel, 16)
    late = collections.Counter()
    for _ in range(rounds):
        await load.more(100)
        idle = [await client.Connection.open(keywheel.port) for _ in range(number)]
        await asyncio.gather(*(one.ask(client.get("/livez")) for one in idle))
        begun = [await client.Connection.open(keywheel.port) for _ in range(number)]
        request = client.post(client.CHAT)
        for one in begun:
            await one.send(request[:40])
        keywheel.signal(signal.SIGSTOP)
        # While it is stopped each sends what it would otherwise be closed for; all of it is there before the process goes on.
        for one in idle:
            await one.send(request)
        for one in begun:
            await one.send(request[40:])
        await asyncio.sleep(3)
        keywheel.signal(signal.SIGCONT)
        answers = await asyncio.gather(*(one.answer() for one in idle + begun), return_exceptions=True)
        late.update(getattr(answer, "status", type(answer).__name__) for answer in answers)
        for one in idle + begun:
            one.close()
    await load.more(100)
    came = await load.stop()
    world.note("stops", rounds)
    world.note("answers under way", came[200])
    world.equal("other answers than 200 under way", sum(came.values()) - came[200], 0)
    world.equal("answers to what came while it was stopped", late[200], 2 * number * rounds)
    world.equal("other answers to that", dict(late.items() - {200: late[200]}.items()), {})
    await world.unblamed(keywheel)


@fault("reloads", "1,000 reloads (short: 100) by signal, by a changed keys file and by call, and as many resets, under load", quick=True)
async def reloads(world):
    number = world.size(1000, 100)
    upstream = await world.upstream()
    keywheel = await world.keywheel(upstream, {"LOG_ENABLE_REQUEST": "false"})
    keys = world.folder / "keys.txt"
    load = world.load(keywheel, 8)
    await load.more(200)
    memory = descriptors = 0
    admin = await client.Connection.open(keywheel.port)
    for n in range(number):
        if n == number // 5:
            memory, descriptors = keywheel.memory(), keywheel.descriptors()
        # One key comes and goes; the file is replaced whole, as an editor does.
        keys.with_suffix(".new").write_text("\n".join(KEYS[: len(KEYS) - n % 2]) + "\n")
        keys.with_suffix(".new").replace(keys)
        keywheel.signal(signal.SIGHUP)
        reloaded = await admin.ask(client.post("/reload", b"", ADMIN))
        reset = await admin.ask(client.post("/reset-keys", b"", ADMIN))
        assert (reloaded.status, reset.status) == (200, 200), (reloaded.body, reset.body)
    admin.close()
    await load.more(200)
    came = await load.stop()
    world.note("reloads", keywheel.log().count("configuration reloaded"))
    world.at_least("requests meanwhile", load.answered, 400)
    world.equal("answers", set(came), {200})
    world.at_most("memory since the first fifth, MiB", round((keywheel.memory() - memory) / MIB, 1), 16)
    world.at_most("descriptors since the first fifth", keywheel.descriptors() - descriptors, 40)
    await world.unblamed(keywheel)


@fault("terminate", "SIGTERM in the middle of 200 streams", quick=True)
async def terminate(world):
    number, events = 200, 20
    gate = asyncio.Event()
    begun = [0]

    async def stream(request, writer):
        await request.read_body()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for n in range(events):
            event = b"data: %d\n\n" % n
            writer.write(b"%x\r\n%s\r\n" % (len(event), event))
            await writer.drain()
            if n == events // 2:
                begun[0] += 1
                await gate.wait()
        writer.write(b"0\r\n\r\n")
        return True

    upstream = await world.upstream(stream)
    keywheel = await world.keywheel(upstream, {"SHUTDOWN_TIMEOUT": "60s"})
    clients = [await client.Connection.open(keywheel.port) for _ in range(number)]
    answers = [asyncio.ensure_future(one.ask(client.post(client.CHAT))) for one in clients]
    world.started.append(lambda: [answer.cancel() for answer in answers])
    await client.until("all are in their middle", lambda: begun[0] == number)
    keywheel.signal(signal.SIGTERM)

    async def refused():
        return not await keywheel.accepts()

    await client.until("no new connection is taken", refused)
    world.holds("it waits for them", keywheel.process.poll() is None)
    gate.set()
    whole = b"".join(b"data: %d\n\n" % n for n in range(events))
    came = await asyncio.gather(*answers)
    world.equal("streams whole", sum(answer.complete and answer.body == whole for answer in came), number)
    world.equal("exit code", await keywheel.wait(), 0)


@fault("kill-9", "SIGKILL under load, ten times: the next start trips over nothing", quick=True)
async def kill_9(world):
    upstream = await world.upstream()
    settings = {"LOG_ENABLE_FILE": "true", "LOG_FILE_PATH": str(world.folder / "app.log")}
    keywheel = await world.keywheel(upstream, settings)
    rounds = world.size(50, 10)
    for _ in range(rounds):
        load = world.load(keywheel, 16)
        await load.more(100)
        keywheel.process.kill()
        keywheel.process.wait()
        load.going = False
        await asyncio.gather(*load.tasks, return_exceptions=True)
        world.equal("answers before the kill", set(load.came) - {"broken", "cut"}, {200})
        keywheel = Keywheel(world.runtime, world.folder, {"OPENAI_BASE_URL": f"http://127.0.0.1:{upstream.port}/v1"} | settings, keywheel.port)
        world.started.append(keywheel.kill)
        await keywheel.ready()
        await world.works(keywheel)
    world.note("kills", rounds)
    lines = (world.folder / "app.log").read_text().splitlines()
    world.note("log lines", len(lines))
    # A kill may tear the line that is being written, which then has the next start's first one behind it.
    world.at_most("torn log lines", sum(not is_whole(line) for line in lines), rounds)
    world.equal("nothing on standard error", keywheel.err.read_text(), "")
    await world.unblamed(keywheel)
