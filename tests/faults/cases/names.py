"""Name lookup that fails, is slow, changes. In a namespace of its own: its /etc/resolv.conf names a server of the case's."""

import asyncio
import pathlib
import struct
import subprocess
import time

import client
from cases import fault

NAME = "upstream.test"


class Names(asyncio.DatagramProtocol):
    """A name server for one name, which answers as it is told: an address, no such name, an error, or late."""

    def __init__(self):
        self.address, self.rcode, self.delay, self.asked = "127.0.0.1", 0, 0.0, 0

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, source):
        self.asked += 1
        asyncio.get_running_loop().call_later(self.delay, self.reply, data, source)

    def reply(self, data, source):
        """RFC 1035 section 4.1: the question comes back, an A question of a good name gets an address of TTL 0."""
        end = data.index(b"\0", 12) + 5
        kind = struct.unpack("!H", data[end - 4 : end - 2])[0]
        address = b""
        if kind == 1 and not self.rcode:
            numbers = bytes(int(part) for part in self.address.split("."))
            address = struct.pack("!HHHIH", 0xC00C, 1, 1, 0, 4) + numbers
        head = data[:2] + struct.pack("!HHHHH", 0x8180 | self.rcode, 1, bool(address), 0, 0)
        self.transport.sendto(head + data[12:end] + address, source)


async def serve_names(world):
    """This namespace asks 127.0.0.1, where the server is."""
    for path, text in [
        ("/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"),
        ("/etc/nsswitch.conf", "hosts: dns\n"),
    ]:
        file = world.folder / pathlib.Path(path).name
        file.write_text(text)
        pathlib.Path(path).touch()
        subprocess.run(["mount", "--bind", file, path], check=True, capture_output=True)
    loop = asyncio.get_running_loop()
    transport, names = await loop.create_datagram_endpoint(Names, local_addr=("127.0.0.1", 53))
    world.started.append(transport.close)
    return names


@fault("dns-fails", "the upstream's name cannot be looked up (no such name; server failure), then can", quick=True, namespace=True)
async def dns_fails(world):
    names = await serve_names(world)
    upstream = await world.upstream()
    keywheel = await world.keywheel(f"http://{NAME}:{upstream.port}/v1", {"MAX_RETRIES": "1"})
    for rcode, what in ((3, "no such name"), (2, "server failure")):
        names.rcode = rcode
        answer = await client.ask(keywheel.port, client.post(client.CHAT))
        world.holds(f"{what}: 502 ({answer.status})", answer.status == 502)
        world.holds(f"{what}: said", f"looking {NAME} up" in answer.body.decode())
    await world.unblamed(keywheel)
    names.rcode = 0
    await world.works(keywheel)
    world.note("lookups", names.asked)


@fault("dns-slow", "looking the name up takes longer than is waited for: told in time, others go on", quick=True, namespace=True)
async def dns_slow(world):
    names = await serve_names(world)
    upstream = await world.upstream()
    settings = {"CONNECT_TIMEOUT": "700ms", "MAX_RETRIES": "0", "LOG_LEVEL": "warn"}
    keywheel = await world.keywheel(f"http://{NAME}:{upstream.port}/v1", settings)
    names.delay = 30
    waiting = [asyncio.ensure_future(client.ask(keywheel.port, client.post(client.CHAT))) for _ in range(20)]
    world.started.append(lambda: [one.cancel() for one in waiting])
    world.holds("another request meanwhile", (await client.ask(keywheel.port, client.get("/livez"))).status == 200)
    began = time.monotonic()
    came = await asyncio.gather(*waiting)
    world.note("asked at once", len(came))
    world.at_most("told after, s", round(time.monotonic() - began, 1), 10)
    world.equal("told in time", {answer.status for answer in came}, {502})
    world.holds("said", all(f"looking {NAME} up" in answer.body.decode() for answer in came))
    await world.unblamed(keywheel)
    names.delay = 0.2
    await world.works(keywheel)


@fault("dns-changes", "the name's address changes: a connection that is old enough is made anew, to the new one", quick=True, namespace=True)
async def dns_changes(world):
    names = await serve_names(world)
    old = await world.upstream(host="127.0.0.1")
    new = await world.upstream(port=old.port, host="127.0.0.2")
    settings = {"LIMIT_UPSTREAM_AGE": "1s"}
    keywheel = await world.keywheel(f"http://{NAME}:{old.port}/v1", settings)
    load = world.load(keywheel, 4)
    await load.more(100)
    world.equal("at the old address", (old.heads > 0, new.heads), (True, 0))
    names.address = "127.0.0.2"
    await client.until("the new address is used", lambda: new.heads > 0)

    async def quiet():
        before = old.heads
        await load.more(50)
        return old.heads == before

    await client.until("the old one is no more", quiet)
    came = await load.stop()
    world.equal("answers", set(came), {200})
    world.note("answered", load.answered)
    await world.unblamed(keywheel)
