"""Files that are no plain files: keywheel starts from a pipe that is written to, and says what it waits for when none is."""

import array
import fcntl
import os
import termios
import time

import client
from cases import fault
from harness import ADMIN, KEYS
from world import Keywheel

#: How long a pipe may give nothing, in seconds: 500 times 20 ms, and what a busy machine adds.
WAITS = 20


@fault("keys-pipe", "KEYS_FILE is a pipe into which nobody writes, at the start and at a reload")
async def keys_pipe(world):
    pipe = world.folder / "pipe"
    os.mkfifo(pipe)
    upstream = await world.upstream()
    settings = {"KEYS_FILE": str(pipe), "OPENAI_BASE_URL": f"http://127.0.0.1:{upstream.port}/v1"}
    began = time.monotonic()
    silent = Keywheel(world.runtime, world.folder, settings)
    world.started.append(silent.kill)
    world.holds("a start without a writer fails", await silent.wait() == 2)
    world.at_most("it waits, s", round(time.monotonic() - began, 1), WAITS)
    world.holds("it says what for", "it is a pipe, and for 10 s nothing came out of it" in silent.err.read_text())

    silent.err.write_text("")
    keywheel = Keywheel(world.runtime, world.folder, settings)
    world.started.append(keywheel.kill)

    def write():
        """Opened for both, which does not wait for a reader (fifo(7))."""
        end = os.open(pipe, os.O_RDWR)
        os.write(end, "\n".join(KEYS).encode() + b"\n")
        return end

    end = write()
    await client.until("it has read", lambda: is_empty(end))
    os.close(end)
    await keywheel.ready()
    world.equal("keys", (await keywheel.stats())["keys"]["totalKeys"], len(KEYS))

    load = world.load(keywheel, 4)
    answer = await client.ask(keywheel.port, client.post("/reload", b"", ADMIN))
    world.holds(f"a reload without a writer is refused ({answer.status})", answer.status >= 400)
    world.holds("and says why", "it is a pipe" in answer.body.decode())
    world.at_least("answers meanwhile", load.answered, 100)
    came = await load.stop()
    world.equal("answers", set(came), {200})
    await world.works(keywheel)


def is_empty(pipe):
    """Whether all that was written into it was read."""
    left = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, left)
    return left[0] == 0
