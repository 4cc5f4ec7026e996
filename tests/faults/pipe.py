"""A pipe between keywheel and one of its peers that can stop carrying: nothing passes, and nobody is told, as when a cable is cut."""

import asyncio


class Pipe:
    """Passes bytes between whoever connects to `port` and 127.0.0.1:target."""

    def __init__(self, target):
        self.target = target
        self.carries = asyncio.Event()
        self.carries.set()
        self.tasks = set()
        self.connections = 0

    async def start(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0, backlog=4096)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    def cut(self):
        """From now on what is sent is lost on its way: new connections are taken and go nowhere."""
        self.carries.clear()

    def mend(self):
        """New connections are carried; those that were cut never are again."""
        for task in self.tasks:
            task.cancel()
        self.carries.set()

    def stop(self):
        self.server.close()
        for task in self.tasks:
            task.cancel()

    async def serve(self, reader, writer):
        self.connections += 1
        task = asyncio.current_task()
        self.tasks.add(task)
        ends = [writer]
        try:
            await self.carries.wait()
            to_target = await asyncio.open_connection("127.0.0.1", self.target)
            ends.append(to_target[1])
            await asyncio.gather(self.pump(reader, to_target[1]), self.pump(to_target[0], writer))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self.tasks.discard(task)
            for end in ends:
                end.transport.abort()

    async def pump(self, reader, writer):
        while piece := await reader.read(1 << 16):
            if not self.carries.is_set():
                # Lost. The connection stays as it is, from both sides.
                await asyncio.Event().wait()
            writer.write(piece)
            await writer.drain()
        await self.carries.wait()
        writer.write_eof()
