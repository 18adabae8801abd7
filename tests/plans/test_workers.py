"""Threads, forks and several users of one network: plans stay right."""

import gc
import os
import signal
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

pytest.importorskip("numba")

from handgrad import Adam, Network, SoftmaxCrossEntropy, Trainer, use
from handgrad.checks import InvalidValueError
from handgrad.models import convnet
from handgrad.plans import Plan, Workers
from handgrad.plans.buffers import Buffer, aligned_zeros
from handgrad.threads import thread_count


def images(rows: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (rows, 1, 28, 28), dtype=np.uint8)


def test_every_worker_runs_and_waits() -> None:
    workers = Workers(3)
    before: list[int] = []
    after: list[int] = []

    def task(worker: int) -> None:
        before.append(worker)
        workers.wait()
        after.append(len(before))

    for _ in range(3):
        workers.run(task)
    assert sorted(before) == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert after == [3, 3, 3, 6, 6, 6, 9, 9, 9]


@pytest.mark.parametrize("failing", [False, True])
def test_plans_that_nobody_uses_go_and_their_threads_end(*, failing: bool) -> None:
    others = set(threading.enumerate())  # of plans before, which may end meanwhile
    network = convnet()
    plan = Plan(network, 8, Workers(3))
    plan.step(images(8), SoftmaxCrossEntropy(), labels=np.arange(8))
    if failing:
        with pytest.raises(ValueError, match="cannot reshape"):
            plan.step(np.zeros((8, 5)), SoftmaxCrossEntropy(), labels=np.arange(8))
    own = set(threading.enumerate()) - others
    assert [thread.name for thread in own] == ["handgrad"] * 2
    gone = weakref.ref(plan)
    del plan
    gc.collect()
    assert gone() is None
    for thread in own:
        thread.join(10)
        assert not thread.is_alive()


def test_shares_cover_all_rows_once() -> None:
    workers = Workers(4)
    for total in (0, 1, 3, 4, 10):
        rows = [row for worker in range(4) for row in range(*workers.share(worker, total))]
        assert rows == list(range(total))


@pytest.mark.parametrize("failing", [0, 1])
def test_an_error_in_a_worker_reaches_the_caller_and_the_next_run_is_well(failing: int) -> None:
    workers = Workers(2)

    def task(worker: int) -> None:
        if worker == failing:
            raise ZeroDivisionError("planted")
        workers.wait()

    with pytest.raises(ZeroDivisionError, match="planted"):
        workers.run(task)
    seen: list[int] = []
    workers.run(seen.append)
    assert sorted(seen) == [0, 1]


@pytest.mark.skipif(os.name != "posix", reason="this system sends no such signals")
def test_an_interrupt_waits_until_all_workers_are_done() -> None:
    workers, seen = Workers(2), list[int]()

    def task(worker: int) -> None:
        if worker == 1:
            time.sleep(0.1)
            os.kill(os.getpid(), signal.SIGINT)  # the calling thread waits by now
            time.sleep(0.1)
        seen.append(worker)

    with pytest.raises(KeyboardInterrupt):
        workers.run(task)
    assert seen == [0, 1]
    seen.clear()
    workers.run(seen.append)
    assert sorted(seen) == [0, 1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # a fork with threads: yes
def test_a_fork_in_between_changes_nothing() -> None:
    network = convnet()
    expected = network.predict(images(64))
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        same = np.array_equal(network.predict(images(64)), expected)
        os.write(writing, b"same" if same else b"other")
        os._exit(0)
    os.close(writing)
    assert os.read(reading, 9) == b"same"
    os.waitpid(child, 0)
    assert np.array_equal(network.predict(images(64)), expected)


def test_threads_that_share_a_network_get_their_own_answers() -> None:
    network = convnet()
    batches = [images(40)[start : start + 8] for start in range(0, 40, 8)]
    expected = [network.predict(batch) for batch in batches]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            for came, want in zip(pool.map(network.predict, batches), expected, strict=True):
                assert np.array_equal(came, want)


def trained(workers: str, monkeypatch: pytest.MonkeyPatch) -> Network:
    monkeypatch.setenv("HANDGRAD_THREADS", workers)
    network = convnet(seed=1)
    trainer = Trainer(network, SoftmaxCrossEntropy(), Adam(0.001), seed=1)
    trainer.fit(images(96), np.arange(96) % 10, epochs=1, batch_size=32)
    return network


def test_same_workers_same_bits_and_others_the_same_to_rounding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, two, again = (trained(count, monkeypatch) for count in ("1", "2", "2"))
    for name, array in two.params.items():
        assert np.array_equal(array, again.params[name]), name
        np.testing.assert_allclose(array, one.params[name], rtol=0, atol=1e-4, err_msg=name)


def test_training_by_plan_and_layer_by_layer_give_the_same_curve() -> None:
    x, labels = images(300), np.arange(300) % 10

    def losses(backend: str) -> list[float]:
        with use(backend):
            trainer = Trainer(convnet(seed=2), SoftmaxCrossEntropy(), Adam(0.001))
            return trainer.fit(x, labels, epochs=3, batch_size=50)["loss"]

    np.testing.assert_allclose(losses("compiled"), losses("reference"), rtol=2e-3)


def test_the_number_of_threads_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "nonsense")
    assert thread_count() >= 1
    monkeypatch.setenv("OMP_NUM_THREADS", "3,2")
    assert thread_count() == 3
    monkeypatch.setenv("HANDGRAD_THREADS", "5")
    assert thread_count() == 5
    monkeypatch.setenv("HANDGRAD_THREADS", "many")
    with pytest.raises(InvalidValueError, match="HANDGRAD_THREADS must be a whole number above 0"):
        thread_count()


def test_a_network_that_has_predicted_can_be_freed() -> None:
    network = convnet()
    network.predict(images(8))
    left = weakref.ref(network)
    del network
    gc.collect()
    assert left() is None


def test_no_threads_are_started_for_one_worker() -> None:
    others = set(threading.enumerate())
    network = convnet()
    Plan(network, 2, Workers(1)).forward(images(2), training=False)
    assert set(threading.enumerate()) <= others


def test_steady_steps_allocate_nothing_that_grows() -> None:
    import tracemalloc

    network = convnet()
    plan, loss = Plan(network, 32, Workers(2)), SoftmaxCrossEntropy()
    x, labels = images(32), np.arange(32) % 10
    for _ in range(3):
        plan.step(x, loss, labels=labels)
    tracemalloc.start()
    plan.step(x, loss, labels=labels)
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(5):
        plan.step(x, loss, labels=labels)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 20_000


def test_buffers_are_aligned_and_their_views_leave_the_border_out() -> None:
    assert aligned_zeros(5, np.float32).ctypes.data % 64 == 0
    buffer = Buffer(2, (3, 4, 5), np.float32, border=((1, 2), (3, 4)))
    assert buffer.view.shape == (2, 3, 4, 5)
    buffer.view[...] = 1
    assert buffer.flat.sum() == buffer.view.size
