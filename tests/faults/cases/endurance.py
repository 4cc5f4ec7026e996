"""Hours in minutes: traffic of every kind, with faults on both sides, until nothing that leaks could hide."""

import asyncio
import collections
import json
import os
import random
import signal
import time

import client
from cases import fault
from harness import ADMIN
from upstream import plain
from world import MIB

CLIENTS = 24
UPLOAD = client.post("/v1/files", b"x" * 300_000)
ERRORS = {
    "429 Too Many Requests": (b'{"error":{"code":"rate_limit_exceeded","type":"requests"}}', "Retry-After: 1\r\n"),
    "500 Internal Server Error": (b'{"error":{"message":"oops"}}', ""),
    "503 Service Unavailable": (b"", ""),
    "400 Bad Request": (b'{"error":{"message":"no","type":"invalid_request_error"}}', ""),
}


class Provider:
    """Answers as chance has it: mostly well, sometimes late, in events, with an error, cut, or not at all."""

    def __init__(self, seed):
        self.chance = random.Random(seed)

    async def answer(self, request, writer):
        await request.read_body()
        lot = self.chance.random()
        if lot < 0.70:
            writer.write(plain())
        elif lot < 0.85:
            await self.events(writer)
        elif lot < 0.88:
            await asyncio.sleep(0.05)
            writer.write(plain())
        elif lot < 0.95:
            status = self.chance.choice(list(ERRORS))
            body, fields = ERRORS[status]
            writer.write(plain(body, status, fields))
        elif lot < 0.97:
            writer.write(plain()[:-20])
            return False
        elif lot < 0.99:
            writer.transport.abort()
            return False
        else:
            writer.write(plain(fields="Connection: close\r\n"))
            return False
        await writer.drain()
        return True

    @staticmethod
    async def events(writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(5):
            writer.write(b"9\r\ndata: x\n\n\r\n")
            await writer.drain()
            await asyncio.sleep(0.002)
        writer.write(b"0\r\n\r\n")


class Traffic:
    """Clients of every kind, which count each request of which keywheel has read the head."""

    def __init__(self, keywheel, seed):
        self.port, self.chance = keywheel.port, random.Random(seed)
        self.asked = collections.Counter()
        self.came = collections.Counter()
        self.going = True

    async def client(self):
        one = None
        while self.going:
            kind = self.chance.choices(["chat", "upload", "leave", "malformed", "stranger"], [70, 10, 8, 4, 8])[0]
            one = one or await client.Connection.open(self.port)
            kept = await getattr(self, kind)(one)
            if not kept:
                one.abort()
                one = None
            await asyncio.sleep(self.chance.uniform(0.02, 0.1))
        if one:
            one.close()

    async def ask(self, one, data):
        try:
            answer = await one.ask(data)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.came["broken"] += 1
            return False
        self.came[answer.status if answer.complete else "cut"] += 1
        return answer.complete and "close" not in answer.fields.get("connection", "")

    async def chat(self, one):
        self.asked["proxied"] += 1
        return await self.ask(one, client.post(client.CHAT))

    async def upload(self, one):
        self.asked["proxied"] += 1
        return await self.ask(one, UPLOAD)

    async def leave(self, one):
        """Goes when the answer begins, so that its request was surely read."""
        self.asked["proxied"] += 1
        await one.send(client.post(client.CHAT))
        await one.reader.read(1)
        self.came["left"] += 1
        return False

    async def malformed(self, one):
        self.asked["malformed"] += 1
        return await self.ask(one, b"GET /v1/models HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")

    async def stranger(self, one):
        self.asked["stranger"] += 1
        return await self.ask(one, client.post(client.CHAT, token="nobody"))


class Lines:
    """The log, read as it comes: each request's line is counted."""

    def __init__(self):
        self.requests = self.attempts = self.dropped = self.panics = 0
        self.kinds = collections.Counter()

    async def read(self, reader):
        while line := await reader.readline():
            record = json.loads(line)
            self.dropped += record["kind"] == "log_dropped"
            self.panics += record["kind"] == "panic"
            if record["kind"] != "request" or not record["path"].startswith(("/v1", "-")):
                continue
            self.requests += 1
            self.attempts += record["retries"] + 1 if record["key"] else 0
            self.kinds["proxied" if record["key"] else "other"] += 1


async def troubles(world, keywheel, ends, samples):
    """Until then: reloads, resets, stops; and each second a look at memory and descriptors."""
    n = 0
    while time.monotonic() < ends:
        n += 1
        await asyncio.sleep(1)
        samples.append((keywheel.memory(), keywheel.descriptors()))
        if n % 5 == 0:
            keywheel.signal(signal.SIGHUP)
        if n % 7 == 0:
            await client.ask(keywheel.port, client.post("/reset-keys", b"", ADMIN))
        if n % 11 == 0:
            keywheel.signal(signal.SIGSTOP)
            await asyncio.sleep(0.2)
            keywheel.signal(signal.SIGCONT)


@fault("endurance", "20 minutes (short: 60 s) of mixed traffic with faults on both sides", full=1500)
async def endurance(world):
    seconds, seed = world.size(1200, 60), 7
    upstream = await world.upstream(Provider(seed).answer)
    read, write = os.pipe()
    keywheel = await world.keywheel(upstream, stdout=write)
    os.close(write)
    lines, reader = Lines(), asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read, "rb"))
    reading = asyncio.ensure_future(lines.read(reader))
    traffic, samples = Traffic(keywheel, seed), []
    clients = [asyncio.ensure_future(traffic.client()) for _ in range(CLIENTS)]
    world.started.append(lambda: [task.cancel() for task in [reading, *clients]])
    await troubles(world, keywheel, time.monotonic() + seconds, samples)
    traffic.going = False
    await asyncio.gather(*clients)
    await client.until("every lease is settled", lambda: world.is_settled(keywheel))
    stats = await keywheel.stats()
    world.equal("exit code", await keywheel.end(), 0)
    await reading
    judge(world, traffic, lines, stats, upstream, samples)


def judge(world, traffic, lines, stats, upstream, samples):
    keys, fifth = stats["keys"], len(samples) // 5
    memory = [max(memory for memory, _ in part) / MIB for part in (samples[fifth : 2 * fifth], samples[-fifth:])]
    descriptors = [max(number for _, number in part) for part in (samples[fifth : 2 * fifth], samples[-fifth:])]
    world.note("answers", " ".join(f"{status}:{count}" for status, count in sorted(traffic.came.items(), key=str)))
    world.equal("requests", stats["server"]["requestCount"], traffic.asked["proxied"])
    world.equal("log lines", lines.requests, sum(traffic.asked.values()))
    attempts = sum(keys["counts"].values())
    world.equal("attempts", attempts, lines.attempts)
    world.equal("attempts of all keys", sum(sum(row["counts"].values()) for row in stats["rows"]), attempts)
    world.at_most("requests that reached the upstream", upstream.heads, attempts)
    world.equal("leases not settled", keys["inFlight"] + sum(row["inFlight"] for row in stats["rows"]), 0)
    world.equal("log lines dropped, panics", lines.dropped + lines.panics, 0)
    world.at_most("memory after warm-up, MiB", round(memory[1], 1), round(memory[0] + 8, 1))
    world.at_most("descriptors after warm-up", descriptors[1], descriptors[0] + 16)
