import math
from typing import Any

import numpy as np
import pytest

from handgrad import SGD, Affine, History, Network, Relu, SoftmaxCrossEntropy, Trainer
from handgrad.checks import (
    DtypeError,
    HandgradError,
    InvalidValueError,
    NonFiniteError,
    UnknownNameError,
)
from handgrad.training import (
    Choice,
    LogUniform,
    SearchResult,
    Trial,
    Uniform,
    random_search,
)
from handgrad.training.search import MedianStop

SPACE = {"rate": LogUniform(1e-4, 1e2), "width": Choice([2, 8]), "drop": Uniform(0.1, 0.3)}


def score(value: float) -> History:
    return History([{"epoch": 1, "validation_accuracy": value}])


def by_rate(trial: Trial) -> History:
    """Best at a rate of 0.1; fails above 10."""
    if trial.options["rate"] > 10:
        raise NonFiniteError("the loss is nan")
    return score(-abs(math.log10(trial.options["rate"]) + 1))


def search(**options: Any) -> SearchResult:
    arguments: dict[str, Any] = {"trials": 40, **options}
    return random_search(by_rate, SPACE, **arguments)


def test_distributions_keep_their_bounds_and_their_shape() -> None:
    rng = np.random.default_rng(0)
    log = np.log10([LogUniform(1e-4, 1e2).sample(rng) for _ in range(3000)])
    assert -4 <= log.min() < -3.9
    assert 1.9 < log.max() < 2
    counts, _ = np.histogram(log, 6, (-4, 2))
    assert counts.min() > 430  # every power of ten alike
    flat = np.array([Uniform(-1, 3).sample(rng) for _ in range(3000)])
    assert -1 <= flat.min() < -0.9
    assert np.histogram(flat, 4, (-1, 3))[0].min() > 650
    chosen = [Choice(["a", "b", "c"]).sample(rng) for _ in range(300)]
    assert min(chosen.count(value) for value in "abc") > 70


def test_the_best_is_found_and_ranked_first_failed_ones_last() -> None:
    result = search()
    assert 0.05 < result.best.trial.options["rate"] < 0.2
    scores = [each.score for each in result.results]
    numbers = [value for value in scores if not math.isnan(value)]
    assert numbers == sorted(numbers, reverse=True)
    failed = [each for each in result.results if each.note]
    assert len(failed) == len(scores) - len(numbers) > 0
    assert all(math.isnan(each.score) for each in result.results[-len(failed) :])
    assert failed[0].note == "failed: the loss is nan"
    assert sorted(each.trial.number for each in result.results) == list(range(1, 41))


@pytest.mark.parametrize(("metric", "mode"), [("validation_loss", None), ("size", "min")])
def test_losses_are_made_small(metric: str, mode: str | None) -> None:
    def train(trial: Trial) -> History:
        return History([{"epoch": 1, metric: trial.options["rate"]}])

    result = random_search(train, SPACE, trials=9, metric=metric, mode=mode)
    assert result.best.score == min(each.trial.options["rate"] for each in result.results)


def test_a_trial_follows_from_seed_and_number_alone() -> None:
    def options(result: SearchResult) -> dict[int, tuple[Any, int]]:
        return {e.trial.number: (e.trial.options, e.trial.seed) for e in result.results}

    assert options(search()) == options(search())
    assert options(search(trials=3)).items() <= options(search()).items()
    assert options(search(seed=1))[1] != options(search())[1]
    assert len({seed for _, seed in options(search()).values()}) == 40


def trained(trial: Trial) -> History:
    x = np.random.default_rng(0).normal(size=(200, 2))
    labels = (x[:, 0] * x[:, 1] > 0).astype(int)
    network = Network([Affine(16), Relu(), Affine(2)], 2, seed=trial.seed)
    trainer = Trainer(network, SoftmaxCrossEntropy(), SGD(trial.options["rate"]), seed=trial.seed)
    return trainer.fit(
        x[:150],
        labels[:150],
        epochs=10,
        batch_size=10,
        validation_data=(x[150:], labels[150:]),
        callbacks=trial.callbacks,
    )


def test_with_a_trainer_and_hopeless_trials_stopped() -> None:
    space = {"rate": LogUniform(1e-5, 1)}
    whole = random_search(trained, space, trials=12)
    assert {len(each.history) for each in whole.results} == {10}
    assert whole.best.score == whole.best.history.last["validation_accuracy"] > 0.85
    result = random_search(trained, space, trials=12, stop_from=3)
    stopped = [each for each in result.results if each.note]
    assert stopped
    for each in stopped:
        assert 3 <= len(each.history) < 10
        assert each.note == f"stopped after epoch {len(each.history)}"
        assert each.trial.number > 4
        earlier = [
            other.history["validation_accuracy"][len(each.history) - 1]
            for other in result.results
            if other.trial.number < each.trial.number and len(other.history) >= len(each.history)
        ]
        assert each.score < np.median(earlier)
    assert result.best.trial.options == whole.best.trial.options


@pytest.mark.parametrize(
    ("sign", "value", "stopped"), [(1.0, 2.0, True), (1.0, 3.0, False), (-1.0, 3.0, True)]
)
def test_worse_than_the_median_is_stopped(sign: float, value: float, stopped: bool) -> None:  # noqa: FBT001  (a column of the table above)
    earlier = [History([{"epoch": 1, "m": number}]) for number in (1.0, 2.0, 3.0, 9.0)]
    x = np.zeros((2, 1))
    trainer = Trainer(Network([Affine(2)], 1), SoftmaxCrossEntropy(), SGD(0.1))
    stop = MedianStop("m", sign, 1, earlier)
    trainer.fit(x, [0, 1], epochs=1)
    trainer.history.last["m"] = value
    stop.on_epoch(trainer)
    assert (trainer.stopped is not None) == stopped
    assert bool(stop.stopped) == stopped
    fewer = MedianStop("m", sign, 1, earlier[:3])
    fewer.on_epoch(trainer)
    assert not fewer.stopped


def test_the_table() -> None:
    def train(trial: Trial) -> History:
        if trial.number == 2:
            raise NonFiniteError("no")
        return score(0.5 * trial.number)

    space = {"optimizer": Choice(["adam"]), "width": Choice([64])}
    assert str(random_search(train, space, trials=3)).splitlines() == [
        "trial  validation_accuracy  optimizer  width",
        "    3                  1.5       adam     64",
        "    1                  0.5       adam     64",
        "    2                  nan       adam     64  failed: no",
    ]


def test_no_best_where_all_failed() -> None:
    def train(_: Trial) -> History:
        raise NonFiniteError("the loss is nan")

    result = random_search(train, SPACE, trials=2)
    with pytest.raises(InvalidValueError, match=r"but all 2 failed; the first: failed: the loss"):
        _ = result.best


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"trials": 0}, InvalidValueError, r"^random_search: trials must be at least 1"),
        ({"seed": -1}, InvalidValueError, r"^random_search: seed must be at least 0"),
        ({"stop_from": 0}, InvalidValueError, r"^random_search: stop_from must be at least 1"),
        ({"mode": "most"}, InvalidValueError, r"^random_search: mode must be one of min, max"),
        ({"space": {}}, DtypeError, r"^random_search: space must be \{name: distribution\}"),
        ({"space": [1]}, DtypeError, r"^random_search: space must be \{name: distribution\}"),
        ({"space": {"rate": 0.1}}, DtypeError, r"space\['rate'\] must be a Distribution.*Choice"),
        ({"train": lambda _: 0.9}, DtypeError, r"what train returns must be a History"),
        ({"metric": "loss"}, UnknownNameError, r"the history has no 'loss'"),
    ],
)
def test_what_cannot_be_searched_is_refused(
    options: dict[str, Any], error: type[HandgradError], message: str
) -> None:
    arguments: dict[str, Any] = {"train": by_rate, "space": SPACE, "trials": 2, **options}
    with pytest.raises(error, match=message):
        random_search(arguments.pop("train"), arguments.pop("space"), **arguments)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Uniform(1, 1), r"^Uniform: high must be in \(1, inf\), but is 1"),
        (lambda: LogUniform(0, 1), r"^LogUniform: low must be in \(0, inf\), but is 0"),
        (lambda: LogUniform(2, 1), r"^LogUniform: high must be in \(2, inf\), but is 1"),
        (lambda: Choice([]), r"^Choice: values must have at least one entry"),
    ],
)
def test_distributions_are_checked(make: Any, message: str) -> None:
    with pytest.raises(InvalidValueError, match=message):
        make()
