"""Batch norm in dense networks' plans: accurate sums, parts that are joined, what is fused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("numba")

from handgrad import (
    SGD,
    Affine,
    BatchNorm,
    Dropout,
    Layer,
    Network,
    Relu,
    SoftmaxCrossEntropy,
    Tanh,
)
from handgrad.kernels import dense_norm, dense_program
from handgrad.kernels.dense import HEIGHT, share
from handgrad.plans import DensePlan, Workers
from handgrad.plans.buffers import aligned_zeros
from handgrad.plans.dense_kinds import chain
from processes import needs_x86, run

if TYPE_CHECKING:
    from collections.abc import Sequence

STEP = 80  # four registers of float32 and one, where they hold 16; two fours and two of 8


def batch(rows: int, mean: float, dtype: str) -> np.ndarray:
    """Rows after which there is room for their mean, on cache lines."""
    x = aligned_zeros((rows + 1) * STEP, dtype)
    numbers = np.random.default_rng(0).normal(mean, 1, (rows, STEP - 3))
    x.reshape(rows + 1, STEP)[:rows, : STEP - 3] = numbers
    return x


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 2e-7), ("float64", 1e-12)])
def test_long_sums_are_accurate(dtype: str, tolerance: float) -> None:
    x, total = batch(20_000, 100, dtype), np.ones(STEP)
    dense_norm.column_sums(x, 0, STEP, 0, 20_000, total)
    wanted = x.reshape(-1, STEP).sum(axis=0, dtype=np.float64)
    np.testing.assert_allclose(total, wanted, rtol=tolerance)  # in float32 alone: 4e-6


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-6), ("float64", 1e-12)])
@pytest.mark.parametrize("workers", [1, 2, 3, 5])
@pytest.mark.parametrize("rows", [1, 7, 400])
def test_parts_are_joined_whoever_has_no_rows(
    rows: int, workers: int, dtype: str, tolerance: float
) -> None:
    x, parts = batch(rows, 20, dtype), np.full((2, workers, STEP), np.nan)
    for worker in range(workers):
        lo, hi = share(worker, workers, rows, HEIGHT)
        mean, squares = parts[:, worker]
        dense_norm.moments(x, 0, STEP, lo, hi, rows * STEP, mean, squares)
    stats, own = np.zeros((5, STEP), dtype), np.full((2, STEP), np.nan)
    dense_norm.join_moments(parts, workers, rows, STEP, 0.1, own, stats)
    matrix = x.reshape(-1, STEP)[:rows].astype(np.float64)
    wanted = matrix.mean(axis=0), matrix.var(axis=0), 1 / np.sqrt(matrix.var(axis=0) + 0.1)
    np.testing.assert_allclose(stats[:3], wanted, rtol=tolerance, atol=tolerance)
    assert not stats[3:].any()


def instructions(layers: Sequence[Layer], workers: int = 2) -> list[int]:
    """What the workers of a plan do, in its order."""
    network, optimizer = Network(layers, 5), SGD()
    named = chain(network)
    assert named is not None
    plan = DensePlan(network, named, SoftmaxCrossEntropy(), optimizer, 20, Workers(workers))
    return [row[0][0] for row in plan.layout.program([], dense_program.SGD)]


def test_workers_meet_once_for_a_norm_on_either_way() -> None:
    without, one = instructions([Affine(4), Tanh()]), instructions([Affine(4), BatchNorm(), Tanh()])
    meetings = one.count(dense_program.MEET) - without.count(dense_program.MEET)
    assert meetings == 2


def test_relu_is_no_instruction_of_its_own() -> None:
    alone = {dense_program.ACTIVATE, dense_program.ACTIVATE_BACK}
    assert not alone & set(instructions([Affine(9), Relu(), Affine(4), BatchNorm(), Relu()]))
    assert not alone & set(instructions([Affine(9), Relu(), Dropout(), Dropout(), Affine(4)]))
    assert alone <= set(instructions([Affine(9), Tanh(), Affine(4)]))
    assert dense_program.ACTIVATE_BACK in instructions([Affine(9), Relu()])  # before it: the loss


AVX2 = """
from plans.test_dense import NETWORKS, check_training, softmax
from handgrad import Momentum, use
from handgrad.kernels import tiles
assert tiles.BYTES == 32
for name in ("norms", "relus", "wide", "dropouts"):
    for dtype in ("float32", "float64"):
        check_training(NETWORKS[name], softmax(), lambda: Momentum(0.05), dtype=dtype)
"""


@needs_x86
def test_machines_with_half_as_wide_registers() -> None:
    run(AVX2, NUMBA_CPU_NAME="haswell")
