"""The ledger of long runs: a line a fault and binary, written by `run --full` and by nothing else; `run --sum` shows the last word
on each.

    date sources fault runtime outcome seconds figures

`sources` are the trees of core/src and runtime/src that git knows, with a + where the files differ from them.
"""

import pathlib
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILE = pathlib.Path(__file__).with_name("ledger.txt")
HEAD = (
    "# Whole counts and times of the faults: written by `tests/faults/run --full` and by nothing else.\n"
    "# `tests/faults/run --sum` shows the last line of each fault and binary.\n"
    "# date sources fault runtime outcome seconds figures\n"
)


def git(*words):
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True)


def sources():
    trees = [git("rev-parse", "--short=8", f"HEAD:{folder}").stdout.strip() for folder in ("core/src", "runtime/src")]
    changed = git("diff", "--quiet", "HEAD", "--", "core", "runtime", "runtime-tokio", "runtime-smol", "Cargo.lock").returncode
    return "/".join(trees) + "+" * bool(changed)


def add(outcome, of):
    """One outcome of a long run, of the sources `of`."""
    if not FILE.exists():
        FILE.write_text(HEAD)
    bounds = {name: f" ({bound})" for name, bound in outcome["bounds"].items()}
    figures = [f"{name} {value}{bounds.get(name, '')}" for name, value in outcome["figures"].items()]
    figures += [" ".join(failure.split())[:200] for failure in outcome["failures"]]
    verdict = "survived" if outcome["passed"] else "FAILED"
    words = [time.strftime("%F", time.gmtime()), of, outcome["fault"], outcome["runtime"], verdict, f"{outcome['seconds']:.0f}"]
    with open(FILE, "a") as file:
        file.write(f"{' '.join(words)} {' · '.join(figures)}\n")


def table():
    """As a page shows it."""
    last = {}
    for line in FILE.read_text().splitlines() if FILE.exists() else []:
        if line and not line.startswith("#"):
            date, of, fault, runtime, verdict, seconds, *figures = line.split(" ", 6)
            last[fault, runtime] = [fault, runtime, verdict, f"{seconds} s", " ".join(figures), date, of]
    heads = ["fault, whole length", "runtime", "outcome", "took", "figures (bound)", "date", "sources"]
    rows = [heads, ["---"] * len(heads), *last.values()]
    return "".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |\n" for row in rows)
