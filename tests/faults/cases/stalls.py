"""Peers that stall: half a head, half a body, a byte a second, an answer that is never read, an upload that is never read."""

import asyncio
import time

import bounds
import client
from cases import fault
from upstream import plain
from world import MIB

HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: proxy.test\r\n"
BODY = client.post(client.CHAT, b"x" * 1000)[:-900]
#: A normal request, to upstreams that do something else to others.
SMALL = f"{client.CHAT}?small=1"


async def stalled(world, data, settings, status):
    """400 clients that send `data` and stall: within memory, a normal request stays fast, and each is told and let go."""
    number = 400
    upstream = await world.upstream()
    keywheel = await world.keywheel(upstream, settings | {"LOG_LEVEL": "warn"})
    before = await world.pace(keywheel)
    memory, descriptors = keywheel.memory(), keywheel.descriptors()
    crowd = [await client.Connection.open(keywheel.port) for _ in range(number)]
    for one in crowd:
        await one.send(data)
    await world.stays_fast(keywheel, before)
    grown = (keywheel.memory() - memory) / MIB
    world.at_most("memory, MiB", round(grown, 1), round(bounds.allowed(number, bounds.BLOCKS) / MIB, 1))
    answers = await asyncio.gather(*(asyncio.wait_for(one.answer(), client.PATIENCE) for one in crowd))
    world.equal(f"told {status}", sum(answer.status == status for answer in answers), number)
    for one in crowd:
        one.close()
    await client.until("their descriptors are free", lambda: keywheel.descriptors() <= descriptors + 8)
    await world.unblamed(keywheel)


@fault("stalled-heads", "400 clients that stall within a request head", quick=True)
async def stalled_heads(world):
    await stalled(world, HEAD, {"LIMIT_HEAD_TIME": "4s"}, 408)


@fault("stalled-bodies", "400 clients that stall within a request body", quick=True)
async def stalled_bodies(world):
    await stalled(world, BODY, {"LIMIT_BODY_IDLE": "4s"}, 408)


@fault("drip", "200 clients that send a byte a second of a head, 200 of a body")
async def drip(world):
    upstream = await world.upstream()
    settings = {"LIMIT_HEAD_TIME": "5s", "LIMIT_BODY_GRACE": "5s", "LOG_LEVEL": "warn"}
    keywheel = await world.keywheel(upstream, settings)
    before = await world.pace(keywheel)
    memory, descriptors = keywheel.memory(), keywheel.descriptors()

    async def slow(begin):
        one = await client.Connection.open(keywheel.port)
        await one.send(begin)
        answer = asyncio.ensure_future(one.answer())
        while not answer.done():
            await one.send(b"x")
            await asyncio.wait([answer], timeout=1)
        one.close()
        return answer.result().status

    tasks = [asyncio.ensure_future(slow(begin)) for begin in [HEAD + b"x-slow: "] * 200 + [BODY] * 200]
    world.started.append(lambda: [task.cancel() for task in tasks])
    await world.stays_fast(keywheel, before)
    grown = (keywheel.memory() - memory) / MIB
    world.at_most("memory, MiB", round(grown, 1), round(bounds.allowed(400, bounds.BLOCKS) / MIB, 1))
    came = await asyncio.gather(*tasks)
    world.equal("told 408", came.count(408), 400)
    await client.until("their descriptors are free", lambda: keywheel.descriptors() <= descriptors + 8)
    await world.unblamed(keywheel)


@fault("upstream-drip", "200 upstreams that send a byte a second of an answer's head")
async def upstream_drip(world):
    number = 200

    async def slow(request, writer):
        await request.read_body()
        if "small" in request.query:
            writer.write(plain())
            return True
        for byte in b"HTTP/1.1 200 OK\r\nx-slow: " + b"x" * 600:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(1)
        return False

    upstream = await world.upstream(slow)
    settings = {"REQUEST_TIMEOUT": "6s", "MAX_RETRIES": "0", "BLACKLIST_THRESHOLD": "0", "LOG_LEVEL": "warn"}
    keywheel = await world.keywheel(upstream, settings)
    before = await world.pace(keywheel, path=SMALL)
    memory, descriptors = keywheel.memory(), keywheel.descriptors()
    waiting = [asyncio.ensure_future(client.ask(keywheel.port, client.post(client.CHAT))) for _ in range(number)]
    world.started.append(lambda: [one.cancel() for one in waiting])
    await client.until("all wait", lambda: len(upstream.writers) >= number)
    await world.stays_fast(keywheel, before, SMALL)
    grown = (keywheel.memory() - memory) / MIB
    world.at_most("memory, MiB", round(grown, 1), round(bounds.allowed(number, bounds.BLOCKS) / MIB, 1))
    came = [answer.status for answer in await asyncio.gather(*waiting)]
    world.equal("told 504", came.count(504), number)
    await client.until("their descriptors are free", lambda: keywheel.descriptors() <= descriptors + 8)
    await world.unblamed(keywheel)


@fault("client-never-reads", "clients that never read an answer of 256 MiB", quick=True)
async def client_never_reads(world):
    number, size = world.size(64, 8), 256 * MIB
    piece = b"x" * 65536
    sent = [0]

    async def endless(request, writer):
        await request.read_body()
        if "small" in request.query:
            writer.write(plain())
            return True
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(size // len(piece)):
            writer.write(piece)
            await writer.drain()
            sent[0] += len(piece)
        return True

    upstream = await world.upstream(endless)
    keywheel = await world.keywheel(upstream, {"STREAM_IDLE_TIMEOUT": "6s", "LOG_LEVEL": "warn"})
    before = await world.pace(keywheel, path=SMALL)
    memory, descriptors = keywheel.memory(), keywheel.descriptors()
    for one in world.crowd(keywheel, number, client.post(client.CHAT)):
        one.setblocking(False)
    await stands_still(lambda: sent[0])
    stalled_at = time.monotonic()
    grown = (keywheel.memory() - memory) / MIB
    world.note("clients", number)
    world.at_most("memory, MiB", round(grown, 1), round(bounds.allowed(number, bounds.BLOCKS) / MIB, 1))
    world.at_most("taken of each answer, MiB", round(sent[0] / number / MIB, 1), 64)
    await world.stays_fast(keywheel, before, SMALL)
    await client.until("they are let go", lambda: keywheel.descriptors() <= descriptors + 8)
    # Half as long again: a peer that takes nothing must not be given its time anew.
    world.at_most("let go after, s", round(time.monotonic() - stalled_at, 1), 9)
    await world.unblamed(keywheel)


async def stands_still(count):
    """Until a count that was growing has been the same for half a second."""
    last, since = None, 0
    while since < 10:
        now = count()
        since = since + 1 if now and now == last else 0
        last = now
        await asyncio.sleep(0.05)


@fault("upstream-never-reads", "uploads of 96 MiB that the upstream never reads", quick=True)
async def upstream_never_reads(world):
    number, size = world.size(64, 8), 96 * MIB

    async def deaf(request, writer):
        if "small" in request.query:
            await request.read_body()
            writer.write(plain())
            return True
        writer.transport.pause_reading()
        await asyncio.sleep(client.PATIENCE)
        return False

    upstream = await world.upstream(deaf)
    settings = {"STREAM_IDLE_TIMEOUT": "6s", "LIMIT_BUDGET": "8s", "REQUEST_TIMEOUT": "6s", "LOG_LEVEL": "warn"}
    keywheel = await world.keywheel(upstream, settings)
    before = await world.pace(keywheel, path=SMALL)
    memory, descriptors = keywheel.memory(), keywheel.descriptors()
    taken = [0]

    async def upload():
        one = await client.Connection.open(keywheel.port)
        await one.send(client.post("/v1/files", b"")[:-4].replace(b"Content-Length: 0", b"Content-Length: %d" % size) + b"\r\n\r\n")
        answer = asyncio.ensure_future(one.answer())
        piece = b"x" * 65536
        left = size
        try:
            while left and not answer.done():
                sending = asyncio.ensure_future(one.send(piece))
                await asyncio.wait([sending, answer], return_when=asyncio.FIRST_COMPLETED)
                if not sending.done():
                    sending.cancel()
                    break
                sending.result()
                left -= len(piece)
                taken[0] += len(piece)
            return (await answer).status
        except (ConnectionError, asyncio.IncompleteReadError):
            return 0
        finally:
            one.close()

    tasks = [asyncio.ensure_future(upload()) for _ in range(number)]
    world.started.append(lambda: [task.cancel() for task in tasks])
    await stands_still(lambda: taken[0])
    grown = (keywheel.memory() - memory) / MIB
    bound = bounds.allowed(number, bounds.BLOCKS, bounds.REPLAY)
    world.note("uploads", number)
    world.at_most("memory, MiB", round(grown, 1), round(bound / MIB, 1))
    world.at_most("taken of each upload, MiB", round(taken[0] / number / MIB, 1), 64)
    await world.stays_fast(keywheel, before, SMALL)
    came = await asyncio.gather(*tasks)
    world.equal("told 504, 408 or 502", sum(status in (504, 408, 502) for status in came), number)
    world.note("statuses", " ".join(sorted({str(status) for status in came})))
    await client.until("they are let go", lambda: keywheel.descriptors() <= descriptors + 8)
    await world.unblamed(keywheel)


@fault("strangers-upload", "200 clients without a token that send a body without end", quick=True)
async def strangers_upload(world):
    number = 200
    upstream = await world.upstream()
    keywheel = await world.keywheel(upstream, {"LIMIT_LINGER": "10min", "LIMIT_LINGER_BYTES": "1MiB", "LOG_LEVEL": "warn"})
    before = await world.pace(keywheel)
    memory, descriptors = keywheel.memory(), keywheel.descriptors()
    head = client.post("/v1/files", b"", token="nobody").replace(b"Content-Length: 0", b"Content-Length: %d" % (1 << 40))
    sent = [0]

    async def upload():
        one = await client.Connection.open(keywheel.port)
        await one.send(head)
        answer = await one.answer()
        try:
            while True:
                await one.send(b"x" * 65536)
                sent[0] += 65536
        except ConnectionError:
            return answer.status
        finally:
            one.close()

    uploads = [asyncio.ensure_future(upload()) for _ in range(number)]
    world.started.append(lambda: [upload.cancel() for upload in uploads])
    await world.stays_fast(keywheel, before)
    grown = (keywheel.memory() - memory) / MIB
    world.at_most("memory, MiB", round(grown, 1), round(bounds.allowed(number, bounds.BLOCKS) / MIB, 1))
    came = await asyncio.gather(*uploads)
    world.equal("told 401", came.count(401), number)
    # What the system's buffers hold comes on top.
    world.at_most("taken of each, MiB", round(sent[0] / number / MIB, 1), 16)
    await client.until("their descriptors are free", lambda: keywheel.descriptors() <= descriptors + 8)
    await world.unblamed(keywheel)
