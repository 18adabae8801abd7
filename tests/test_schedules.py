"""Schedules against PyTorch's numbers, which were recorded with torch.optim.lr_scheduler 2.13."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from handgrad import SGD, Affine, Network, SoftmaxCrossEntropy, Trainer
from handgrad.checks import DtypeError, InvalidValueError
from handgrad.schedules import (
    Constant,
    Cosine,
    Exponential,
    OneCycle,
    ReduceOnPlateau,
    Schedule,
    Step,
    Warmup,
)

# {schedule: (its epochs, the factors at epoch 0, 1, …)}
PYTORCH = {
    "StepLR(3, 0.4)": (Step(3, 0.4), 8, [1, 1, 1, 0.4, 0.4, 0.4, 0.16, 0.16]),
    "ExponentialLR(0.7)": (Exponential(0.7), 5, [1, 0.7, 0.49, 0.343, 0.2401]),
    "CosineAnnealingLR(8, eta_min=0.1)": (
        Cosine(0.1),
        8,
        [1, 0.96574578963, 0.868198051534, 0.722207544564, 0.55, 0.377792455436, 0.231801948466],
    ),
    "LinearLR(0.2, total_iters=3), then CosineAnnealingLR(5)": (
        Warmup(3, Cosine(), start=0.2),
        8,
        [0.2, 0.466666666667, 0.733333333333, 1, 0.904508497187, 0.654508497187, 0.345491502813],
    ),
    "OneCycleLR(pct_start=4/11, total_steps=11, div_factor=20, final_div_factor=50)": (
        OneCycle(0.3, start=0.05, final=0.001),
        10,
        [0.05, 0.2875, 0.7625, 1, 0.950533949517, 0.811933156028, 0.611649206511, 0.389350793489],
    ),
}


@pytest.mark.parametrize("name", PYTORCH)
def test_factors_are_pytorchs(name: str) -> None:
    schedule, epochs, expected = PYTORCH[name]
    came = [schedule.factor(epoch, epochs) for epoch in range(len(expected))]
    assert came == pytest.approx(expected, abs=1e-11)


def test_plateau_is_pytorchs() -> None:
    # As ReduceLROnPlateau with factor 0.5, patience 1, an absolute threshold of 0.1 and min_lr 0.2:
    # its patience counts one less, it reduces when *more* than `patience` epochs were bad.
    losses = [5, 4, 4.05, 3.99, 4.2, 3.98, 3.8, 3.9, 3.9, 3.9, 3.9, 3.9, 3.9, 3.9]
    expected = [1, 1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.25, 0.2, 0.2, 0.2, 0.2, 0.2]
    schedule = ReduceOnPlateau("loss", factor=0.5, patience=2, min_delta=0.1, min_factor=0.2)
    came: list[float] = []
    for epoch, loss in enumerate(losses):
        came.append(schedule.factor(epoch, len(losses)))
        schedule.observe({"loss": loss})
    assert came == expected


def test_fractions_of_an_epoch_count() -> None:
    assert Constant().factor(0.5, 2) == 1
    assert Step(1, 0.5).factor(1.999, 5) == 0.5
    assert Exponential(0.25).factor(0.5, 5) == 0.5
    assert Cosine().factor(0.5, 1) == pytest.approx(0.5)
    assert Warmup(0.5, start=0.0).factor(0.25, 1) == 0.5
    assert OneCycle(0.5, start=0.0).factor(0.25, 1) == pytest.approx(0.5)


def test_warmup_longer_than_the_run_never_ends() -> None:
    assert Warmup(10, Cosine(), start=0.0).factor(1.5, 2) == 0.15


def test_warmup_starts_above_zero_by_default() -> None:
    assert Warmup(1).factor(0, 2) == 0.01


@pytest.mark.parametrize(
    ("metric", "mode", "values", "factor"),
    [
        ("loss", None, [2.0, 1.0, 0.5], 1.0),
        ("validation_error", None, [2.0, 2.5, 2.5], 0.1),
        ("accuracy", None, [0.5, 0.6, 0.7], 1.0),
        ("accuracy", None, [0.5, 0.5, 0.5], 0.1),
        ("accuracy", "min", [0.5, 0.4, 0.3], 1.0),
        ("loss", None, [float("nan"), float("nan")], 0.1),
    ],
)
def test_plateau_knows_what_is_better(
    metric: str, mode: str | None, values: list[float], factor: float
) -> None:
    schedule = ReduceOnPlateau(metric, patience=2, mode=mode)
    for value in values:
        schedule.observe({metric: value})
    assert schedule.factor(0, 1) == factor


def test_plateau_goes_on_from_its_state() -> None:
    # Inside a warm-up, which must pass everything on.
    def make() -> Warmup:
        return Warmup(0.5, ReduceOnPlateau("loss", factor=0.5, patience=2))

    losses = [3.0, 3.0, 3.0, 3.0, 2.0, 2.5, 2.5, 2.5]
    whole, first, second = make(), make(), make()
    for loss in losses:
        whole.observe({"loss": loss})
    for loss in losses[:4]:
        first.observe({"loss": loss})
    second.restore(json.loads(json.dumps(first.state())))
    for loss in losses[4:]:
        second.observe({"loss": loss})
    assert second.state() == whole.state() == {"then": {"current": 0.25, "best": 2.0, "waited": 1}}
    assert second.factor(1, 2) == 0.25


def test_schedules_without_memory_have_no_state() -> None:
    for schedule in (Constant(), Cosine()):
        schedule.observe({})
        schedule.restore(schedule.state())
        assert schedule.state() == {}


def test_plateau_names_the_columns_there_are() -> None:
    message = r"ReduceOnPlateau: the history has no 'validation_loss'; it has epoch, loss\. Valid"
    with pytest.raises(InvalidValueError, match=message):
        ReduceOnPlateau().observe({"epoch": 1, "loss": 2.0})


def test_the_base_schedule_has_no_factor() -> None:
    with pytest.raises(NotImplementedError, match=r"^$"):
        Schedule().factor(0, 1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Step(0), r"Step: every must be at least 1, but is 0\."),
        (lambda: Step(2, 1.5), r"Step: factor must be in \(0, 1\], but is 1\.5\."),
        (lambda: Exponential(0), r"Exponential: factor must be in \(0, 1\], but is 0\."),
        (lambda: Cosine(-1), r"Cosine: final must be in \[0, 1\], but is -1\."),
        (lambda: Warmup(0), r"Warmup: epochs must be in \(0, inf\), but is 0\."),
        (lambda: Warmup(1, start=2), r"Warmup: start must be in \[0, 1\], but is 2\."),
        (lambda: OneCycle(1), r"OneCycle: warmup must be in \(0, 1\), but is 1\."),
        (lambda: OneCycle(0), r"OneCycle: warmup must be in \(0, 1\), but is 0\."),
        (lambda: OneCycle(start=2), r"OneCycle: start must be in \[0, 1\], but is 2\."),
        (lambda: OneCycle(final=2), r"OneCycle: final must be in \[0, 1\], but is 2\."),
        (lambda: ReduceOnPlateau(factor=1), r"ReduceOnPlateau: factor must be in \(0, 1\), but"),
        (lambda: ReduceOnPlateau(patience=0), r"ReduceOnPlateau: patience must be at least 1, but"),
        (lambda: ReduceOnPlateau(mode="up"), r"mode must be one of min, max, but is 'up'\."),
        (lambda: ReduceOnPlateau(min_delta=-1), r"ReduceOnPlateau: min_delta must be in \[0, inf"),
        (lambda: ReduceOnPlateau(min_factor=2), r"ReduceOnPlateau: min_factor must be in \[0, 1\]"),
    ],
)
def test_wrong_options_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(InvalidValueError, match=message):
        make()


def test_warmup_wants_a_schedule() -> None:
    with pytest.raises(DtypeError, match=r"Warmup: then must be a schedule, but is 5 \(int\)\."):
        Warmup(1, 5)  # pyright: ignore[reportArgumentType]


def test_training_follows_the_schedule() -> None:
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(20, 3)), rng.integers(0, 2, 20)
    network = Network([Affine(2)], input_shape=(3,))
    schedule = Warmup(1, ReduceOnPlateau("loss", factor=0.5, patience=1, min_delta=9), start=0.5)
    trainer = Trainer(network, SoftmaxCrossEntropy(), SGD(0.1), schedule=schedule)
    history = trainer.fit(x, labels, epochs=4, batch_size=10)
    # The last step of each epoch: 3/4 of the rate in the warm-up, which two steps make; the loss
    # of the first epoch is the best so far, and none after it is better by 9.
    assert history["learning_rate"] == pytest.approx([0.075, 0.1, 0.05, 0.025])
