"""Plays faults against the binaries, tells what was measured against which bound, and ends with 1 when one was not survived.

The short version of every fault is the default; --full takes the whole counts and times; --quick is what the gate runs: the
short versions of those that are cheap. --json FILE takes what is told as data; --full also writes it into ledger.txt, of which
--sum shows the last word on each fault. Some faults want namespaces, which takes root or
user namespaces. Called by `run`, which installs what is needed.
"""

import argparse
import asyncio
import fcntl
import json
import os
import pathlib
import resource
import shutil
import socket
import struct
import subprocess
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT / "tests" / "sdk")]
sys.dont_write_bytecode = True

import cases  # noqa: E402
import ledger  # noqa: E402
from world import World  # noqa: E402

RUNTIMES = ("tokio", "smol")
AT_ONCE = 3
DESCRIPTORS = 20_000
FOLDER = ROOT / "target" / "faults"
NAMESPACE = ["unshare", "--mount", "--net"] + ([] if os.geteuid() == 0 else ["--map-root-user", "--user"])


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runtime", action="append", choices=RUNTIMES)
    parser.add_argument("--fault", action="append", choices=[fault.name for fault in cases.ALL], metavar="NAME")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--full", action="store_true")
    size.add_argument("--short", action="store_true", help="the default")
    size.add_argument("--quick", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--sum", action="store_true", help="shows the ledger of long runs")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def loopback_is_up():
    with socket.socket() as any_socket:
        try:
            any_socket.bind(("127.0.0.1", 0))
            any_socket.listen()
            with socket.create_connection(any_socket.getsockname(), timeout=1):
                return True
        except OSError:
            return False


def raise_loopback():
    """A new network namespace has its loopback, but down (netdevice(7)). Where it is up this takes rights and changes nothing."""
    if loopback_is_up():
        return
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        up_and_running = struct.pack("16sH14x", b"lo", 0x41)
        fcntl.ioctl(any_socket, 0x8914, up_and_running)


async def play(fault, world):
    """Plays one fault to its end; what escapes it is a failure, too."""
    playing = asyncio.ensure_future(fault.play(world))
    try:
        done, _ = await asyncio.wait([playing], timeout=fault.bound(world.full))
        if not done:
            playing.cancel()
            raise AssertionError(f"did not end within {fault.bound(world.full)} s")
        playing.result()
    except AssertionError as failed:
        world.fail(str(failed))
    except Exception:
        world.fail(traceback.format_exc())
    finally:
        world.close()


def survive(fault, runtime, wish):
    """The outcome of one fault on one binary, in this process."""
    folder = FOLDER / f"{fault.name}-{runtime}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    world = World(fault.name, runtime, wish.full, folder)
    began = time.monotonic()
    asyncio.run(play(fault, world))
    return {
        "fault": fault.name,
        "runtime": runtime,
        "passed": not world.failures,
        "figures": world.figures,
        "bounds": world.bounds,
        "failures": world.failures,
        "seconds": round(time.monotonic() - began, 1),
    }


def survive_aside(fault, runtime, wish):
    """The same in a process of its own; in a namespace of its own, too, where the network and /etc are the case's."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    report = FOLDER / f"{fault.name}-{runtime}.json"
    report.unlink(missing_ok=True)
    size = ["--full"] if wish.full else []
    command = [sys.executable, "-B", __file__, "--inside", "--fault", fault.name, "--runtime", runtime, "--json", report, *size]
    namespace = NAMESPACE if fault.namespace else []
    done = subprocess.run([*namespace, *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if report.exists():
        return json.loads(report.read_text())[0]
    where = "no namespace (it takes root, or user namespaces)" if fault.namespace else "it was not played"
    failures = [f"{where}: {done.stderr.strip()}"]
    return {"fault": fault.name, "runtime": runtime, "passed": False, "figures": {}, "bounds": {}, "failures": failures, "seconds": 0}


def tell(outcome):
    bounds = {name: f" ({bound})" for name, bound in outcome["bounds"].items()}
    figures = " · ".join(f"{name} {value}{bounds.get(name, '')}" for name, value in outcome["figures"].items())
    verdict = "ok  " if outcome["passed"] else "FAIL"
    print(f"{verdict} {outcome['fault']:<20} {outcome['runtime']:<5} {outcome['seconds']:>6} s  {figures}")
    for failure in outcome["failures"]:
        print(f"     {failure}")
    sys.stdout.flush()


def main():
    wish = arguments()
    if wish.list:
        for fault in cases.ALL:
            print(f"{fault.name:<22} {'gate ' if fault.quick else '     '} {fault.about}")
        return 0
    if wish.sum:
        print(ledger.table(), end="")
        return 0
    chosen = [fault for fault in cases.ALL if (fault.name in wish.fault if wish.fault else fault.quick or not wish.quick)]
    if wish.inside:
        take_descriptors()
        raise_loopback()
        outcomes = [survive(chosen[0], wish.runtime[0], wish)]
    else:
        outcomes = play_all(chosen, wish)
    if wish.json:
        wish.json.write_text(json.dumps(outcomes, indent=1) + "\n")
    failed = sum(not outcome["passed"] for outcome in outcomes)
    print(f"faults: {len(outcomes) - failed} passed, {failed} failed")
    return 1 if failed else 0


def play_all(chosen, wish):
    """One after another; the gate, which is in a hurry, plays some at once: most of them wait most of the time."""
    pairs = [(fault, runtime) for fault in chosen for runtime in wish.runtime or RUNTIMES]
    outcomes, sources = [], ledger.sources()
    with ThreadPoolExecutor(max_workers=AT_ONCE if wish.quick else 1) as pool:
        for outcome in pool.map(lambda pair: survive_aside(*pair, wish), pairs):
            outcomes.append(outcome)
            tell(outcome)
            if wish.full:
                ledger.add(outcome, sources)
    return outcomes


def take_descriptors():
    """As many as keywheel may have: the suite holds the other end of each connection."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(DESCRIPTORS, hard), hard))


if __name__ == "__main__":
    sys.exit(main())
