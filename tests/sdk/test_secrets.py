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


def windows(secret):
    for prefix in PREFIXES:
        if secret.startswith(prefix):
            secret = secret[len(prefix) :]
            break
    data = secret.encode()
    return {data[i : i + WINDOW] for i in range(len(data) - WINDOW + 1)}


def breaches(data, secrets):
    """Each secret of which a window stands in `data`, with what stands around it."""
    found = []
    for n, secret in enumerate(secrets):
        for window in windows(secret):
            at = data.find(window)
            if at >= 0:
                found.append((n, data[max(0, at - 60) : at + 30]))
                break
    return found


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
    key = KEYS[3]
    assert not breaches(b"sk-proj-\xe2\x80\xa6" + key[-4:].encode(), KEYS), "a preview is none"
    assert not breaches(b"sk-proj-" + key[8:15].encode(), KEYS), "seven bytes are none"
    assert breaches(b"x" + key[20:28].encode() + b"x", KEYS) == [(3, b"x" + key[20:28].encode() + b"x")]
    assert breaches(TOKENS[1].encode(), TOKENS) != []
