"""Tables in plain text, and JSON."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

NAMES = {  # of the sides
    "handgrad": "handgrad",
    "reference": "NumPy reference",
    "pytorch": "PyTorch",
    "torch-fused": "PyTorch, fused",
    "torch-compile": "torch.compile",
    "sklearn": "scikit-learn",
}


def names_of(sides: Iterable[str]) -> dict[str, str]:
    """What tables call these sides."""
    return {side: NAMES[side] for side in sides}


def duration(seconds: float) -> str:
    """Seconds in a unit that leaves three digits.

    >>> duration(0.00123), duration(0.0456), duration(7.891)
    ('1.23 ms', '45.6 ms', '7.89 s')
    """
    if seconds >= 1:
        return f"{seconds:#.3g} s"
    if seconds >= 1e-3:
        return f"{seconds * 1e3:#.3g} ms".replace(". ", " ")
    return f"{seconds * 1e6:#.3g} µs".replace(". ", " ")


def table(rows: Iterable[Sequence[str]]) -> str:
    """Rows of cells as aligned text; the first row is the head, the first column names.

    >>> print(table([("work", "ms"), ("small", "1.5"), ("larger", "10.0")]))
    work      ms
    ------  ----
    small    1.5
    larger  10.0
    """
    cells = [list(row) for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    cells.insert(1, ["-" * width for width in widths])
    lines = [
        "  ".join(
            [
                row[0].ljust(widths[0]),
                *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True)),
            ]
        )
        for row in cells
    ]
    return "\n".join(line.rstrip() for line in lines)


def publish(name: str, out: Path, text: str, values: Mapping[str, Any]) -> None:
    """Print the text; write it and the values into `out`."""
    print(text)
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name}.txt").write_text(text + "\n", encoding="utf-8")
    whole = json.dumps(values, indent=1, ensure_ascii=False)
    (out / f"{name}.json").write_text(whole + "\n", encoding="utf-8")
    print(f"\n{out / name}.txt, .json")
