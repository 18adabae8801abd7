"""One work on all sides, from its definition to plain values."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from side_by_side import works
from side_by_side.driver import Terms, measure, plain
from side_by_side.works import Work


def run(work: Work, sides: Sequence[str], terms: Terms) -> dict[str, Any]:
    """Measure a work; {side: values}, with the reason under "missing" where there are none."""
    with TemporaryDirectory() as folder:
        works.write(work, Path(folder), threads=terms.threads)
        return plain(measure(Path(folder), work.steps, sides, terms))


def versions(runs: Sequence[dict[str, Any]]) -> dict[str, str]:
    """The versions of all that ran; of handgrad with the backend that it chose itself."""
    found: dict[str, str] = {}
    for each in runs:
        for side, values in each.items():
            found |= values.get("versions", {}) if side != "reference" else {}
    return found


def gaps(runs: dict[str, dict[str, Any]], names: dict[str, str]) -> list[str]:
    """Sentences that say why columns are empty, for {work: run} and {side: its name in tables}."""
    works_by_reason: dict[str, list[str]] = {}
    for work, sides in runs.items():
        for side, values in sides.items():
            if "missing" in values:
                works_by_reason.setdefault(f"{names[side]}: {values['missing']}", []).append(work)
    return [f"  {reason} ({', '.join(which)})" for reason, which in works_by_reason.items()]
