"""benchmarks/side_by_side/arithmetic.py: what the parts of a step have to do."""

import doctest
from typing import Any

import pytest

pytest.importorskip("numba")

from handgrad import Affine, Conv2d, Flatten, Layer, MaxPool2d, Network, Relu
from handgrad.plans import Plan, Workers
from side_by_side import arithmetic


def stages_of(layers: list[Layer], shape: tuple[int, ...]) -> dict[str, Any]:
    """A plan's stages for ten rows, by the names of their layers."""
    plan = Plan(Network(layers, shape), 10, Workers(1))
    return {stage.name: stage for stage in plan.stages}


def test_what_a_sum_has_to_do_is_counted() -> None:
    stages = stages_of([Conv2d(16, 5), Relu(), Conv2d(32, 5), MaxPool2d(2)], (16, 12, 12))
    first, second = stages["conv2d_1"], stages["conv2d_2"]
    window = 5 * 5 * 16
    assert arithmetic.amount(first, "forward").multiply_adds == 10 * 8 * 8 * window * 16
    assert arithmetic.amount(first, "dx") == arithmetic.Amount()  # nobody needs it
    numbers = 10 * 16 * (12 * 12 + 8 * 8) + window * 16
    assert arithmetic.amount(first, "dweight") == (10 * 8 * 8 * window * 16, numbers, 0)
    assert arithmetic.amount(second, "dx").multiply_adds == 10 * 8 * 8 * window * 32


def test_winners_and_winograd_have_less_to_do() -> None:
    layers: list[Layer] = [Conv2d(16, 5), Relu(), MaxPool2d(2), Conv2d(32, 3), Relu(), Flatten()]
    stages = stages_of([*layers, Affine(10)], (16, 16, 16))
    winners = arithmetic.amount(stages["conv2d_1"], "dweight")
    assert winners.plain == 4 * winners.multiply_adds
    for kind in ("forward", "dweight"):
        winograd = arithmetic.amount(stages["conv2d_2"], kind)
        assert winograd.plain == 10 * 4 * 4 * 9 * 16 * 32
        assert winograd.multiply_adds == pytest.approx(winograd.plain / 4, rel=0.4)
        assert winograd.multiply_adds > winograd.plain / 4
    affine = arithmetic.amount(stages["affine_1"], "dweight")
    assert affine.multiply_adds == 10 * (32 * 4 * 4) * 16  # 10 outputs fill one register


def test_a_limit_is_the_larger_of_two() -> None:
    rates = {"fma": 2.0, "memory": 4.0}  # billions
    done = arithmetic.Amount(multiply_adds=3e9, numbers=2e9)
    assert arithmetic.limit(done, 4, rates) == 3
    assert arithmetic.limit(done, 8, rates) == 4


def test_examples() -> None:
    assert doctest.testmod(arithmetic).failed == 0
