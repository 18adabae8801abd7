"""Text for people and for programs: lines, tables, bars, JSON."""

import json
import re
import sys
from collections.abc import Sequence
from typing import IO, Any

from rich.console import Console
from rich.text import Text


class PlainConsole(Console):
    """A console that reports a closed pipe, where Rich's own would end the program on the spot."""

    def on_broken_pipe(self) -> None:
        raise  # noqa: PLE0704  (called while Rich handles the BrokenPipeError)


def console(stream: IO[str] | None = None) -> Console:
    """A console: colours in a terminal (not with NO_COLOR), plain text elsewhere."""
    return PlainConsole(file=stream or sys.stdout, highlight=False, markup=False, emoji=False)


def say(text: str = "", style: str = "", *, stream: IO[str] | None = None) -> None:
    """Print one line. Long lines are the terminal's to wrap, so that paths can be copied whole."""
    console(stream).print(Text(text, style=style), soft_wrap=True)


def say_json(value: Any) -> None:
    """Print the answer for a program."""
    sys.stdout.write(json_text(value))


def json_text(value: Any) -> str:
    """Plain values as JSON, lists of numbers on one line; ASCII, so that every pipe can carry it.

    >>> print(json_text({"confusion": [[3, 0], [1, 2]]}), end="")
    {
      "confusion": [
        [3, 0],
        [1, 2]
      ]
    }
    """
    text = json.dumps(value, indent=2, allow_nan=False)
    # Line breaks stand between values only (within strings JSON writes \n): names stay as they are.
    return re.sub(r"\[\n([-+\d.eE,\s]+?)\n\s*\]", on_one_line, text) + "\n"


def on_one_line(found: re.Match[str]) -> str:
    """What stands in brackets, with single spaces."""
    return f"[{' '.join(found[1].split())}]"


def width() -> int:
    """How many columns there are."""
    return console().width


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 0) -> list[str]:
    """Lines of right-aligned columns, the first `left` of them left-aligned.

    >>> table(["digit", "images"], [["0", "980"], ["1", "1,135"]])
    ['digit  images', '    0     980', '    1   1,135']
    """
    widths = [max(len(cell) for cell in column) for column in zip(header, *rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ).rstrip()
        for cells in [header, *rows]
    ]


def bar(fraction: float, columns: int) -> str:
    """A bar of `columns` at most, in eighths of a column where the terminal can draw them."""
    encoding = (getattr(sys.stdout, "encoding", None) or "ascii").lower()
    if not encoding.startswith("utf"):
        return "#" * round(fraction * columns)
    whole, eighths = divmod(round(fraction * columns * 8), 8)
    return "█" * whole + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[eighths]


def percent(fraction: float) -> str:
    """A share in percent.

    >>> percent(0.98765)
    '98.77 %'
    """
    return f"{100 * fraction:.2f} %"


def closest(name: str, choices: Sequence[str]) -> str:
    """A question to add to an error where `name` looks like a slip of the keyboard.

    >>> closest("convent", ["mlp", "convnet"]), closest("?", ["mlp"])
    (" Did you mean 'convnet'?", '')
    """
    from difflib import get_close_matches

    found = get_close_matches(name.lower(), choices, n=1)
    return f" Did you mean {found[0]!r}?" if found else ""
