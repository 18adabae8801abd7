"""What a gradient check found: a row per array, and the table of all."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from handgrad.checks import shape_text


class GradientRow(NamedTuple):
    """One array's gradient against its numerical one."""

    name: str
    shape: tuple[int, ...]
    checked: int  # entries compared
    skipped: int  # entries left out, because the function has a kink there
    error: float  # ‖gradient − numerical‖ / ‖numerical‖ of those (or / rounding, if larger)
    verdict: str  # begins with "ok" or "unclear", or says what is wrong
    worst: tuple[int, ...] | None  # the entry with the largest difference

    @property
    def ok(self) -> bool:
        """Whether the gradient is right."""
        return self.verdict.startswith("ok")

    @property
    def unclear(self) -> bool:
        """Whether there were too many kinks to tell."""
        return self.verdict.startswith("unclear")


@dataclass(frozen=True)
class GradientReport:
    """All rows of a gradient check; `print` shows them as a table.

    Attributes:
        title: what was checked.
        rows: one per array.
        note: what the rows together say about where the mistake is.
    """

    title: str
    rows: tuple[GradientRow, ...]
    note: str = ""

    @property
    def ok(self) -> bool:
        """Whether every gradient is right (and none of them unclear)."""
        return all(row.ok for row in self.rows)

    @property
    def wrong(self) -> tuple[GradientRow, ...]:
        """The rows of gradients that are certainly wrong."""
        return tuple(row for row in self.rows if not (row.ok or row.unclear))

    def __str__(self) -> str:
        table = [("name", "shape", "checked", "skipped", "error", "worst entry", "verdict")]
        table += [
            (
                row.name,
                shape_text(row.shape),
                str(row.checked),
                str(row.skipped),
                f"{row.error:.1e}" if row.checked else "-",
                "-" if row.worst is None else f"[{', '.join(map(str, row.worst))}]",
                row.verdict,
            )
            for row in self.rows
        ]
        right = sum(row.ok for row in self.rows)
        end = f"Right: {right} of {len(self.rows)} gradients."
        return "\n".join([self.title, *aligned(table), f"{end} {self.note}".rstrip()])


def aligned(table: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows of cells as lines of columns, the last one as long as it likes."""
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]) - 1)]
    return [
        "  ".join([*(c.ljust(w) for c, w in zip(row, widths, strict=False)), row[-1]])
        for row in table
    ]
