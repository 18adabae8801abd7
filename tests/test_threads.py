"""How many threads may work, who may say so, and what BLAS is told."""

import textwrap
import threading
from collections.abc import Callable
from typing import Any

import pytest

from handgrad import threads
from handgrad.checks import InvalidValueError
from processes import run

# -- who says how many --------------------------------------------------------------------------


def test_what_is_asked_for_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (threads.VARIABLE, *threads.OTHERS):
        monkeypatch.delenv(name, raising=False)
    cores = threads.thread_count()
    assert cores >= 1
    monkeypatch.setenv("NUMBA_NUM_THREADS", "7")
    assert threads.thread_count() == 7
    monkeypatch.setenv("OMP_NUM_THREADS", "nonsense")
    assert threads.thread_count() == 7
    monkeypatch.setenv("OMP_NUM_THREADS", "6,2")
    assert threads.thread_count() == 6
    monkeypatch.setenv("HANDGRAD_THREADS", "5")
    assert threads.thread_count() == 5
    with threads.limited(4):
        assert threads.thread_count() == 4
        with threads.limited(3, deterministic=True):
            assert (threads.thread_count(), threads.allowed()) == (1, 3)
            assert threads.deterministic()
        assert threads.thread_count() == 4
        assert not threads.deterministic()
    assert threads.thread_count() == 5
    monkeypatch.setenv("HANDGRAD_THREADS", "many")
    with pytest.raises(InvalidValueError, match="HANDGRAD_THREADS must be a whole number above 0"):
        threads.thread_count()


def test_a_limit_is_the_threads_own_that_asked() -> None:
    seen: list[int] = []
    with threads.limited(1000):
        other = threading.Thread(target=lambda: seen.append(threads.thread_count()))
        other.start()
        other.join()
    assert seen
    assert seen != [1000]


# -- what BLAS is told --------------------------------------------------------------------------


@pytest.fixture
def blas(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """A BLAS with two threads, and an environment that asks for nothing; what it has now."""
    now = {"threads": 2}
    functions: dict[str, Callable[..., Any]] = {
        "get": lambda: now["threads"],
        "set": lambda count: now.update(threads=count),
    }
    monkeypatch.setattr(threads, "blas_function", functions.get)
    for name in (threads.VARIABLE, *threads.OTHERS, threads.BLAS_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    return now


def test_blas_keeps_to_the_limit_too(blas: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    with threads.limited(3):
        assert blas["threads"] == 3
        with threads.limited(3, deterministic=True):
            assert blas["threads"] == 1
        assert blas["threads"] == 3
        with threads.limited():
            assert blas["threads"] == 3
    assert blas["threads"] == 2
    with threads.limited():
        assert blas["threads"] == 2
    monkeypatch.setenv("HANDGRAD_THREADS", "4")
    with threads.limited():
        assert blas["threads"] == 4
    with pytest.raises(KeyError), threads.limited(5):
        raise KeyError
    assert blas["threads"] == 2


@pytest.mark.parametrize("name", threads.OTHERS)
def test_the_usual_variables_hold_for_blas_as_well(
    name: str, blas: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "1")
    with threads.limited():
        assert blas["threads"] == 1
    assert blas["threads"] == 2
    monkeypatch.setenv(name, "8")  # a limit, no wish: who gave BLAS two threads knew why
    with threads.limited():
        assert blas["threads"] == 2


def test_what_blas_was_told_by_its_own_variable_holds(
    blas: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    blas["threads"] = 1
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    with threads.limited(2):
        assert threads.thread_count() == 2
        assert blas["threads"] == 1
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "nonsense")
    with threads.limited(2):
        assert blas["threads"] == 2
    assert blas["threads"] == 1


def test_side_by_side_the_smaller_number_holds_and_at_the_end_the_first(
    blas: dict[str, int],
) -> None:
    seen: list[int] = []
    began, may_end = threading.Event(), threading.Event()

    def other() -> None:
        with threads.limited(2, deterministic=True):
            began.set()
            may_end.wait(10)
            seen.append(blas["threads"])

    with threads.limited(4):
        thread = threading.Thread(target=other)
        thread.start()
        assert began.wait(10)
        assert blas["threads"] == 1
        with threads.limited(3):
            assert blas["threads"] == 1  # the other computes in a fixed order
    assert blas["threads"] == 1
    may_end.set()
    thread.join(10)
    assert seen == [1]
    assert blas["threads"] == 2


def test_a_fork_forgets_the_threads_that_it_does_not_have(blas: dict[str, int]) -> None:
    limits = threads.BlasLimits()
    other = threading.Thread(target=limits.keep_to, args=(1,))
    other.start()
    other.join()
    limits.keep_to(3)
    assert blas["threads"] == 1
    limits.forked()  # what the system has called in a new process
    assert blas["threads"] == 3
    limits.keep_to(None)
    assert blas["threads"] == 2


def test_a_blas_that_cannot_be_told_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "blas_function", lambda _: None)
    assert threads.blas_threads() is None
    with threads.limited(2, deterministic=True):
        assert threads.deterministic()


def test_numpys_own_blas_can_be_told() -> None:
    before = threads.blas_threads()
    if before is None:
        pytest.skip("not OpenBLAS")
    with threads.limited(1):
        assert threads.blas_threads() == 1
    assert threads.blas_threads() == before


def test_numbas_variable_alone_is_enough_for_a_whole_training() -> None:
    if threads.blas_threads() is None:
        pytest.skip("not OpenBLAS")
    program = """
        import numpy as np
        from handgrad import Affine, Callback, Network, SGD, SoftmaxCrossEntropy, Trainer, threads

        class Say(Callback):
            def on_step(self, trainer):
                print("training", threads.blas_threads(), threads.thread_count())

        trainer = Trainer(Network([Affine(2)], 3), SoftmaxCrossEntropy(), SGD(0.1))
        trainer.fit(np.zeros((4, 3)), np.arange(4) % 2, epochs=1, callbacks=[Say()])
    """
    nothing = dict.fromkeys((threads.VARIABLE, *threads.OTHERS, threads.BLAS_VARIABLE), "")
    came = run(textwrap.dedent(program), **nothing | {"NUMBA_NUM_THREADS": "1"})
    assert came.split() == ["training", "1", "1"]
