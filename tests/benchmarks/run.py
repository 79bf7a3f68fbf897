"""`make bench`: measure, print one table, write bench.json.

Each `bench_*.py` here has `run() -> list[dict]` with rows `{what, value, unit}`, and perhaps `least` and `goal` in the
same unit (`better: "less"` where less is better) and `note`. Names as arguments choose among them.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import sys
import time
import traceback
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def shown(row: dict[str, Any]) -> str:
    """One line of the table."""
    value, goal, least = row["value"], row.get("goal"), row.get("least")
    bound = "" if least is None else f"{least:g}"
    aim = "" if goal is None else f"{goal:g}"
    mark = ""
    if least is not None and isinstance(value, int | float):
        less = row.get("better") == "less"
        good = value <= least if less else value >= least
        best = goal is not None and (value <= goal if less else value >= goal)
        mark = "goal" if best else "ok" if good else "SHORT"
    columns = f"{row['what'][:72]:<72} {number(value):>12} {row['unit']:<10} {bound:>9} {aim:>9} {mark:<6}"
    return f"{columns} {row.get('note', '')}".rstrip()


def number(value: Any) -> str:
    """A figure with three digits, or whole where it is large."""
    if not isinstance(value, int | float):
        return str(value)
    return f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def main(chosen: list[str]) -> int:
    """Run the benchmarks whose names are given, or all; the exit code is 1 where one broke off."""
    sys.path[:0] = [str(HERE), str(HERE.parent)]
    names = sorted(path.stem for path in HERE.glob("bench_*.py"))
    names = [name for name in names if not chosen or name.removeprefix("bench_") in chosen]
    print(f"{'what':<72} {'measured':>12} {'unit':<10} {'at least':>9} {'goal':>9}")
    rows, broken = [], 0
    for name in names:
        began = time.monotonic()
        try:
            found = importlib.import_module(name).run()
        except Exception:  # one that breaks off must not hide the others
            traceback.print_exc()
            print(f"{name}: broke off")
            broken += 1
            continue
        for row in found:
            rows.append({"benchmark": name.removeprefix("bench_"), **row})
            print(shown(row), flush=True)
        print(f"  ({name.removeprefix('bench_')}: {time.monotonic() - began:.0f} s)", flush=True)
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.system()}
    report = {"when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "machine": machine, "rows": rows}
    (ROOT / "bench.json").write_text(json.dumps(report, indent=1))
    print(f"written: bench.json, {len(rows)} figures")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
