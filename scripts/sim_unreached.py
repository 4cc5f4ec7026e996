"""Lines of core in regions that no seed reached, by file, less what the second argument explains."""

import collections
import json
import pathlib
import sys

report, explained = sys.argv[1:]
ROOT = pathlib.Path(__file__).resolve().parent.parent
CODE = 0  # the kind of a region that is code

# Of a function that is there several times (generics, inlined copies) one that ran is enough.
counts = collections.Counter()
total = set()
for data in json.load(open(report))["data"]:
    for function in data["functions"]:
        for region in function["regions"]:
            start, column, end, until, count, file, _, kind = region
            path = pathlib.Path(function["filenames"][file])
            if kind == CODE and path.is_relative_to(ROOT / "core/src"):
                place = (str(path.relative_to(ROOT)), start, column, end, until)
                total.add(place)
                counts[place] += count

words = {}
for line in open(ROOT / explained):
    if line.strip() and not line.startswith("#"):
        path, text, why = (part.strip() for part in line.split(" | "))
        words[path, text] = why

unreached = collections.defaultdict(set)
for place in total:
    if counts[place] == 0:
        unreached[place[0]].add(place[1])
open_lines, used = 0, set()
for path, starts in sorted(unreached.items()):
    lines = (ROOT / path).read_text().splitlines()
    for start in sorted(starts):
        text = lines[start - 1].strip()
        # The line itself, its function, or the whole file.
        above = next((l.strip() for l in reversed(lines[:start]) if " fn " in f" {l.strip()}"), "")
        keys = [(path, key) for key in (text, above.split("(")[0].split("<")[0].split("fn ")[-1], "*")]
        key = next((key for key in keys if key in words), None)
        if key:
            used.add(key)
        else:
            open_lines += 1
            print(f"{path}:{start}: {text}")
for path, text in sorted(set(words) - used):
    print(f"reached by now, its explanation can go: {path} | {text}")
reached = 100 * (1 - sum(counts[place] == 0 for place in total) / max(1, len(total)))
print(f"{reached:.1f} % of {len(total)} regions of core reached; {open_lines} lines neither reached nor explained")
sys.exit(open_lines > 0)
