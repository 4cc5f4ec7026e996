#!/usr/bin/env python3
"""The world of the SDK suites: fake provider, relays that record every byte, keywheel, then a command.

    harness.py FLAVOUR FOLDER -- COMMAND...

FLAVOUR is tokio or smol, or `direct`: the suite against the fake provider itself, to tell whose fault a failure is.
The command finds its world in the environment: KW_URL (through a relay), KW_TOKEN, KW_ADMIN_TOKEN, KW_FLAVOUR, KW_FOLDER,
KW_CONTROL (port: a line `KEY | BEHAVIOUR` changes a key of the provider). FOLDER takes all that was captured:

    to-client.bin    every byte that keywheel wrote to its clients
    to-upstream.bin  every byte that keywheel wrote to the provider
    keywheel.log keywheel.out keywheel.err     logs
    provider.jsonl   one line for each request that ended at the provider

Ends with the command's code, or 1 when keywheel itself did not end well.
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

from relay import Relay, free_port

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "sim"

# Known secrets of the run; test_secrets.py looks for them in all that was captured. They are made up.
TOKENS = ["kwclient-Zq7RfT2mXw9LpV4cJ8sB", "kwclient-Hy3NdK6gQa5UtE1oM0iW"]
ADMIN = "kwadmin-Fv8CxS4jYb2PzG7lR5nD"
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"


def made_up_key(n):
    """A key like a real one, the same in every run."""
    state, letters = 0x9E3779B97F4A7C15 * (n + 1) % 2**64, []
    for _ in range(48):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        letters.append(LETTERS[(state >> 33) % len(LETTERS)])
    return "sk-proj-" + "".join(letters)


KEYS = [made_up_key(n) for n in range(10)]


def start_provider(folder):
    command = [TARGET / "fake-provider"]
    log = folder / "provider.jsonl"
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=open(log, "wb"), stderr=open(folder / "provider.err", "wb"))
    process.stdin.write("".join(f"{key} | good\n" for key in KEYS).encode())
    process.stdin.close()
    ports = wait_for("the fake provider", lambda: first_line(log))
    return process, ports["port"], ports["control"]


def first_line(log):
    lines = log.read_text().splitlines()
    return json.loads(lines[0]) if lines and lines[0].endswith("}") else None


def launch(flavour, folder, settings, **streams):
    """A keywheel with the keys and tokens of the run, and these settings beside them."""
    keys = folder / "keys.txt"
    keys.write_text("# the keys of the run\n" + "\n".join(f"{key} | key {n}" for n, key in enumerate(KEYS)) + "\n")
    keys.chmod(0o600)
    environment = {
        "PATH": os.environ["PATH"],
        "HOST": "127.0.0.1",
        "KEYS_FILE": str(keys),
        "AUTH_KEY": ",".join(TOKENS),
        "ADMIN_KEY": ADMIN,
        "RUST_BACKTRACE": "1",
    }
    binary = TARGET / f"keywheel-{flavour}"
    return subprocess.Popen([binary], env=environment | settings, cwd=folder, stdin=subprocess.DEVNULL, **streams)


def start_keywheel(flavour, folder, provider_port):
    """One flavour logs text on debug, the other JSON on trace: both forms and all levels are searched for secrets."""
    port = free_port()
    settings = {
        "PORT": str(port),
        "OPENAI_BASE_URL": f"http://127.0.0.1:{provider_port}/v1",
        "REQUEST_TIMEOUT": "2s",
        "LOG_LEVEL": "trace",
        "LOG_FORMAT": "json" if flavour == "tokio" else "text",
        "LOG_ENABLE_FILE": "true",
        "LOG_FILE_PATH": str(folder / "keywheel.log"),
    }
    streams = {"stdout": open(folder / "keywheel.out", "wb"), "stderr": open(folder / "keywheel.err", "wb")}
    process = launch(flavour, folder, settings, **streams)
    try:
        wait_for(f"keywheel-{flavour}", lambda: is_ready(process, port))
    except SystemExit:
        process.kill()
        print((folder / "keywheel.err").read_text(), file=sys.stderr)
        raise
    return process, port


def is_ready(process, port):
    if process.poll() is not None:
        raise SystemExit(f"keywheel ended with {process.returncode} before it was ready")
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, ConnectionError):
        return False


def wait_for(what, condition, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise SystemExit(f"{what} did not start within {seconds} s")


def end(process, name):
    """Ends it in order; true when it did."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(35)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            print(f"{name} did not end within 35 s of SIGTERM", file=sys.stderr)
            return False
    if process.returncode != 0:
        print(f"{name} ended with {process.returncode}", file=sys.stderr)
    return process.returncode == 0


def run(flavour, folder, command):
    folder.mkdir(parents=True, exist_ok=True)
    provider, provider_port, control = start_provider(folder)
    keywheel, port, in_order = None, provider_port, True
    try:
        if flavour != "direct":
            upstream = Relay(provider_port, record_to_target=folder / "to-upstream.bin")
            keywheel, port = start_keywheel(flavour, folder, upstream.port)
        downstream = Relay(port, record_to_source=folder / "to-client.bin")
        environment = os.environ | {
            "KW_URL": f"http://127.0.0.1:{downstream.port}",
            "KW_TOKEN": KEYS[0] if flavour == "direct" else TOKENS[0],
            "KW_ADMIN_TOKEN": ADMIN,
            "KW_FLAVOUR": flavour,
            "KW_FOLDER": str(folder),
            "KW_CONTROL": str(control),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        code = subprocess.run(command, env=environment).returncode
    finally:
        if keywheel:
            in_order = end(keywheel, f"keywheel-{flavour}")
        provider.kill()
        provider.wait()
    return code or (0 if in_order else 1)


def main():
    arguments = sys.argv[1:]
    if len(arguments) < 4 or arguments[2] != "--" or arguments[0] not in ("tokio", "smol", "direct"):
        print(__doc__, file=sys.stderr)
        return 2
    return run(arguments[0], pathlib.Path(arguments[1]).resolve(), arguments[3:])


if __name__ == "__main__":
    sys.exit(main())
