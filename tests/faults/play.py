"""Plays faults against the binaries, tells what was measured against which bound, and ends with 1 when one was not survived.

The short version of every fault is the default; --full takes the whole counts and times; --quick is what the gate runs: the
short versions of those that are cheap. --json FILE takes what is told as data. Some faults want namespaces, which takes root or
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

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT / "tests" / "sdk")]
sys.dont_write_bytecode = True

import cases  # noqa: E402
from world import World  # noqa: E402

RUNTIMES = ("tokio", "smol")
#: Descriptors that the suite and keywheel take: the suite holds the other end of each connection.
DESCRIPTORS = 20_000
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
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def raise_loopback():
    """A new network namespace has its loopback, but down (netdevice(7))."""
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
    """The outcome of one fault on one binary."""
    folder = ROOT / "target" / "faults" / f"{fault.name}-{runtime}"
    if fault.namespace and not wish.inside:
        return survive_inside(fault, runtime, wish, folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    world = World(fault.name, runtime, wish.full, folder)
    asyncio.run(play(fault, world))
    return {
        "fault": fault.name,
        "runtime": runtime,
        "passed": not world.failures,
        "figures": world.figures,
        "failures": world.failures,
    }


def survive_inside(fault, runtime, wish, folder):
    """The same in a namespace of its own, where the network and /etc are the case's."""
    report = folder.with_suffix(".json")
    report.unlink(missing_ok=True)
    size = ["--full"] if wish.full else []
    command = [sys.executable, __file__, "--inside", "--fault", fault.name, "--runtime", runtime, "--json", report, *size]
    done = subprocess.run([*NAMESPACE, *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if report.exists():
        return json.loads(report.read_text())[0]
    failures = [f"no namespace (it takes root, or user namespaces): {done.stderr.strip()}"]
    return {"fault": fault.name, "runtime": runtime, "passed": False, "figures": {}, "failures": failures}


def tell(outcome, seconds):
    figures = " · ".join(f"{name} {value}" for name, value in outcome["figures"].items())
    print(f"{'ok  ' if outcome['passed'] else 'FAIL'} {outcome['fault']:<22} {outcome['runtime']:<5} {figures}  [{seconds:.1f} s]")
    for failure in outcome["failures"]:
        print(f"     {failure}")
    sys.stdout.flush()


def main():
    wish = arguments()
    if wish.list:
        for fault in cases.ALL:
            print(f"{fault.name:<22} {'gate ' if fault.quick else '     '} {fault.about}")
        return 0
    if wish.inside:
        raise_loopback()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(DESCRIPTORS, hard), hard))
    chosen = [fault for fault in cases.ALL if (fault.name in wish.fault if wish.fault else fault.quick or not wish.quick)]
    outcomes = []
    for fault in chosen:
        for runtime in wish.runtime or RUNTIMES:
            began = time.monotonic()
            outcomes.append(survive(fault, runtime, wish))
            tell(outcomes[-1], time.monotonic() - began)
    if wish.json:
        wish.json.write_text(json.dumps(outcomes, indent=1) + "\n")
    failed = sum(not outcome["passed"] for outcome in outcomes)
    print(f"faults: {len(outcomes) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
