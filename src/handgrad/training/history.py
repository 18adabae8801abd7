"""What a training run measured, one row per epoch."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from handgrad.checks import InvalidValueError, UnknownNameError


class History:
    """One row per epoch; a column is read by its name.

    >>> history = History()
    >>> history.append({"epoch": 1, "loss": 0.5})
    >>> history.append({"epoch": 2, "loss": 0.25})
    >>> history["loss"], history.last["epoch"]
    ([0.5, 0.25], 2)
    """

    def __init__(self, rows: list[dict[str, Any]] | None = None) -> None:
        self.rows = rows if rows is not None else []

    def append(self, row: dict[str, Any]) -> None:
        """Add an epoch's row."""
        self.rows.append(row)

    @property
    def last(self) -> dict[str, Any]:
        """The newest row.

        Raises:
            InvalidValueError: there is none yet.
        """
        if not self.rows:
            raise InvalidValueError("the history has no row yet: it gets one after each epoch.")
        return self.rows[-1]

    @property
    def columns(self) -> list[str]:
        """All names, in the order in which they first appear."""
        return list(dict.fromkeys(key for row in self.rows for key in row))

    def __getitem__(self, column: str) -> list[Any]:
        if column not in self.columns:
            names = ", ".join(self.columns) or "none yet"
            raise UnknownNameError(f"the history has no {column!r}; it has {names}.")
        return [row.get(column) for row in self.rows]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.rows)

    def save(self, path: str | Path) -> None:
        """Write the rows as CSV, numbers with all their digits."""
        import csv

        from handgrad.files import write_beside

        with write_beside(path) as part, part.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self.columns)
            writer.writeheader()
            writer.writerows(self.rows)
