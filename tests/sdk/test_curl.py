"""curl: Expect, and an upload of 30 MB."""

import hashlib
import json
import os
import subprocess

import pytest

SIZE = 30 * 1024 * 1024


@pytest.fixture(scope="module")
def upload(tmp_path_factory):
    path = tmp_path_factory.mktemp("upload") / "upload.bin"
    path.write_bytes(os.urandom(SIZE))
    return path


def curl(world, *arguments):
    """The answer's body and curl's own story."""
    token = f'header = "Authorization: Bearer {world.token}"'
    command = ["curl", "--silent", "--show-error", "--fail-with-body", "--verbose", "--max-time", "60", "--config", "-", *arguments]
    done = subprocess.run(command, input=token.encode(), capture_output=True)
    assert done.returncode == 0, done.stderr.decode() + done.stdout.decode()
    return done.stdout, done.stderr.decode()


def digest(upload):
    return {"object": "digest", "length": SIZE, "sha256": hashlib.sha256(upload.read_bytes()).hexdigest()}


def test_expect_and_a_large_upload(world, upload):
    body, story = curl(world, "-H", "Expect: 100-continue", "--data-binary", f"@{upload}", f"{world.url}/v1/digest")
    assert "HTTP/1.1 100 Continue" in story
    assert json.loads(body) == digest(upload)


def test_a_large_chunked_upload(world, upload):
    body, _ = curl(world, "-H", "Transfer-Encoding: chunked", "-H", "Expect:", "--data-binary", f"@{upload}", f"{world.url}/v1/digest")
    assert json.loads(body) == digest(upload)


def test_a_large_multipart_upload(world, upload):
    body, _ = curl(world, "-F", "purpose=assistants", "-F", f"file=@{upload}", f"{world.url}/v1/files")
    assert json.loads(body)["bytes"] == SIZE


def test_a_large_echo(world, upload):
    """Up and down at once: 30 MB through both directions of one exchange."""
    body, _ = curl(world, "-H", "Expect:", "--data-binary", f"@{upload}", f"{world.url}/v1/echo")
    assert hashlib.sha256(body).hexdigest() == digest(upload)["sha256"]


def test_a_large_answer(world):
    body, _ = curl(world, "-H", f"x-fake: bytes={SIZE}", f"{world.url}/v1/filler")
    assert len(body) == SIZE


def test_expect_with_a_wrong_token_sends_no_body(world, upload):
    if world.direct:
        pytest.skip("is about keywheel")
    command = ["curl", "--silent", "--verbose", "--max-time", "60", "-H", "Expect: 100-continue", "-H", "Authorization: Bearer wrong",
               "--data-binary", f"@{upload}", f"{world.url}/v1/digest"]
    done = subprocess.run(command, capture_output=True)
    story = done.stderr.decode()
    assert "HTTP/1.1 401" in story and "100 Continue" not in story
    assert json.loads(done.stdout)["error"]["message"]
