"""`handgrad selftest`: it covers every twin, and notices a wrong one."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from command_line import call
from handgrad import backend, kernels, ops, selftest
from handgrad.selftest import Row, largest_difference, twin_rows

right = kernels.load


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selftest, "SECONDS", 0.0)
    monkeypatch.setattr(selftest, "ROUNDS", 1)
    monkeypatch.setattr(backend.Thread, "choice", "compiled")


@pytest.fixture
def numba() -> Any:
    return pytest.importorskip("numba")


def spoil(monkeypatch: pytest.MonkeyPatch, name: str, twin: Callable[..., Any]) -> None:
    """Put another function in one twin's place."""
    monkeypatch.setattr(kernels, "load", lambda asked: twin if asked == name else right(asked))


def row_of(name: str) -> Row:
    return next(row for row in twin_rows() if row.name.startswith(name))


@pytest.mark.usefixtures("numba")
def test_every_twin_is_compared_in_both_dtypes() -> None:
    rows = list(twin_rows())
    for dtype in ("float32", "float64"):
        assert {r.name.split()[0] for r in rows if r.dtype == dtype} == set(kernels.TWINS)
    assert [row for row in rows if not row.ok] == []
    for row in rows:
        assert row.speedup is not None
        assert row.speedup > 0


@pytest.mark.usefixtures("numba")
def test_a_wrong_twin_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(x: np.ndarray) -> Any:
        y, saved = ops.relu_forward(x)
        return 1.001 * y, saved

    wrong.__name__ = "relu_forward"
    spoil(monkeypatch, "relu_forward", wrong)
    row = row_of("relu_forward")
    assert not row.ok
    assert row.reason == "another result than the reference's"
    assert row.difference == pytest.approx(0.001, rel=1e-3)


@pytest.mark.usefixtures("numba")
def test_a_step_that_changes_nothing_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def adam_step(*_: Any, **__: Any) -> None:
        pass

    spoil(monkeypatch, "adam_step", adam_step)
    assert not row_of("adam_step").ok


def test_a_twin_that_fails_is_a_row_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> Any:
        raise ImportError(f"no {name}")

    monkeypatch.setattr(kernels, "load", broken)
    row = row_of("softmax_forward")
    assert row[2:] == (None, None, False, "ImportError: no softmax_forward")


def test_differences_of_all_kinds_are_seen() -> None:
    x = np.array([1.0, -4.0])
    assert largest_difference((x, 3), (x, 3)) == 0
    assert largest_difference((x, 3), (x, 4)) == 0.25
    assert largest_difference((x + 1, x), (x, x)) == 0.25
    assert largest_difference(x.astype(np.float32), x) == np.inf
    assert largest_difference(x[:1], x) == np.inf
    assert largest_difference((np.array([np.nan, 1]), x), (x, x)) == np.inf
    assert largest_difference(np.ones(2), np.zeros(2)) == 1


# -- the command --------------------------------------------------------------------------------


@pytest.fixture
def three_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "installed", lambda: True)
    monkeypatch.setattr(kernels, "describe", lambda: "Numba 0.61, 2 threads")
    rows = [
        Row("relu_forward 2×3", "float32", 2e-7, 3.14, ok=True, reason=""),
        Row("adam_step 5", "float64", np.inf, 2.0, ok=False, reason="another result"),
        Row("sums 5", "float64", None, None, ok=False, reason="ValueError: no"),
    ]
    monkeypatch.setattr(selftest, "CHECKS", [lambda: iter(rows[:1]), lambda: iter(rows[1:])])
    monkeypatch.setattr("handgrad.cli.selftest.CHECKS", selftest.CHECKS)


@pytest.mark.usefixtures("three_rows")
def test_the_command_prints_a_row_each_and_a_verdict() -> None:
    done = call("selftest")
    assert done.status == 1
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert lines == [
        "compiled: Numba 0.61, 2 threads",
        "name dtype difference speed-up",
        "relu_forward 2×3 float32 2e-07 3.1 ok",
        "adam_step 5 float64 inf 2.0 WRONG: another result",
        "sums 5 float64 WRONG: ValueError: no",
        "Equal: 1 of 3.",
    ]


@pytest.mark.usefixtures("three_rows")
def test_the_command_fits_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handgrad.cli.selftest.width", lambda: 60)
    assert "relu_forward 2×3 3.1 ok" in " ".join(call("selftest").out.split())


@pytest.mark.usefixtures("three_rows")
def test_the_command_answers_programs() -> None:
    done = call("selftest", "--json")
    answer = json.loads(done.out)
    assert (done.status, answer["ok"]) == (1, False)
    assert answer["backend"] == "compiled: Numba 0.61, 2 threads"
    assert answer["rows"][0] == {
        "name": "relu_forward 2×3",
        "dtype": "float32",
        "difference": 2e-07,
        "speedup": 3.14,
        "ok": True,
        "reason": "",
    }
    assert [row["difference"] for row in answer["rows"][1:]] == [None, None]


@pytest.mark.usefixtures("three_rows")
def test_all_equal_is_a_success(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handgrad.cli.selftest.CHECKS", selftest.CHECKS[:1])
    done = call("selftest")
    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines()[-1] == "Equal: 1 of 1."


def test_without_numba_there_is_nothing_to_compare(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "installed", lambda: False)
    done = call("selftest")
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("reference: Numba is not installed")
    assert json.loads(call("selftest", "--json").out)["rows"] == []
