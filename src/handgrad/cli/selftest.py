"""`handgrad selftest`: is what was compiled on this machine right, and how much faster is it?"""

import math
from itertools import chain
from typing import Any

from handgrad import backend, kernels
from handgrad.cli.guard import FAILED
from handgrad.cli.text import say, say_json, width
from handgrad.selftest import CHECKS, Row

WIDE = 78  # columns that a whole row takes


def run_selftest(*, json: bool) -> int:
    """Compare everything compiled with the reference; 1 if anything differs."""
    if not json:
        say(backend.active())
    if not kernels.installed():
        if json:
            say_json({"backend": backend.active(), "ok": True, "rows": []})
        return 0
    rows: list[Row] = []
    for row in chain.from_iterable(check() for check in CHECKS):
        if not json:
            if not rows:
                say(line("name", "dtype", "difference", "speed-up", ""))
            show(row)
        rows.append(row)
    right = sum(row.ok for row in rows)
    if json:
        answer = {"backend": backend.active(), "ok": right == len(rows)}
        say_json({**answer, "rows": [plain(row) for row in rows]})
    else:
        say(f"Equal: {right} of {len(rows)}.", "bold" if right == len(rows) else "bold red")
    return 0 if right == len(rows) else FAILED


def plain(row: Row) -> dict[str, Any]:
    """A row as plain values; JSON has no infinity."""
    finite = row.difference is not None and math.isfinite(row.difference)
    return {**row._asdict(), "difference": row.difference if finite else None}


def show(row: Row) -> None:
    """Print a row as soon as it is known: all of them take a while."""
    difference = "" if row.difference is None else f"{row.difference:.0e}"
    speedup = "" if row.speedup is None else f"{row.speedup:.1f}"
    say(line(row.name, row.dtype, difference, speedup, "ok" if row.ok else f"WRONG: {row.reason}"))


def line(name: str, dtype: str, difference: str, speedup: str, verdict: str) -> str:
    """The columns beside each other; in a narrow terminal without dtype and difference."""
    if width() < WIDE:
        return f"{name:<43}  {speedup:>8}  {verdict}".rstrip()
    return f"{name:<43}  {dtype:<7}  {difference:>10}  {speedup:>8}  {verdict}".rstrip()
