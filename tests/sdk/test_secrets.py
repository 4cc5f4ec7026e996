"""No secret in anything that keywheel wrote: runs last, over all that the suites captured of both flavours.

A breach is any 8 bytes in a row of a key (after its fixed prefix) or of a token.
"""

import pathlib

import pytest
from harness import ADMIN, KEYS, ROOT, TOKENS

WINDOW = 8
PREFIXES = ("sk-proj-", "sk-")
FLAVOURS = ("tokio", "smol")
# The provider gets keys, and no token of a client; everyone else gets neither.
FOR_CLIENTS_AND_OPERATORS = ["to-client.bin", "keywheel.out", "keywheel.err", "keywheel.log"]
FOR_THE_PROVIDER = ["to-upstream.bin"]


# Any 8 bytes in a row hold one of the 4-byte pieces that begin at every fifth byte: those few are searched for, and what
# stands around a hit is then compared.
STEP, ANCHOR = 5, 4


def private(secret):
    for prefix in PREFIXES:
        if secret.startswith(prefix):
            return secret[len(prefix) :].encode()
    return secret.encode()


def breach(data, secret):
    """What stands around a window of this secret in `data`; None when there is no such window."""
    secret = private(secret)
    for start in range(0, len(secret) - ANCHOR + 1, STEP):
        anchor = secret[start : start + ANCHOR]
        at = data.find(anchor)
        while at >= 0:
            if common(data, at, secret, start) >= WINDOW:
                return data[max(0, at - 60) : at + 30]
            at = data.find(anchor, at + 1)
    return None


def common(data, at, secret, start):
    """How many bytes in a row are the same, around an anchor that both hold."""
    before = after = 0
    while before < min(at, start) and data[at - before - 1] == secret[start - before - 1]:
        before += 1
    while after < min(len(data) - at, len(secret) - start) and data[at + after] == secret[start + after]:
        after += 1
    return before + after


def breaches(data, secrets):
    """Each secret of which a window stands in `data`, by its number, with what stands around it."""
    found = [(n, breach(data, secret)) for n, secret in enumerate(secrets)]
    return [(n, where) for n, where in found if where is not None]


def captured(flavour, name):
    path = pathlib.Path(ROOT, "target", "sdk", flavour, name)
    assert path.exists(), f"{path} was not captured"
    return path.read_bytes()


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("name", FOR_CLIENTS_AND_OPERATORS)
def test_nothing_written_holds_a_secret(flavour, name):
    data = captured(flavour, name)
    if name == "to-client.bin":
        # The search must have met what could have leaked: answers of errors and of admin calls, and masked echoes.
        for what in (b"HTTP/1.1 503 ", b"HTTP/1.1 401 ", b"no_available_keys", b"clearedCount", b"blacklistedKeys", b"keyPreview", b"********"):
            assert what in data, f"{what} was never answered"
    found = breaches(data, KEYS + TOKENS + [ADMIN])
    assert not found, f"{flavour}/{name}: {found}"


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_logs_were_written(flavour):
    assert len(captured(flavour, "keywheel.log").splitlines()) > 100


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("name", FOR_THE_PROVIDER)
def test_no_token_of_a_client_goes_upstream(flavour, name):
    data = captured(flavour, name)
    assert any(key.encode() in data for key in KEYS), "the keys are there: the capture is that of the upstream"
    found = breaches(data, TOKENS + [ADMIN])
    assert not found, f"{flavour}/{name}: {found}"


def test_the_search_finds_what_it_should():
    key, body = KEYS[3], private(KEYS[3])
    assert not breaches(b"sk-proj-\xe2\x80\xa6" + key[-4:].encode(), KEYS), "a preview is none"
    for start in range(len(body) - WINDOW + 1):
        window = body[start : start + WINDOW]
        assert breaches(b"~" + window + b"~", KEYS) == [(3, b"~" + window + b"~")]
        assert not breaches(b"~" + window[1:] + b"~" + window[:-1], KEYS), "seven bytes are none"
    assert breaches(TOKENS[1].encode(), TOKENS) != []
