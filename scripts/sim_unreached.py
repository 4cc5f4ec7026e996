"""Regions of core that no seed reached, and who reaches them instead. A report of llvm-cov each of the seeds, of the rows of
tests/conformance and of the tests; what none of the three reached is to be explained in the first argument, or it is listed
and the exit is 1. The second argument is where the whole list is written."""

import collections
import json
import pathlib
import re
import sys

explained, listing, *reports = sys.argv[1:]
ROOT = pathlib.Path(__file__).resolve().parent.parent
CODE = 0  # the kind of a region that is code
FUNCTION = re.compile(r"\s*(?:pub(?:\([^)]*\))? )?(?:const )?fn (\w+)")


def regions(report):
    """How often each region of core ran. Of a function that is there several times (generics, inlined copies) one that ran is
    enough; tests are no part of a file."""
    counts = collections.Counter()
    for data in json.load(open(report))["data"]:
        for function in data["functions"]:
            for start, column, end, until, count, file, _, kind in function["regions"]:
                path = pathlib.Path(function["filenames"][file])
                inside = path.is_relative_to(ROOT / "core/src") and "tests" not in path.stem and "tests" not in path.parts
                if kind == CODE and inside:
                    counts[str(path.relative_to(ROOT)), start, column, end, until] += count
    return counts


def words():
    """Explanations by file and function; `path | function, function … or * | reason`."""
    found = {}
    for line in open(ROOT / explained):
        if line.strip() and not line.startswith("#"):
            path, functions, why = (part.strip() for part in line.split(" | "))
            found.update({(path, name.strip()): why for name in functions.split(",")})
    return found


def place_of(path, start, cache={}):
    """The line, and the function that it stands in."""
    if path not in cache:
        cache[path] = (ROOT / path).read_text().splitlines()
    above = (FUNCTION.match(line) for line in reversed(cache[path][:start]))
    return cache[path][start - 1].strip(), next((found[1] for found in above if found), "")


seeds, rows, tests = map(regions, reports)
why, used = words(), set()
by, lines = collections.Counter(), {}
for region in sorted(region for region, count in seeds.items() if count == 0):
    path, start = region[:2]
    text, function = place_of(path, start)
    key = next((key for key in ((path, function), (path, "*")) if key in why), None)
    if rows[region]:
        who = "rows of tests/conformance"
    elif tests[region]:
        who = "tests"
    elif key:
        who, _ = "nothing, explained", used.add(key)
    else:
        who = "nothing"
    by[who] += 1
    reason = f"{who}: {why[key]}" if who.endswith("explained") else who
    lines[path, start, reason] = f"{path}:{start}: {function}: {text}  [{reason}]"
pathlib.Path(listing).write_text("".join(f"{line}\n" for line in lines.values()))
for (_, _, reason), line in lines.items():
    if reason == "nothing":
        print(line)
for path, function in sorted(set(why) - used):
    print(f"needed no more, can go: {path} | {function}")
missed = sum(by.values())
print(f"{100 * (1 - missed / max(1, len(seeds))):.1f} % of {len(seeds)} regions of core are reached by seeds; of the other {missed} are reached by")
print("; ".join(f"{who}: {count}" for who, count in by.most_common()) + f"; all of them: {listing}")
sys.exit(by["nothing"] > 0)
