"""How many threads work, who may say so, and results that do not depend on it."""

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")

from handgrad import (
    Adam,
    Affine,
    BatchNorm,
    Conv2d,
    Flatten,
    LayerNorm,
    Network,
    Relu,
    Rescale,
    SoftmaxCrossEntropy,
    Trainer,
    backend,
    models,
    use,
)
from handgrad.checks import DtypeError, InvalidValueError
from handgrad.kernels.events import SO_FAR
from handgrad.plans import Workers, choice, workers
from handgrad.plans import dense as dense_plans
from handgrad.threads import limited

ROWS = 96


def images(rows: int = ROWS) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (rows, 1, 28, 28), dtype=np.uint8)


# -- who is told --------------------------------------------------------------------------------


def test_a_trainer_and_predict_keep_to_their_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[int, int]] = []

    class Seen(Workers):
        def __init__(self, count: int, **options: Any) -> None:
            super().__init__(count, **options)
            made.append((self.count, self.at_once))

    monkeypatch.setattr(choice, "Workers", Seen)
    monkeypatch.setattr(choice, "WAIT", 0)
    network = models.convnet()
    Trainer(network, SoftmaxCrossEntropy(), Adam(), threads=3).fit(
        images(), np.arange(ROWS) % 10, epochs=1, batch_size=48
    )
    assert set(made) == {(3, 3)}
    made.clear()
    network.predict(images(), threads=2)
    assert set(made) == {(2, 2)}
    made.clear()
    Trainer(models.convnet(), SoftmaxCrossEntropy(), Adam(), threads=2, deterministic=True).fit(
        images(), np.arange(ROWS) % 10, epochs=1, batch_size=48
    )
    assert set(made) == {(choice.PARTS, 2)}


def test_no_more_workers_than_a_step_is_worth() -> None:
    """Each has room for its own parts of sums: a million of them would take all memory."""
    network, steps = models.convnet(), 40 * choice.WAIT
    for asked, wanted in ((3, 3), (1_000_000, 40)):
        with limited(asked):
            assert choice.workers_for(network, steps, training=True) == Workers(wanted)


@pytest.mark.parametrize("wrong", [0, -1])
def test_threads_are_counted_from_one(wrong: int) -> None:
    with pytest.raises(InvalidValueError, match=r"^Trainer: threads must be at least 1, but is"):
        Trainer(models.convnet(), SoftmaxCrossEntropy(), Adam(), threads=wrong)
    with pytest.raises(InvalidValueError, match=r"^Network.predict: threads must be at least 1"):
        models.convnet().predict(images(1), threads=wrong)
    with pytest.raises(DtypeError, match=r"^Trainer: threads must be a whole number"):
        Trainer(models.convnet(), SoftmaxCrossEntropy(), Adam(), threads=1.5)  # type: ignore[arg-type]


# -- results that do not depend on it -----------------------------------------------------------


def all_kinds(*, dtype: str = "float32") -> Network:
    layers = [
        *[Conv2d(8, 3, padding=1), BatchNorm(), Relu(), Conv2d(8, 3), Relu(), Flatten()],
        *[Affine(50), LayerNorm(), Relu(), Affine(10)],
    ]
    return Network(layers, (1, 28, 28), seed=1, dtype=dtype)


def trained(make: Callable[[], Network], count: int, *, deterministic: bool) -> Network:
    network = make()
    trainer = Trainer(
        network, SoftmaxCrossEntropy(), Adam(0.001), threads=count, deterministic=deterministic
    )
    trainer.fit(images(), np.arange(ROWS) % 10, epochs=2, batch_size=36)
    return network


def dense(*, dtype: str = "float32") -> Network:
    layers = [Rescale(1 / 255), Flatten(), Affine(90), BatchNorm(), Relu(), Affine(10)]
    return Network(layers, (1, 28, 28), seed=1, dtype=dtype)


NETWORKS = [models.convnet, models.deep_conv_net, models.mlp, all_kinds, dense]


@pytest.fixture
def several_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let small networks have several workers as well."""
    monkeypatch.setattr(choice, "WAIT", 0)
    monkeypatch.setattr(dense_plans, "PER_WORKER", 1)


@pytest.mark.usefixtures("several_workers")
@pytest.mark.parametrize("make", NETWORKS)
def test_deterministic_training_is_the_same_with_any_number_of_threads(
    make: Callable[[], Network],
) -> None:
    one, two, three = (trained(make, count, deterministic=True) for count in (1, 2, 3))
    for name, array in one.params.items():
        assert np.array_equal(array, two.params[name]), name
        assert np.array_equal(array, three.params[name]), name
    for name, array in one.state.items():
        assert np.array_equal(array, two.state[name]), name


@pytest.mark.usefixtures("several_workers")
@pytest.mark.parametrize("make", NETWORKS)
def test_otherwise_they_are_the_same_to_rounding(make: Callable[..., Network]) -> None:
    double = partial(make, dtype="float64")  # in float32 four steps of Adam magnify the rounding
    one, two = (trained(double, count, deterministic=False) for count in (1, 2))
    for name, array in one.params.items():
        np.testing.assert_allclose(array, two.params[name], rtol=0, atol=1e-6, err_msg=name)


def test_the_reference_is_deterministic_too() -> None:
    with use("reference"):
        one, two = (trained(models.mlp, count, deterministic=True) for count in (1, 2))
    for name, array in one.params.items():
        assert np.array_equal(array, two.params[name]), name


def test_a_state_knows_whether_it_was_deterministic() -> None:
    def trainer(*, deterministic: bool) -> Trainer:
        return Trainer(models.mlp(), SoftmaxCrossEntropy(), Adam(), deterministic=deterministic)

    first = trainer(deterministic=True)
    first.fit(images(), np.arange(ROWS) % 10, epochs=1, batch_size=32)
    state = first.state()
    assert state["deterministic"] is True
    with pytest.raises(InvalidValueError, match="its deterministic was True, and here it is False"):
        trainer(deterministic=False).fit(
            images(), np.arange(ROWS) % 10, epochs=1, batch_size=32, resume=state
        )


# -- workers that take turns --------------------------------------------------------------------


def test_only_so_many_workers_compute_at_once() -> None:
    team = workers.Workers(4, at_once=2)
    lock, now, most = threading.Lock(), 0, 0

    def compute() -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.01)
        with lock:
            now -= 1

    def task(_: int) -> None:
        compute()
        team.wait()
        compute()

    team.run(task)
    team.run(task)
    assert most == 2


def test_workers_that_take_turns_survive_an_error() -> None:
    team = workers.Workers(3, at_once=1)

    def task(worker: int) -> None:
        if worker == 1:
            raise ZeroDivisionError("planted")
        team.wait()

    for _ in range(2):
        with pytest.raises(ZeroDivisionError, match="planted"):
            team.run(task)
    seen: list[int] = []
    team.run(seen.append)
    assert sorted(seen) == [0, 1, 2]


def test_teams_are_equal_when_they_work_alike() -> None:
    assert Workers(2) == Workers(2, at_once=2)
    assert hash(Workers(2)) == hash(Workers(2, at_once=5))
    assert Workers(2) != Workers(2, at_once=1)
    assert Workers(2) != Workers(3)
    assert Workers(2) != 2


def test_workers_that_wait_use_no_processor() -> None:
    team = workers.Workers(2)
    team.run(lambda _: None)
    before = time.process_time()

    def task(worker: int) -> None:
        if worker:
            time.sleep(0.5)
        team.wait()

    team.run(task)
    assert time.process_time() - before < 0.2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # a fork with threads: yes
@pytest.mark.parametrize("deterministic", [False, True])
def test_a_fork_may_train_on(monkeypatch: pytest.MonkeyPatch, *, deterministic: bool) -> None:
    monkeypatch.setattr(choice, "WAIT", 0)
    network = models.convnet(seed=3)
    trainer = Trainer(
        network, SoftmaxCrossEntropy(), Adam(), threads=2, deterministic=deterministic
    )

    def train() -> None:
        trainer.fit(images(), np.arange(ROWS) % 10, epochs=1, batch_size=48)

    train()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            train()
            os.write(writing, network.params["conv2d_2.weight"].tobytes())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        trained_there = np.frombuffer(pipe.read(), np.float32)
    os.waitpid(child, 0)
    train()
    assert np.array_equal(trained_there, network.params["conv2d_2.weight"].ravel())


def test_threads_that_ask_for_different_limits_share_a_network() -> None:
    network = models.convnet()
    expected = network.predict(images(), batch_size=32)
    with ThreadPoolExecutor(3) as pool:
        for came in pool.map(
            lambda count: network.predict(images(), batch_size=32, threads=count), [1, 2, 3] * 4
        ):
            np.testing.assert_allclose(came, expected, rtol=1e-4, atol=1e-5)


def test_two_trainings_side_by_side_do_not_disturb_each_other() -> None:
    def train(seed: int) -> np.ndarray:
        network = models.convnet(seed=seed)
        trainer = Trainer(
            network, SoftmaxCrossEntropy(), Adam(), threads=1 + seed, deterministic=True
        )
        trainer.fit(images(), np.arange(ROWS) % 10, epochs=1, batch_size=48)
        return network.params["conv2d_2.weight"]

    alone = [train(0), train(1)]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(train, [0, 1]))
    assert all(np.array_equal(one, other) for one, other in zip(alone, together, strict=True))


def test_after_an_interrupt_no_worker_begins_to_compile() -> None:
    team, interrupted = workers.Workers(2), threading.Event()
    begun: list[str] = []
    outside: list[str] = []

    def other_thread() -> None:
        SO_FAR.begin("another plan's", "")
        outside.append("compiled")

    def task(worker: int) -> None:
        if worker == 0:
            interrupted.set()
            raise KeyboardInterrupt
        assert interrupted.wait(10)
        while not team._here().errors:
            time.sleep(0.001)
        thread = threading.Thread(target=other_thread)
        thread.start()
        thread.join()
        SO_FAR.begin("its own", "")
        begun.append("its own")

    before = list(SO_FAR.listeners)
    with pytest.raises(KeyboardInterrupt):
        team.run(task)
    assert (begun, outside) == ([], ["compiled"])
    assert before == SO_FAR.listeners


def test_workers_do_what_the_calling_thread_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which implementation runs, and what an overflow is, are settings of a thread."""
    monkeypatch.setattr(backend.Thread, "choice", "reference")
    chosen: dict[int, bool] = {}

    def task(worker: int) -> None:
        chosen[worker] = backend.compiled()
        if worker == 1:
            np.multiply(np.float32(1e38), np.float32(10))

    with use("compiled"):
        team = workers.Workers(2)
        with np.errstate(over="ignore"):
            team.run(task)
        assert chosen == {0: True, 1: True}
        with np.errstate(over="raise"), pytest.raises(FloatingPointError):
            team.run(task)
