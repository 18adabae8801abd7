"""Where progress is shown: a terminal, a stream of lines, a notebook."""

import sys
from collections.abc import Sequence
from typing import IO, Any, NamedTuple

BAR_WIDTHS = (8, 30)  # a shorter bar says nothing, a longer one says no more


class Part(NamedTuple):
    """A piece of a line. `rank` 0 always stays; where space is short the highest rank goes."""

    text: str
    rank: int


class View:
    """The base of views; `seconds` is the shortest time between two calls of `step`."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def start(self) -> None:
        """Begin."""

    def step(self, parts: Sequence[Part], fraction: float) -> None:
        """Show where the epoch under way is; `fraction` of it is done."""
        raise NotImplementedError

    def epoch(self, parts: Sequence[Part]) -> None:
        """Show, for good, what an epoch gave."""
        raise NotImplementedError

    def close(self) -> None:
        """Leave everything tidy."""


class LinesView(View):
    """Plain lines, flushed one by one: for pipes, files and simple terminals."""

    def __init__(self, stream: IO[str], seconds: float) -> None:
        super().__init__(seconds)
        self.stream = stream

    def step(self, parts: Sequence[Part], fraction: float) -> None:
        counter, *others = parts
        self._write([counter, Part(f"{fraction:4.0%}", 0), *others])

    def epoch(self, parts: Sequence[Part]) -> None:
        self._write(parts)

    def _write(self, parts: Sequence[Part]) -> None:
        print("  ".join(part.text for part in parts), file=self.stream, flush=True)


class LiveView(View):
    """A bar that stays in place below the finished epochs' lines, drawn by Rich."""

    def __init__(self, stream: IO[str], seconds: float) -> None:
        from rich.console import Console
        from rich.live import Live

        super().__init__(seconds)
        self.console = Console(file=stream, highlight=False, markup=False)
        # Refreshed by hand: a thread that refreshes would compete with the training.
        self.live = Live(console=self.console, auto_refresh=False, transient=True)

    @property
    def in_place(self) -> bool:
        """Whether the stream is a terminal that can draw the bar over itself."""
        return self.console.is_terminal and not self.console.is_dumb_terminal

    def start(self) -> None:
        self.live.start()

    def step(self, parts: Sequence[Part], fraction: float) -> None:
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        narrowest, widest = BAR_WIDTHS
        parts = fit(parts, self.console.width - narrowest - 2)
        counter, *others = [part.text for part in parts]
        room = self.console.width - len("  ".join([counter, *others])) - 3
        bar = ProgressBar(total=1.0, completed=fraction, width=min(max(room, 1), widest))
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_row(counter, bar, "  ".join(others))
        self.live.update(grid, refresh=True)

    def epoch(self, parts: Sequence[Part]) -> None:
        from rich.text import Text

        texts = [part.text for part in fit(parts, self.console.width)]
        self.console.print("  ".join(texts), overflow="ellipsis", no_wrap=True)
        self.live.update(Text(""), refresh=True)

    def close(self) -> None:
        self.live.stop()


class NotebookView(View):
    """A bar in a notebook's output cell, replaced in place; without widgets."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.lines: list[str] = []
        self.handle: Any = None

    def start(self) -> None:
        self._show("", None)

    def step(self, parts: Sequence[Part], fraction: float) -> None:
        self._show("  ".join(part.text for part in parts), fraction)

    def epoch(self, parts: Sequence[Part]) -> None:
        self.lines.append("  ".join(part.text for part in parts))
        self._show("", None)

    def close(self) -> None:
        self._show("", None)

    def _show(self, text: str, fraction: float | None) -> None:
        import html  # (its table of entities is large, and only notebooks need it)

        plain = "\n".join([*self.lines, text] if text else self.lines)
        page = f"<pre>{html.escape(plain)}</pre>"
        if fraction is not None:
            page += f'<progress value="{fraction:.3f}" max="1" style="width: 24em"></progress>'
        data = {"text/plain": plain, "text/html": page}
        if self.handle is None:
            from importlib import import_module

            # IPython is there whenever this runs, and is no dependency of handgrad.
            display = import_module("IPython.display").display
            self.handle = display(data, raw=True, display_id=True)
        else:
            self.handle.update(data, raw=True)


def in_notebook() -> bool:
    """Whether this is an IPython kernel (a notebook), not a terminal and not plain Python."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return getattr(shell, "kernel", None) is not None


def fit(parts: Sequence[Part], width: int) -> list[Part]:
    """Drop the parts of the highest rank, the last first, until the rest fits into `width`.

    >>> [part.text for part in fit([Part("epoch 1/9", 0), Part("loss 0.5", 1), Part("2 s", 2)], 20)]
    ['epoch 1/9', 'loss 0.5']
    """
    kept = list(parts)
    while len("  ".join(part.text for part in kept)) > width:
        rank = max(part.rank for part in kept)
        if rank == 0:
            break
        last = max(i for i, part in enumerate(kept) if part.rank == rank)
        del kept[last]
    return kept


def named(name: str, value: float) -> str:
    """A quantity as people read it, in a width that hardly changes from line to line.

    >>> named("accuracy", 0.98765), named("loss", 0.0123456), named("loss", 2e-7)
    ('accuracy 98.77 %', 'loss 0.0123', 'loss 2.00e-07')
    """
    if name.endswith("accuracy"):
        return f"{name} {100 * value:.2f} %"
    readable = value == 0 or 0.001 <= abs(value) < 10_000
    return f"{name} {value:.4f}" if readable else f"{name} {value:.2e}"


def clock(seconds: float) -> str:
    """A duration as people read it.

    >>> clock(42.3), clock(3725)
    ('0:42', '1:02:05')
    """
    minutes, rest = divmod(max(round(seconds), 0), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
