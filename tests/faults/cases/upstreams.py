"""Upstreams that go away: killed and started again under load; a network that carries nothing any more."""

import asyncio
import pathlib
import subprocess
import sys

import client
from cases import fault
from pipe import Pipe
from relay import free_port
from upstream import plain

PROGRAM = pathlib.Path(__file__).resolve().parents[1] / "upstream.py"


@fault("upstream-restart", "the upstream is killed and started again, 50 times (short: 8), under load", quick=True)
async def upstream_restart(world):
    port, rounds = free_port(), world.size(50, 8)

    async def start():
        program = world.program([sys.executable, "-B", PROGRAM, str(port)], stdout=subprocess.PIPE)
        await asyncio.get_running_loop().run_in_executor(None, program.stdout.readline)
        return program

    program = await start()
    keywheel = await world.keywheel(f"http://127.0.0.1:{port}/v1", {"LOG_LEVEL": "warn"})
    load = world.load(keywheel, 16, pause=0.002)
    for _ in range(rounds):
        await load.more(150)
        program.kill()
        program.wait()
        failed = load.came[502] + load.came[503]
        await client.until("it is missed", lambda: load.came[502] + load.came[503] > failed)
        program = await start()
        good = load.came[200]
        await client.until("it serves again", lambda: load.came[200] > good + 50)
    came = await load.stop()
    world.note("kills", rounds)
    world.note("answers", " ".join(f"{status}:{count}" for status, count in sorted(came.items(), key=str)))
    world.equal("other answers than 200, 502, 503 and a cut one", set(came) - {200, 502, 503, "cut"}, set())
    world.equal("requests without an answer", load.asked - sum(came.values()), 0)
    # A connection that breaks before an answer is a soft fault of its key: it may rest, but not for long.
    await client.until("every key is in again", lambda: world.is_whole(keywheel))
    await world.works(keywheel)
    await world.unblamed(keywheel)


@fault("half-open-upstream", "the network to the upstream carries nothing any more, and nobody is told; then it does again", quick=True)
async def half_open_upstream(world):
    upstream = await world.upstream()
    pipe = await Pipe(upstream.port).start()
    world.started.append(pipe.stop)
    settings = {"REQUEST_TIMEOUT": "1s", "MAX_RETRIES": "1", "LIMIT_KEY_WAIT": "1s"}
    keywheel = await world.keywheel(f"http://127.0.0.1:{pipe.port}/v1", settings)
    warm = world.load(keywheel, 8)
    await warm.more(100)
    await warm.stop()
    world.equal("before", set(warm.came), {200})
    pipe.cut()
    load = world.load(keywheel, 16)
    await load.more(32)
    came = await load.stop()
    world.note("while it carries nothing", " ".join(f"{status}:{count}" for status, count in came.items()))
    world.equal("all told in time", set(came), {504})
    pipe.mend()
    after = world.load(keywheel, 8)
    await after.more(100)
    await after.stop()
    world.holds("answers once it carries again", after.came[200] > 0 and not set(after.came) - {200, 502, 504})
    await world.works(keywheel)
    await world.unblamed(keywheel)


@fault("half-open-clients", "50 clients that vanish within a stream without a word", quick=True)
async def half_open_clients(world):
    number, streaming = 50, set()

    async def endless(request, writer):
        await request.read_body()
        if "small" in request.query:
            writer.write(plain())
            return True
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
        while True:
            writer.write(b"data: %s\n\n" % (b"x" * 16384))
            await writer.drain()
            streaming.add(writer)
            await asyncio.sleep(0)

    upstream = await world.upstream(endless)
    keywheel = await world.keywheel(upstream, {"STREAM_IDLE_TIMEOUT": "2s", "LOG_LEVEL": "warn"})
    pipe = await Pipe(keywheel.port).start()
    world.started.append(pipe.stop)
    descriptors = keywheel.descriptors()
    clients = [await client.Connection.open(pipe.port) for _ in range(number)]
    reading = [asyncio.ensure_future(one.ask(client.post(client.CHAT))) for one in clients]
    world.started.append(lambda: [one.cancel() for one in reading])
    await client.until("all stream", lambda: len(streaming) == number)
    pipe.cut()
    await client.until("both sides of each are let go", lambda: keywheel.descriptors() <= descriptors + 8)
    answer = await client.ask(keywheel.port, client.post(f"{client.CHAT}?small=1"))
    world.note("clients", number)
    world.holds("a normal request afterwards", answer.status == 200)
    await world.unblamed(keywheel)
