"""What the Python suites share: the world that harness.py made, and a fresh start for each test."""

import hashlib
import json
import os
import pathlib
import socket
import time
import urllib.request
import uuid

import openai
import pytest
from harness import KEYS


class World:
    url = os.environ["KW_URL"]
    token = os.environ["KW_TOKEN"]
    admin_token = os.environ["KW_ADMIN_TOKEN"]
    direct = os.environ["KW_FLAVOUR"] == "direct"
    folder = pathlib.Path(os.environ["KW_FOLDER"])
    keys = KEYS

    def client(self, **options):
        """The SDK's client; it repeats nothing by itself, so that a failure is seen."""
        options = {"base_url": f"{self.url}/v1", "api_key": self.token, "max_retries": 0, "timeout": 20} | options
        return openai.OpenAI(**options)

    def behave(self, key, behaviour):
        """Changes how the provider treats the n-th key."""
        with socket.create_connection(("127.0.0.1", int(os.environ["KW_CONTROL"]))) as control:
            control.sendall(f"{self.keys[key]} | {behaviour}\n".encode())
            control.shutdown(socket.SHUT_WR)
            answer = control.makefile().readline()
            assert answer == "ok\n", answer

    def admin(self, path, method="GET"):
        """An admin call: its status and its JSON."""
        request = urllib.request.Request(self.url + path, method=method, headers={"Authorization": f"Bearer {self.admin_token}"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def records(self):
        """What ended at the provider so far."""
        lines = (self.folder / "provider.jsonl").read_text().splitlines(keepends=True)[1:]
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def settled(self):
        """How many records there are, once those of all requests before this call are among them: they are written in the
        order in which requests end, so when that of one more request is there, the others are."""
        body = uuid.uuid4().bytes
        mark = hashlib.sha256(body).hexdigest()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/octet-stream"}
        request = urllib.request.Request(f"{self.url}/v1/digest", data=body, headers=headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            answer.read()
        self.wait(lambda: any(record.get("sha256") == mark for record in self.records()), "record of the marking request")
        return len(self.records())

    def wait(self, condition, what, seconds=10):
        """The first truth of `condition`; it is looked for until the deadline."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if found := condition():
                return found
            time.sleep(0.02)
        pytest.fail(f"within {seconds} s there was no {what}")


@pytest.fixture(scope="session")
def world():
    return World()


@pytest.fixture(autouse=True)
def all_keys_good(world):
    """Each test begins with every key good and ready, and leaves it so."""
    yield
    for n in range(len(world.keys)):
        world.behave(n, "good")
    if not world.direct:
        world.admin("/reset-keys", "POST")


@pytest.fixture
def client(world):
    return world.client()


# For what says something of keywheel itself, nothing of the fake provider alone.
behind_keywheel = pytest.mark.skipif(World.direct, reason="is about keywheel")
