"""Progress: how training is going, for a terminal, a pipe or a notebook.

    trainer.fit(x, labels, epochs=10, callbacks=[Progress()])

A terminal gets a bar that stays in place, and one line per epoch that remains. A pipe or a file
gets plain lines, flushed. A notebook gets a bar that is updated in place.
"""

import contextlib
import sys
import time
from typing import IO, TYPE_CHECKING, Any

from handgrad.backend import events
from handgrad.checks import check_choice, check_number
from handgrad.training.callbacks import Callback
from handgrad.training.progress_views import (
    LinesView,
    LiveView,
    NotebookView,
    Part,
    View,
    clock,
    in_notebook,
    named,
)

if TYPE_CHECKING:
    from handgrad.training.trainer import Trainer

REFRESH_SECONDS = 0.1  # a bar at ten pictures a second looks steady and costs nothing
COMPILE_SECONDS = 10  # for the networks of `handgrad train`, on a machine of 2025
LINE_SECONDS = 5.0  # a log with a line every five seconds can still be read


class Progress(Callback):
    """Show the loss, the metrics, examples per second and the time left while training.

    Args:
        style: "live" (a bar in a terminal), "lines" (plain text) or "notebook"; by default what
            fits the place where the program runs.
        stream: where text goes; `sys.stdout` by default.
        examples: what the rows of the data are called: "images/s".
        line_seconds: in plain text, at most one line in so many seconds within an epoch.
    """

    def __init__(
        self,
        *,
        style: str | None = None,
        stream: IO[str] | None = None,
        examples: str = "examples",
        line_seconds: float = LINE_SECONDS,
    ) -> None:
        if style is not None:
            check_choice(style, ("live", "lines", "notebook"), who="Progress", which="style")
        check_number(line_seconds, who="Progress", which="line_seconds", low=0)
        self.style = style
        self.stream = stream
        self.examples = examples
        self.line_seconds = line_seconds
        self.view: View | None = None
        self._started = 0.0
        self._first = 0.0
        self._next = 0.0

    def on_start(self, trainer: "Trainer") -> None:
        self.view = self._choose_view()
        self._started = time.perf_counter()
        self._first = trainer.position.fraction()
        self._next = self._started + self.view.seconds
        self.view.start()
        self._listen(True)

    def on_step(self, trainer: "Trainer") -> None:
        now = time.perf_counter()
        if self.view is None or now < self._next:
            return
        self._next = now + self.view.seconds
        position = trainer.position
        self.view.step(
            self._step_parts(trainer, now - self._started),
            position.step / position.steps_per_epoch,
        )

    def on_epoch(self, trainer: "Trainer") -> None:
        if self.view is None:
            return
        self.view.epoch(self._epoch_parts(trainer))
        self._next = time.perf_counter() + self.view.seconds

    def on_end(self, trainer: "Trainer") -> None:
        if self.view is None:
            return
        self._listen(False)
        with contextlib.suppress(OSError, ValueError):  # a closed stream has nothing to tidy
            self.view.close()
        self.view = None

    # -- the first time on a machine ----------------------------------------------------------

    def _listen(self, wanted: bool) -> None:  # noqa: FBT001  (on or off)
        """Begin or end to hear of kernels that must be compiled."""
        listeners = [] if events is None else events.SO_FAR.listeners
        if self._tell_compiling in listeners:
            listeners.remove(self._tell_compiling)
        if wanted:
            listeners.append(self._tell_compiling)

    def _tell_compiling(self, _: str, where: str) -> None:
        """Say, before the first kernel is compiled, why nothing seems to happen."""
        self._listen(False)
        with contextlib.suppress(OSError, ValueError):  # a closed stream wants no news
            sys.stderr.write(f"compiling kernels, once (up to {COMPILE_SECONDS} s); {where}\n")
            sys.stderr.flush()

    # -- what is shown: parts, each with the order in which a narrow terminal drops them -------

    def _step_parts(self, trainer: "Trainer", elapsed: float) -> list[Part]:
        running, done = trainer.running, trainer.position.fraction()
        speed = running.rows / running.seconds if running.seconds > 0 else 0.0
        per_epoch = elapsed / (done - self._first)
        last = trainer.position.epochs
        return [
            self._counter(trainer, trainer.position.epoch + 1),
            *(Part(named(name, value), 1 + (name != "loss")) for name, value in means(trainer)),
            Part(f"{speed:,.0f} {self.examples}/s", 4),
            Part(f"{clock(per_epoch * (last - done))} left", 3),
        ]

    def _epoch_parts(self, trainer: "Trainer") -> list[Part]:
        row = trainer.history.last
        parts = [self._counter(trainer, trainer.position.epoch)]
        parts += [Part(named(name, float(row[name])), 3) for name, _ in means(trainer)]
        for name in row:
            if name.startswith("validation_"):
                rank = 4 if name.endswith("loss") else 1
                parts.append(Part(named(name.replace("_", " "), float(row[name])), rank))
        return [*parts, Part(f"{row['seconds']:.1f} s", 5)]

    def _counter(self, trainer: "Trainer", epoch: int) -> Part:
        last = trainer.position.last_epoch
        return Part(f"epoch {epoch:>{len(str(last))}}/{last}", 0)

    def _choose_view(self) -> View:
        stream = self.stream if self.stream is not None else sys.stdout
        style = self.style
        if style is None:
            style = "notebook" if self.stream is None and in_notebook() else "live"
        if style == "notebook":
            return NotebookView(REFRESH_SECONDS)
        if style == "live":
            with contextlib.suppress(ImportError):  # without rich: lines
                view = LiveView(stream, REFRESH_SECONDS)
                if self.style == "live" or view.in_place:
                    return view
        return LinesView(stream, self.line_seconds)


def means(trainer: "Trainer") -> list[tuple[str, Any]]:
    """The epoch's running means, the loss first."""
    return sorted(trainer.running.means().items(), key=lambda item: item[0] != "loss")
