"""Lines of core in regions that no seed reached: how many of them rows and core's own tests reach instead, and those that nobody
reaches and the first argument does not explain. The other arguments are reports of llvm-cov: seeds, rows, tests."""

import collections
import json
import pathlib
import sys

explained, *reports = sys.argv[1:]
ROOT = pathlib.Path(__file__).resolve().parent.parent
CODE = 0  # the kind of a region that is code


def regions(report):
    """How often each region of core ran. Of a function that is there several times (generics, inlined copies) one that ran is
    enough; of a file, what stands behind `mod tests` is no part."""
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
    found = {}
    for line in open(ROOT / explained):
        if line.strip() and not line.startswith("#"):
            path, text, why = (part.strip() for part in line.split(" | "))
            found[path, text] = why
    return found


def place_of(path, start):
    """The line itself, its function, or the whole file, as explanations name them."""
    lines = (ROOT / path).read_text().splitlines()
    text = lines[start - 1].strip()
    above = next((line.strip() for line in reversed(lines[:start]) if " fn " in f" {line.strip()}"), "")
    return text, [(path, key) for key in (text, above.split("(")[0].split("<")[0].split("fn ")[-1], "*")]


seeds, rows, tests = map(regions, reports)
why, by, used, left = words(), collections.Counter(), set(), []
for region in sorted(region for region, count in seeds.items() if count == 0):
    if rows[region]:
        by["rows of tests/conformance"] += 1
    elif tests[region]:
        by["tests of core"] += 1
    else:
        text, keys = place_of(region[0], region[1])
        key = next((key for key in keys if key in why), None)
        by["nothing, as is explained" if key else "nothing"] += 1
        used.add(key)
        if key is None:
            left.append(f"{region[0]}:{region[1]}: {text}")
for line in dict.fromkeys(left):
    print(line)
for path, text in sorted(set(why) - used):
    print(f"reached by now, its explanation can go: {path} | {text}")
missed = sum(by.values())
print(f"{100 * (1 - missed / max(1, len(seeds))):.1f} % of {len(seeds)} regions of core are reached by seeds; of the other {missed}:")
print(", ".join(f"{count} by {who}" for who, count in by.most_common()))
sys.exit(bool(left))
