"""One fault's world: keywheel as a process, how it is measured, and the figures that come of it."""

import asyncio
import os
import pathlib
import resource
import signal
import statistics
import subprocess
import time

import client
import harness
from relay import free_port
from upstream import Upstream

#: CORE_DUMPS lets whoever started it count its descriptors.
BASE = {"WORKERS": "2", "LOG_FORMAT": "json", "CORE_DUMPS": "true"}
#: A normal request may take so many times longer under a fault than before it: the median, the slowest of a hundred. Ratios, since
#: machines differ.
SLOWER = 5
SLOWEST = 20
PAGE = os.sysconf("SC_PAGE_SIZE")
TICK = os.sysconf("SC_CLK_TCK")
MIB = 1 << 20


class Keywheel:
    """The binary, running."""

    def __init__(self, runtime, folder, settings, port=None, descriptors=None, preload=None, stdout=None):
        self.port = port or free_port()
        self.err = folder / "keywheel.err"
        self.out = folder / "keywheel.out"
        settings = BASE | {"PORT": str(self.port)} | settings
        if preload:
            settings["LD_PRELOAD"] = str(preload)

        def limit():
            if descriptors:
                resource.setrlimit(resource.RLIMIT_NOFILE, descriptors)

        streams = {"stdout": stdout or open(self.out, "ab"), "stderr": open(self.err, "ab")}
        self.process = harness.launch(runtime, folder, settings, preexec_fn=limit, **streams)
        self.pid = self.process.pid

    async def ready(self):
        def answers():
            assert self.process.poll() is None, f"keywheel ended with {self.process.returncode}: {self.err.read_text()}"
            return self.accepts()

        await client.until("keywheel is ready", answers)
        return self

    async def accepts(self):
        try:
            return (await client.ask(self.port, client.get("/livez"))).status == 200
        except (OSError, asyncio.IncompleteReadError):
            return False

    def memory(self):
        """Bytes resident."""
        return int(pathlib.Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * PAGE

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def cpu(self):
        """Seconds of CPU used so far."""
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def log(self):
        return self.out.read_text(errors="replace")

    def signal(self, which):
        self.process.send_signal(which)

    async def stats(self):
        return await client.stats(self.port)

    async def wait(self, patience=client.PATIENCE):
        """Its exit code once it has ended."""
        await client.until("keywheel ends", lambda: self.process.poll() is not None, patience)
        return self.process.returncode

    async def end(self):
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        return await self.wait()

    def kill(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()


class World:
    """What a case works with. Everything that it starts ends with it."""

    def __init__(self, fault, runtime, full, folder):
        self.fault, self.runtime, self.full, self.folder = fault, runtime, full, folder
        self.figures = {}
        self.bounds = {}
        self.failures = []
        self.started = []
        self.sockets = []

    def size(self, full, short):
        """How many: of the full version, of the short one."""
        return full if self.full else short

    # What is started.

    async def upstream(self, *answer, **where):
        upstream = await Upstream(*answer).start(**where)
        self.started.append(upstream.stop)
        return upstream

    async def keywheel(self, upstream, settings=None, **more):
        """Ready, in front of an upstream (or of a base URL)."""
        base = upstream if isinstance(upstream, str) else f"http://127.0.0.1:{upstream.port}/v1"
        keywheel = Keywheel(self.runtime, self.folder, {"OPENAI_BASE_URL": base} | (settings or {}), **more)
        self.started.append(keywheel.kill)
        return await keywheel.ready()

    def program(self, command, **more):
        process = subprocess.Popen(command, **more)

        def end():
            if process.poll() is None:
                process.kill()
            process.wait()

        self.started.append(end)
        return process

    def load(self, keywheel, clients, **more):
        load = client.Load(keywheel.port, clients, **more)
        self.started.append(lambda: [task.cancel() for task in load.tasks])
        return load

    def crowd(self, keywheel, number, data=b"", addresses=("127.0.0.1",)):
        """So many connections that send `data` and then do nothing; their sockets."""
        import socket

        crowd = []
        for n in range(number):
            one = socket.socket()
            one.bind((addresses[n % len(addresses)], 0))
            one.connect(("127.0.0.1", keywheel.port))
            one.sendall(data)
            crowd.append(one)
        self.sockets += crowd
        return crowd

    def close(self):
        for one in self.sockets:
            one.close()
        for end in reversed(self.started):
            end()

    # What is found.

    def note(self, name, value):
        self.figures[name] = round(value, 3) if isinstance(value, float) else value

    def fail(self, text):
        self.failures.append(text)

    def holds(self, what, held):
        """What is no figure."""
        if not held:
            self.fail(f"not so: {what}")

    def at_most(self, name, value, bound):
        self.note(name, value)
        self.bounds[name] = f"at most {bound}"
        if value > bound:
            self.fail(f"{name}: {value} is more than {bound}")

    def at_least(self, name, value, bound):
        self.note(name, value)
        self.bounds[name] = f"at least {bound}"
        if value < bound:
            self.fail(f"{name}: {value} is less than {bound}")

    def equal(self, name, value, expected):
        """A figure if it is a number that says something."""
        if isinstance(value, int) and value > 1:
            self.note(name, value)
        if value != expected:
            self.fail(f"{name}: {value!r} is not {expected!r}")

    # What is measured the same way by many.

    async def pace(self, keywheel, requests=100, path=client.CHAT):
        """How long a normal request on a new connection takes: the median, and the slowest of a hundred."""
        times = []
        for _ in range(requests):
            began = time.perf_counter()
            answer = await client.ask(keywheel.port, client.post(path))
            times.append(time.perf_counter() - began)
            assert answer.status == 200, f"a normal request got {answer.status}: {answer.body[:300]}"
        return statistics.median(times), statistics.quantiles(times, n=100)[-1]

    async def stays_fast(self, keywheel, before, path=client.CHAT):
        """A normal request still takes no more than so many times what it took; others are busy, too, so it has ten tries."""
        for _ in range(10):
            p50, p99 = (now / then for now, then in zip(await self.pace(keywheel, path=path), before))
            if p50 <= SLOWER and p99 <= SLOWEST:
                break
        self.at_most("a normal request's p50, times slower", p50, SLOWER)
        self.at_most("its p99", p99, SLOWEST)

    async def unblamed(self, keywheel):
        """Every key is in, and nobody waits or holds a lease."""
        await client.until("no lease is left", lambda: self.is_settled(keywheel))
        keys = (await keywheel.stats())["keys"]
        self.equal("keys out", keys["totalKeys"] - keys["healthyKeys"], 0)

    async def is_whole(self, keywheel):
        keys = (await keywheel.stats())["keys"]
        return keys["healthyKeys"] == keys["totalKeys"]

    async def is_settled(self, keywheel):
        keys = (await keywheel.stats())["keys"]
        return keys["inFlight"] == 0 and keys["waiting"] == 0

    async def works(self, keywheel):
        """A normal request is answered."""
        answer = await client.ask(keywheel.port, client.post(client.CHAT))
        self.holds(f"a normal request is answered afterwards ({answer.status})", answer.status == 200)
