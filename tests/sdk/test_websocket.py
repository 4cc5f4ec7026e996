"""WebSocket: an echo through the upgrade, with the token in either place."""

import pytest
from conftest import behind_keywheel
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

SIZES = [0, 1, 125, 126, 65_535, 65_536, 1_000_000]


def realtime(world):
    return world.url.replace("http://", "ws://") + "/v1/realtime?model=gpt-realtime"


def echo(socket):
    for size in SIZES:
        text, binary = "w" * size, bytes(range(256)) * (size // 256 + 1)
        socket.send(text)
        assert socket.recv(timeout=10) == text
        socket.send(binary[:size])
        assert socket.recv(timeout=10) == binary[:size]


def test_echo(world):
    with connect(realtime(world), additional_headers={"Authorization": f"Bearer {world.token}"}, max_size=None) as socket:
        echo(socket)


@behind_keywheel
def test_echo_with_the_token_among_the_subprotocols(world):
    offered = ["realtime", f"openai-insecure-api-key.{world.token}"]
    with connect(realtime(world), subprotocols=offered, max_size=None) as socket:
        assert socket.subprotocol == "realtime"
        echo(socket)


@behind_keywheel
def test_a_dead_key_is_passed_over_before_the_upgrade(world):
    for key in (0, 1, 2):
        world.behave(key, "invalid")
    for _ in range(len(world.keys)):
        with connect(realtime(world), additional_headers={"Authorization": f"Bearer {world.token}"}) as socket:
            socket.send("hello")
            assert socket.recv(timeout=10) == "hello"


@behind_keywheel
def test_no_upgrade_without_a_token(world):
    with pytest.raises(InvalidStatus) as raised:
        connect(realtime(world))
    assert raised.value.response.status_code == 401
