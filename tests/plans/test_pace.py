"""Whether to work together: what was faster, tried again now and then."""

import gc
import weakref

import numpy as np
import pytest

from handgrad import Adam, Network, SoftmaxCrossEntropy
from handgrad.checks import Array
from handgrad.layers import Affine, BatchNorm, Relu
from handgrad.plans import DensePlan, Workers, dense, examples, pace
from handgrad.plans.dense_kinds import chain
from handgrad.plans.pace import Pace, pace_of


class Clock:
    """A clock that shows what the test wants."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    own = Clock()
    monkeypatch.setattr(pace, "time", own)
    return own


def choices(own: Pace, clock: Clock, together: float, alone: float, runs: int) -> list[bool]:
    """What it chooses in so many runs of ten steps that take so long."""
    found: list[bool] = []
    for _ in range(runs):
        with own.measured(10) as chosen:
            found.append(chosen)
            clock.now += together if chosen else alone
    return found


def test_both_are_tried_and_the_faster_one_stays(clock: Clock) -> None:
    for faster in (True, False):
        own = Pace(together=True)
        came = choices(own, clock, 1 if faster else 5, 5 if faster else 1, 20)
        assert came[:4] == [True, False, True, False]
        assert came[4:] == [faster] * 16


def test_a_long_first_run_decides_nothing(clock: Clock) -> None:
    own = Pace(together=True)
    assert choices(own, clock, 1000, 2, 1) == [True]
    assert choices(own, clock, 1, 2, 9)[-5:] == [True] * 5


def test_the_slower_one_is_tried_again(clock: Clock) -> None:
    own = Pace(together=True)
    came = choices(own, clock, 5, 1, 2 * pace.AGAIN)
    assert [run for run, chosen in enumerate(came) if chosen] == [0, 2, 31, 63]
    came = choices(own, clock, 0.5, 1, 2 * pace.AGAIN)  # the other program has ended
    assert came.count(True) == pace.AGAIN  # from the next trial on, but for one more of the other


def test_a_slow_spell_is_noticed(clock: Clock) -> None:
    own = Pace(together=True)
    choices(own, clock, 1, 2, 10)
    assert choices(own, clock, 50, 2, 10) == [True] * pace.KEPT + [False] * 7


def test_short_runs_promise_nothing(clock: Clock) -> None:
    """Two workers are fast until the other program gets its turn, and then very slow."""
    own, came = Pace(together=True), list[bool]()
    for run in range(3 * pace.AGAIN):
        steps = 3 if run % 2 else 10
        with own.measured(steps) as chosen:
            came.append(chosen)
            clock.now += steps * ((5 if steps == 10 else 0.5) if chosen else 1)
    assert came[8:].count(True) == 1  # the trial, in a long run
    assert came[2 * (pace.AGAIN - 1)]


def test_without_a_choice_there_is_none(clock: Clock) -> None:
    assert choices(Pace(together=False), clock, 1, 1, 100) == [False] * 100


def test_a_second_plan_for_the_same_steps_knows_what_the_first_found_out() -> None:
    network = Network([Affine(4)], 300)
    pace = pace_of(network, 20, Workers(2))
    assert pace.choice
    assert pace_of(network, 20, Workers(2)) is pace
    others = [
        pace_of(network, 21, Workers(2)),
        pace_of(network, 20, Workers(3)),
        pace_of(network, 20, Workers(2, at_once=1)),
        pace_of(Network([Affine(4)], 300), 20, Workers(2)),
    ]
    assert pace not in others
    assert [other.choice for other in others] == [True, True, False, True]
    plans = [plan(network, 2) for _ in range(2)]
    assert plans[0].pace is plans[1].pace is pace


def test_what_is_known_goes_with_its_network() -> None:
    network = Network([Affine(4)], 300)
    known = weakref.ref(pace_of(network, 20, Workers(2)))
    del network
    gc.collect()
    assert known() is None


def test_each_meeting_is_waited_for_politely(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that has slept at one meeting watches again at the next: else both oversleep."""
    own, asked, calls = plan(Network([Affine(4)], 300), 1), list[int](), iter("111223")

    def run(_: object, meet: Array, *__: object) -> bool:
        meet[0] = int(next(calls, 0))
        return not meet[0]

    monkeypatch.setattr(dense.dense_step, "run", run)
    monkeypatch.setattr(dense, "let_others_run", lambda late, *_, **__: asked.append(late))
    own.run(examples(own.network, *data(), None), np.arange(41), [1.0], outputs=False)
    assert asked == [1, 2, 3, 1, 2, 1]


def data() -> tuple[Array, Array]:
    """Examples, and their labels."""
    rng = np.random.default_rng(3)
    return rng.normal(size=(41, 300)), rng.integers(0, 4, 41)


def plan(network: Network, workers: int) -> DensePlan:
    """A plan for steps of 20 rows."""
    found = chain(network)
    assert found is not None
    return DensePlan(network, found, SoftmaxCrossEntropy(), Adam(), 20, Workers(workers))


@pytest.mark.parametrize("workers", [2, 3])
def test_the_bits_are_the_same_either_way(workers: int) -> None:
    x, labels = data()
    bits: list[dict[str, Array]] = []
    for together in (True, False):
        network = Network([Affine(50), BatchNorm(), Relu(), Affine(4)], 300, seed=5)
        own = plan(network, workers)
        own.pace = Pace(together=together)
        own.run(examples(network, x, labels, None), np.arange(41), [1.0] * 3, outputs=False)
        bits.append(dict(network.params) | dict(network.state))
    for name, array in bits[0].items():
        assert np.array_equal(array, bits[1][name]), name
