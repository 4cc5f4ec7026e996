"""TLS to an upstream that is wrong in every way: the client is told which, no key is blamed, and once it is right it works."""

import socket
import ssl
import threading
import time

import client
from cases import fault
from certificates import Authority
from upstream import plain


class TlsUpstream:
    """Answers over TLS, a thread a connection; `fault` is what is done to a connection instead of the plain answer."""

    def __init__(self, key, pem):
        self.use(key, pem)
        self.fault = None
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def use(self, key, pem):
        """The certificate that new connections get."""
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(pem, key)

    def stop(self):
        self.listener.close()

    def accept(self):
        while True:
            try:
                raw, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(raw,), daemon=True).start()

    def serve(self, raw):
        raw.settimeout(client.PATIENCE)
        try:
            if self.fault in ("stall", "plain"):
                raw.recv(1 << 16)
                raw.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" if self.fault == "plain" else b"")
                while raw.recv(1 << 16):
                    pass
                return
            with self.context.wrap_socket(raw, server_side=True) as stream:
                while read_request(stream):
                    if self.fault:
                        return self.break_off(stream)
                    stream.sendall(plain())
        except OSError:
            pass
        finally:
            raw.close()

    def break_off(self, stream):
        """Half of an answer whose end is the connection's; then what the fault says, without close_notify."""
        stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nhalf of it")
        bare = socket.socket(fileno=stream.detach())
        if self.fault == "garbage":
            bare.sendall(b"this is no record of TLS, and whoever reads it must notice that")
        bare.shutdown(socket.SHUT_WR)
        while bare.recv(1 << 16):
            pass
        bare.close()


def read_request(stream):
    """Whether a whole request came."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = stream.recv(1 << 16)
        if not piece:
            return False
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")]
    left = int(lengths[0]) - len(body) if lengths else 0
    while left > 0:
        left -= len(stream.recv(left))
    return True


async def begin(world, certificate=None, settings=None):
    """keywheel that trusts an authority, before a TLS upstream with the certificate that `certificate` makes of it."""
    authority = Authority(world.folder / "authority")
    upstream = TlsUpstream(*(certificate or Authority.server)(authority))
    world.started.append(upstream.stop)
    settings = {"UPSTREAM_CA_FILE": str(authority.pem)} | (settings or {})
    keywheel = await world.keywheel(f"https://localhost:{upstream.port}/v1", settings)
    return authority, upstream, keywheel


async def refused(world, keywheel, *reasons):
    """502 that names the reason, as does the log; no key is blamed."""
    answer = await client.ask(keywheel.port, client.post(client.CHAT))
    world.holds(f"502 ({answer.status})", answer.status == 502)
    text = answer.body.decode()
    world.note("said", text.partition("(")[2].partition(")")[0].partition(": ")[2] or text)
    for reason in reasons:
        if reason not in text:
            world.fail(f"{reason!r} is not in {text}")
    await world.unblamed(keywheel)


async def certificate_case(world, certificate, *reasons):
    """A certificate that is wrong, then one that is right."""
    authority, upstream, keywheel = await begin(world, certificate)
    await refused(world, keywheel, *reasons)
    upstream.use(*authority.server())
    await world.works(keywheel)
    await world.unblamed(keywheel)


@fault("tls-expired", "the upstream's certificate has expired, then is renewed", quick=True)
async def tls_expired(world):
    await certificate_case(world, lambda authority: authority.server(ends="20210101000000Z"), "has expired")


@fault("tls-not-yet", "the upstream's certificate is not valid yet", quick=True)
async def tls_not_yet(world):
    await certificate_case(world, lambda authority: authority.server(begins="20980101000000Z"), "not valid yet")


@fault("tls-self-signed", "the upstream's certificate is signed by itself", quick=True)
async def tls_self_signed(world):
    await certificate_case(world, lambda authority: authority.server(selfsign=True), "issuer is not trusted")


@fault("tls-wrong-name", "the upstream's certificate names another host", quick=True)
async def tls_wrong_name(world):
    await certificate_case(world, lambda authority: authority.server("DNS:other.test"), "localhost", "other.test")


@fault("tls-plain", "the upstream speaks no TLS at all", quick=True)
async def tls_plain(world):
    _, upstream, keywheel = await begin(world)
    upstream.fault = "plain"
    await refused(world, keywheel, "not TLS")
    upstream.fault = None
    await world.works(keywheel)


@fault("tls-stalled", "the upstream stalls within the handshake, then does not", quick=True)
async def tls_stalled(world):
    _, upstream, keywheel = await begin(world, settings={"CONNECT_TIMEOUT": "500ms", "MAX_RETRIES": "0"})
    upstream.fault = "stall"
    began = time.monotonic()
    answer = await client.ask(keywheel.port, client.post(client.CHAT))
    world.at_most("told after, s", round(time.monotonic() - began, 1), 10)
    world.holds(f"502 ({answer.status})", answer.status == 502)
    world.holds("said", "handshake took longer than 500ms" in answer.body.decode())
    await world.unblamed(keywheel)
    upstream.fault = None
    await world.works(keywheel)


async def cut_case(world, kind, word):
    """An answer that breaks off within TLS is visibly incomplete to the client, and the next request works."""
    _, upstream, keywheel = await begin(world)
    upstream.fault = kind
    one = await client.Connection.open(keywheel.port)
    await one.send(client.post(client.CHAT))
    try:
        answer = await one.answer()
        seen = "complete" if answer.complete else "cut"
    except (ConnectionError, client.asyncio.IncompleteReadError):
        seen = "cut"
    one.close()
    world.note("the client sees an answer that is", seen)
    world.equal("the client sees an answer that is", seen, "cut")
    await client.until("the log says that it was incomplete", lambda: '"complete":false' in keywheel.log())
    world.holds("the log names the reason", word in keywheel.log())
    upstream.fault = None
    await world.works(keywheel)
    await world.unblamed(keywheel)


@fault("tls-truncated", "an answer that ends with its connection ends without close_notify", quick=True)
async def tls_truncated(world):
    await cut_case(world, "truncate", "close_notify")


@fault("tls-garbage", "garbage in the middle of a TLS stream", quick=True)
async def tls_garbage(world):
    await cut_case(world, "garbage", "not TLS, or broken")


@fault("tls-renewed-ca", "the authority is another one: refused until UPSTREAM_CA_FILE is renewed and read anew", quick=True)
async def tls_renewed_ca(world):
    authority, upstream, keywheel = await begin(world)
    await world.works(keywheel)
    renewed = Authority(world.folder / "renewed", "renewed authority")
    upstream.use(*renewed.server())
    # The idle connection of before is still good; LIMIT_UPSTREAM_AGE or its end brings the new certificate.
    authority.pem.write_bytes(renewed.pem.read_bytes() + authority.pem.read_bytes())
    load = world.load(keywheel, 4)
    await load.more(20)
    reloaded = await client.ask(keywheel.port, client.post("/reload", b"", client.ADMIN))
    world.holds("reload", reloaded.status == 200)
    await load.more(20)
    came = await load.stop()
    world.note("answers meanwhile", " ".join(f"{status}:{count}" for status, count in came.items()))
    world.equal("other answers than 200 and 502", set(came) - {200, 502}, set())
    await world.works(keywheel)
    authority.pem.write_text("no certificate")
    bad = await client.ask(keywheel.port, client.post("/reload", b"", client.ADMIN))
    world.holds("a bad file is refused", bad.status >= 400 and "UPSTREAM_CA_FILE" in bad.body.decode())
    await world.works(keywheel)
    await world.unblamed(keywheel)
