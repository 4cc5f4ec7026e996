"""Very many connections: idle ones, storms of new ones, churn, more than are allowed, more than there are descriptors for."""

import asyncio
import socket
import time

import bounds
import client
from cases import fault

ADDRESSES = [f"127.0.0.{n}" for n in range(2, 18)]


def heard(one, patience=client.PATIENCE):
    """What comes on a blocking socket up to the end of an answer's head, or of the stream."""
    one.settimeout(patience)
    data = b""
    while b"\r\n\r\n" not in data:
        piece = one.recv(4096)
        if not piece:
            break
        data += piece
    return data


@fault("idle-clients", "9,000 clients that keep their connection and ask nothing", quick=True)
async def idle_clients(world):
    number = 9000
    upstream = await world.upstream()
    keywheel = await world.keywheel(upstream, {"LIMIT_KEEP_ALIVE": "10min", "LOG_LEVEL": "warn"})
    before = await world.pace(keywheel)
    memory, descriptors = keywheel.memory(), keywheel.descriptors()
    crowd = world.crowd(keywheel, number, client.get("/livez"), ADDRESSES)
    answers = sum(heard(one).startswith(b"HTTP/1.1 200") for one in crowd)
    world.equal("clients", answers, number)
    grown = keywheel.memory() - memory
    world.at_most("memory, MiB", round(grown / 2**20, 1), round(bounds.allowed(number) / 2**20, 1))
    world.note("KiB a client", round(grown / number / 1024, 2))
    await world.stays_fast(keywheel, before)
    for one in crowd:
        one.close()
    await client.until("their descriptors are free", lambda: keywheel.descriptors() <= descriptors + 8)
    await world.unblamed(keywheel)


@fault("accept-storm", "4,000 connections that come at once, each with a request", quick=True)
async def accept_storm(world):
    number = 4000
    upstream = await world.upstream()
    keywheel = await world.keywheel(upstream, {"LOG_LEVEL": "warn"})
    before = await world.pace(keywheel)
    storm = []
    for n in range(number):
        one = socket.socket()
        one.setblocking(False)
        one.bind((ADDRESSES[n % len(ADDRESSES)], 0))
        one.connect_ex(("127.0.0.1", keywheel.port))
        storm.append(one)
    world.sockets += storm
    answers = 0
    for one in storm:
        one.settimeout(client.PATIENCE)
        one.sendall(client.get("/livez"))
        answers += heard(one).startswith(b"HTTP/1.1 200")
    world.equal("answered", answers, number)
    for one in storm:
        one.close()
    await world.stays_fast(keywheel, before)


@fault("churn", "200,000 connections (short: 10,000) one after another from 16 addresses, a request each", quick=True)
async def churn(world):
    number = world.size(200_000, 10_000)
    upstream = await world.upstream()
    keywheel = await world.keywheel(upstream, {"LOG_LEVEL": "warn"})
    before = await world.pace(keywheel)
    warm, answers = number // 10, 0
    memory = descriptors = 0
    for n in range(number):
        if n == warm:
            memory, descriptors = keywheel.memory(), keywheel.descriptors()
        one = socket.socket()
        one.bind((ADDRESSES[n % len(ADDRESSES)], 0))
        one.connect(("127.0.0.1", keywheel.port))
        one.sendall(client.get("/livez"))
        answers += heard(one).startswith(b"HTTP/1.1 200")
        if n % 2:
            # Every other one breaks off instead of ending in order.
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        one.close()
    world.equal("answered", answers, number)
    await client.until("their descriptors are free", lambda: keywheel.descriptors() <= descriptors + 8)
    world.at_most("memory since the first tenth, MiB", round((keywheel.memory() - memory) / 2**20, 1), 8)
    await world.stays_fast(keywheel, before)


@fault("connection-cap", "more clients than LIMIT_CONNECTIONS allows: 503 at once, room again when some leave", quick=True)
async def connection_cap(world):
    cap, beyond = 100, 60
    upstream = await world.upstream()
    keywheel = await world.keywheel(upstream, {"WORKERS": "1", "LIMIT_CONNECTIONS": str(cap)})
    crowd = []
    while len(crowd) < cap:
        one = world.crowd(keywheel, 1, client.get("/livez"))
        crowd += [one[0]] if heard(one[0]).startswith(b"HTTP/1.1 200") else []
        await asyncio.sleep(0.01)
    refused = await asyncio.gather(*(client.ask(keywheel.port, client.post(client.CHAT)) for _ in range(beyond)))
    world.equal("answered 503", sum(answer.status == 503 for answer in refused), beyond)
    world.holds("code", {answer.code() for answer in refused} == {"too_many_connections"})
    world.holds("said when to come back", all("retry-after" in answer.fields for answer in refused))
    world.holds("said in the log", "100 connections are open" in keywheel.log())
    for one in crowd[:10]:
        one.close()

    async def has_room():
        return (await client.ask(keywheel.port, client.post(client.CHAT))).status == 200

    await client.until("there is room again", has_room)
    await world.works(keywheel)


@fault("descriptors", "no descriptor is left: accepting backs off without burning the core, and recovers", quick=True)
async def descriptors(world):
    limit = 160
    upstream = await world.upstream()
    keywheel = await world.keywheel(upstream, {"LIMIT_HEAD_TIME": "10min"}, descriptors=(limit, limit))
    await world.works(keywheel)
    held = await client.Connection.open(keywheel.port)
    await held.ask(client.get("/livez"))
    crowd = world.crowd(keywheel, 2 * limit, b"GET /li")
    await client.until("it lacks descriptors", lambda: "cannot accept" in keywheel.log())
    # Who is in is served: by itself, by an idle upstream connection or, where none can be made, by an error that is no key's.
    world.holds("a client that is in is answered", (await held.ask(client.get("/livez"))).status == 200)
    proxied = await held.ask(client.post(client.CHAT))
    told = proxied.status == 502 and b"no descriptor or port left" in proxied.body
    world.holds(f"its proxied request, too, or it is told why not ({proxied.status})", proxied.status == 200 or told)
    world.note("connections beyond", len(crowd) - keywheel.descriptors())
    began, used = time.monotonic(), keywheel.cpu()
    await asyncio.sleep(2)
    share = (keywheel.cpu() - used) / (time.monotonic() - began)
    world.at_most("share of a core while it lacks them", round(share, 2), 0.2)
    world.holds("it lives", keywheel.process.poll() is None)
    for one in crowd:
        one.close()
    await client.until("it accepts again", keywheel.accepts)
    await world.works(keywheel)
    await world.unblamed(keywheel)


@fault("descriptor-limit", "the soft limit of descriptors is raised to the hard one at start, and said", quick=True)
async def descriptor_limit(world):
    soft, hard = 128, 2048
    upstream = await world.upstream()
    keywheel = await world.keywheel(upstream, descriptors=(soft, hard))
    limits = open(f"/proc/{keywheel.pid}/limits").read()
    line = next(line for line in limits.splitlines() if line.startswith("Max open files"))
    world.equal("soft limit", int(line.split()[3]), hard)
    world.holds("said", f"{hard}" in keywheel.log() and "descriptors" in keywheel.log())
    crowd = world.crowd(keywheel, 1000, client.get("/livez"))
    world.equal("clients", sum(heard(one).startswith(b"HTTP/1.1 200") for one in crowd), 1000)
