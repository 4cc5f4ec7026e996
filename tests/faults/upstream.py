"""A provider that does as it is told: every request is handed to `answer`, which may do anything with the connection.

As a program, `upstream.py PORT`, it gives the plain answer until it is killed.
"""

import asyncio
import collections
import json
import sys
from urllib.parse import parse_qs, urlsplit

CHAT = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6},
    }
).encode()


class Request:
    """A request's head, and its body once `read_body` was awaited."""

    def __init__(self, head, reader):
        lines = head.decode("latin-1").split("\r\n")
        self.method, self.target, _ = lines[0].split(" ")
        self.fields = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            self.fields[name.strip().lower()] = value.strip()
        self.query = {name: values[0] for name, values in parse_qs(urlsplit(self.target).query).items()}
        self.reader = reader
        self.body = b""

    async def read_body(self):
        if "chunked" in self.fields.get("transfer-encoding", ""):
            while size := int(await self.reader.readuntil(b"\r\n"), 16):
                self.body += (await self.reader.readexactly(size + 2))[:-2]
            await self.reader.readuntil(b"\r\n")
        else:
            self.body = await self.reader.readexactly(int(self.fields.get("content-length", 0)))
        return self.body


def plain(body=CHAT, status="200 OK", fields=""):
    """The bytes of an answer."""
    return f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{fields}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def good(request, writer):
    """Reads the request, answers it, keeps the connection."""
    await request.read_body()
    writer.write(plain())
    await writer.drain()
    return True


class Upstream:
    """Listens on loopback. `answer(request, writer)` returns whether the connection is kept."""

    def __init__(self, answer=good):
        self.answer = answer
        self.heads = 0
        #: How often each request that names itself by `?id=` arrived whole.
        self.arrived = collections.Counter()
        self.writers = set()

    async def start(self, port=0, host="127.0.0.1"):
        self.server = await asyncio.start_server(
            self.serve, host, port, limit=1 << 20, backlog=4096, reuse_address=True
        )
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def serve(self, reader, writer):
        self.writers.add(writer)
        try:
            kept = True
            while kept:
                request = Request(await reader.readuntil(b"\r\n\r\n"), reader)
                self.heads += 1
                kept = await self.answer(request, writer)
                if "id" in request.query:
                    self.arrived[request.query["id"]] += 1
        except (asyncio.IncompleteReadError, OSError):
            pass
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self.writers.discard(writer)
            writer.close()

    def stop(self):
        """Stops listening, breaks every connection."""
        self.server.close()
        for writer in list(self.writers):
            writer.transport.abort()


async def main(port):
    upstream = await Upstream().start(port)
    print(upstream.port, flush=True)
    await upstream.server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
