"""Clients of keywheel: one request at a time on a connection that is kept, and a load of many that counts what came back."""

import asyncio
import collections
import itertools
import json
import time

from harness import ADMIN, TOKENS

#: Longer than anything here takes on a machine that is busy with other things; it ends what hangs.
PATIENCE = 60
BODY = json.dumps({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hello"}]}).encode()


class Answer:
    """What came back: `complete` is False when the connection ended within it."""

    def __init__(self, status, fields, body, complete=True):
        self.status, self.fields, self.body, self.complete = status, fields, body, complete

    def json(self):
        return json.loads(self.body)

    def code(self):
        """`error.code` of an error in OpenAI's shape."""
        try:
            return self.json()["error"]["code"]
        except (ValueError, KeyError, TypeError):
            return None


def post(path, body=BODY, token=TOKENS[0], **fields):
    """The bytes of a request with a body."""
    extra = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    head = f"POST {path} HTTP/1.1\r\nHost: proxy.test\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"
    return f"{head}{extra}Content-Length: {len(body)}\r\n\r\n".encode() + body


def get(path, token=TOKENS[0]):
    """The bytes of a request without one."""
    return f"GET {path} HTTP/1.1\r\nHost: proxy.test\r\nAuthorization: Bearer {token}\r\n\r\n".encode()


CHAT = "/v1/chat/completions"


class Connection:
    """One connection to keywheel."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, port, source=None):
        local = (source, 0) if source else None
        opening = asyncio.open_connection("127.0.0.1", port, local_addr=local, limit=1 << 20)
        return cls(*await asyncio.wait_for(opening, PATIENCE))

    async def send(self, data):
        self.writer.write(data)
        await self.writer.drain()

    async def ask(self, data, patience=PATIENCE):
        """Sends a request and reads its answer."""
        await self.send(data)
        return await asyncio.wait_for(self.answer(), patience)

    async def answer(self):
        status, fields = await read_head(self.reader)
        while 100 <= status < 200:
            status, fields = await read_head(self.reader)
        body = bytearray()
        try:
            async for piece in read_body(self.reader, fields):
                body += piece
        except (asyncio.IncompleteReadError, ConnectionError):
            return Answer(status, fields, bytes(body), complete=False)
        return Answer(status, fields, bytes(body))

    def close(self):
        self.writer.close()

    def abort(self):
        self.writer.transport.abort()


async def read_head(reader):
    """First line's number (a status) and the fields, by lower-case name."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    fields = {}
    for line in head[1:]:
        name, _, value = line.partition(":")
        fields[name.strip().lower()] = value.strip()
    return int(head[0].split(" ")[1]), fields


async def read_body(reader, fields):
    """The pieces of a body, as its framing says."""
    if "chunked" in fields.get("transfer-encoding", ""):
        while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
            yield (await reader.readexactly(size + 2))[:-2]
        await reader.readuntil(b"\r\n")
    elif "content-length" in fields:
        left = int(fields["content-length"])
        while left:
            piece = await reader.read(min(left, 1 << 16))
            if not piece:
                raise asyncio.IncompleteReadError(b"", left)
            left -= len(piece)
            yield piece
    else:
        while piece := await reader.read(1 << 16):
            yield piece


async def ask(port, data, patience=PATIENCE, source=None):
    """One request on a connection of its own."""
    connection = await Connection.open(port, source)
    try:
        return await connection.ask(data, patience)
    finally:
        connection.close()


async def stats(port):
    """/stats, as the operator sees it."""
    return (await ask(port, get("/stats", ADMIN))).json()


async def until(what, condition, patience=PATIENCE):
    """Waits until `condition` (plain or awaited) holds; it is what others are at, so it is asked again and again."""
    ends = time.monotonic() + patience
    while True:
        held = condition()
        held = await held if asyncio.iscoroutine(held) else held
        if held:
            return held
        if time.monotonic() > ends:
            raise AssertionError(f"in vain: {what}")
        await asyncio.sleep(0.02)


class Load:
    """So many clients that ask again and again, each on its own connection, and count what they get."""

    def __init__(self, port, clients, request=None, pause=0.0):
        self.port, self.pause = port, pause
        self.request = request or (lambda serial: post(f"{CHAT}?id={serial}"))
        #: By status; "broken": the connection ended before an answer; "cut": within one.
        self.came = collections.Counter()
        self.codes = collections.Counter()
        self.asked = 0
        self.serials = itertools.count(1)
        self.going = True
        self.tasks = [asyncio.ensure_future(self.client()) for _ in range(clients)]

    async def client(self):
        connection = None
        while self.going:
            self.asked += 1
            try:
                connection = connection or await Connection.open(self.port)
                answer = await connection.ask(self.request(next(self.serials)))
            except (ConnectionError, asyncio.IncompleteReadError):
                self.came["broken"] += 1
                connection = self.drop(connection)
                continue
            self.came[answer.status if answer.complete else "cut"] += 1
            self.codes[answer.code()] += answer.status >= 400
            if not answer.complete or "close" in answer.fields.get("connection", ""):
                connection = self.drop(connection)
            await asyncio.sleep(self.pause)
        self.drop(connection)

    @staticmethod
    def drop(connection):
        if connection:
            connection.close()

    @property
    def answered(self):
        return sum(count for status, count in self.came.items() if isinstance(status, int))

    async def more(self, answers):
        """Waits for so many further answers."""
        goal = self.answered + answers
        await until(f"{answers} further answers", lambda: self.answered >= goal)

    async def stop(self):
        """Lets each client end the request it is at."""
        self.going = False
        await asyncio.gather(*self.tasks)
        return self.came
