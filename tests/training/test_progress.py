"""Progress: what a pipe, a terminal, a notebook and a narrow window get."""

import builtins
import io
import sys
import types
from typing import Any, cast

import numpy as np
import pytest

from handgrad import Adam, Affine, Network, SoftmaxCrossEntropy, Trainer
from handgrad.checks import InvalidValueError
from handgrad.training.progress import Progress
from handgrad.training.progress_views import (
    LinesView,
    LiveView,
    NotebookView,
    Part,
    View,
    fit,
    in_notebook,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
LABELS = (X[:, 0] > 0).astype(int)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self):
        return True


def train(progress: Progress, *, epochs: int = 2, validation: bool = True) -> None:
    network = Network([Affine(2)], (3,))
    trainer = Trainer(network, SoftmaxCrossEntropy(), Adam(0.01))
    trainer.fit(
        X,
        LABELS,
        epochs=epochs,
        batch_size=10,
        validation_data=(X, LABELS) if validation else None,
        callbacks=[progress],
    )


def test_a_pipe_gets_one_line_per_epoch():
    stream = io.StringIO()
    train(Progress(stream=stream))
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("epoch 2/2  loss ")
    for part in ("accuracy", "validation loss", "validation accuracy", " %", " s"):
        assert part in lines[1]
    assert "\x1b" not in stream.getvalue()
    assert "\r" not in stream.getvalue()


def test_a_pipe_gets_lines_within_an_epoch_only_every_few_seconds():
    stream = io.StringIO()
    train(Progress(stream=stream, line_seconds=0, examples="images"), epochs=1)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 5  # four steps and the epoch
    assert lines[0].startswith("epoch 1/1   25%  loss ")
    assert "images/s" in lines[0]
    assert lines[0].endswith(" left")


def test_without_validation_the_line_has_the_training_columns_alone():
    stream = io.StringIO()
    train(Progress(stream=stream), epochs=1, validation=False)
    assert "validation" not in stream.getvalue()


def test_each_line_is_flushed():
    class Counting(io.StringIO):
        flushed = 0

        def flush(self):
            self.flushed += 1

    stream = Counting()
    train(Progress(stream=stream), epochs=3)
    assert stream.flushed >= 3


def test_a_terminal_gets_a_bar_in_place_and_lines_that_stay(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr("handgrad.training.progress.REFRESH_SECONDS", 0.0)
    stream = Terminal()
    train(Progress(stream=stream))
    text = stream.getvalue()
    assert "━" in text  # the bar
    assert "\x1b[2K" in text  # erased and drawn again
    assert text.count("validation accuracy") == 2  # one line per epoch stays


@pytest.mark.parametrize("columns", [20, 40, 60, 80])
def test_a_narrow_terminal_loses_columns_and_never_wraps(
    monkeypatch: pytest.MonkeyPatch, columns: int
):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr("handgrad.training.progress.REFRESH_SECONDS", 0.0)
    stream = Terminal()
    train(Progress(stream=stream))
    text = stream.getvalue()
    for code in ("\x1b[?25l", "\x1b[?25h", "\x1b[2K", "\x1b[1A"):
        text = text.replace(code, "")
    lines = text.replace("\r", "\n").split("\n")
    assert max(len(line) for line in lines) <= columns
    assert any("epoch 2/2" in line for line in lines)


def test_an_ascii_terminal_gets_an_ascii_bar(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("handgrad.training.progress.REFRESH_SECONDS", 0.0)
    stream = Terminal()
    monkeypatch.setattr(Terminal, "encoding", "ascii")
    train(Progress(stream=stream))
    assert stream.getvalue().isascii()


def test_a_dumb_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TERM", "dumb")
    stream = Terminal()
    train(Progress(stream=stream))
    assert "\x1b" not in stream.getvalue()
    assert len(stream.getvalue().splitlines()) == 2


def test_without_rich_a_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TERM", "xterm")
    real = builtins.__import__

    def refuse_rich(name: str, *args: Any, **options: Any) -> Any:
        if name.split(".", maxsplit=1)[0] == "rich":
            raise ImportError(name)
        return real(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", refuse_rich)
    stream = Terminal()
    train(Progress(stream=stream))
    assert len(stream.getvalue().splitlines()) == 2


def test_a_notebook_gets_one_output_that_is_replaced(monkeypatch: pytest.MonkeyPatch):
    shown: list[dict[str, str]] = []

    class Handle:
        def update(self, data: dict[str, str], *, raw: bool):
            assert raw
            shown.append(data)

    def display(data: dict[str, str], *, raw: bool, display_id: bool):
        assert raw
        assert display_id
        shown.append(data)
        return Handle()

    ipython = types.SimpleNamespace(get_ipython=lambda: types.SimpleNamespace(kernel=object()))
    monkeypatch.setitem(sys.modules, "IPython", cast("Any", ipython))
    page = types.SimpleNamespace(display=display)
    monkeypatch.setitem(sys.modules, "IPython.display", cast("Any", page))
    monkeypatch.setattr("handgrad.training.progress.REFRESH_SECONDS", 0.0)
    assert in_notebook()
    progress = Progress()
    train(progress)
    assert any("<progress" in data["text/html"] for data in shown)
    assert "<progress" not in shown[-1]["text/html"]
    assert len(shown[-1]["text/plain"].splitlines()) == 2


def test_ipython_in_a_terminal_is_no_notebook(monkeypatch: pytest.MonkeyPatch):
    ipython = types.SimpleNamespace(get_ipython=types.SimpleNamespace)
    monkeypatch.setitem(sys.modules, "IPython", cast("Any", ipython))
    assert not in_notebook()
    monkeypatch.delitem(sys.modules, "IPython")
    assert not in_notebook()


def test_the_style_can_be_chosen_and_is_checked():
    assert isinstance(view_of(Progress(style="lines")), LinesView)
    assert isinstance(view_of(Progress(style="live", stream=io.StringIO())), LiveView)
    assert isinstance(view_of(Progress(style="notebook")), NotebookView)
    with pytest.raises(InvalidValueError, match="Progress: style must be one of live, lines"):
        Progress(style="bar")
    with pytest.raises(InvalidValueError, match=r"Progress: line_seconds must be in \[0, inf\)"):
        Progress(line_seconds=-1)


def view_of(progress: Progress) -> View:
    return progress._choose_view()


def test_a_stream_that_breaks_ends_the_training_and_closes_quietly():
    class Broken(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError(32, "Broken pipe")

    with pytest.raises(BrokenPipeError, match="Broken pipe"):
        train(Progress(stream=Broken()))


def test_a_second_fit_counts_on():
    stream = io.StringIO()
    network = Network([Affine(2)], (3,))
    trainer = Trainer(network, SoftmaxCrossEntropy(), Adam(0.01))
    for _ in range(2):
        trainer.fit(X, LABELS, epochs=1, callbacks=[Progress(stream=stream, line_seconds=0)])
    assert stream.getvalue().splitlines()[-1].startswith("epoch 2/2  loss")
    assert "0:00 left" in stream.getvalue()


def test_what_must_stay_stays():
    assert fit([Part("a" * 30, 0), Part("b", 2)], 10) == [Part("a" * 30, 0)]
