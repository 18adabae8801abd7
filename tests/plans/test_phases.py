"""The gradient of x of convolutions with a stride: no multiply-add with zeros between dy's numbers.

Plans as wholes, each option in turn; the stage alone, where dx held something else before; and
how positions and the kernel are split, against the definition, with its mutants.
"""

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")

from handgrad import (
    Affine,
    AveragePool2d,
    BatchNorm,
    Conv2d,
    Flatten,
    Layer,
    MaxPool2d,
    Network,
    Relu,
)
from handgrad.kernels.tiles import lanes
from handgrad.ops import conv2d_backward, conv2d_forward
from handgrad.plans import Plan, Workers, phases
from handgrad.plans.buffers import Buffer
from handgrad.plans.convolution import ConvStage
from handgrad.plans.stages import Context
from mutate import Mutant, functions_of, mutants_of
from plans.test_plans import TOLERANCE, check_plan

Pair = tuple[int, int]


def make(
    options: dict[str, Any], shape: tuple[int, int, int], filters: int, dtype: str
) -> ConvStage:
    """A stage whose x is the output of a ReLU: on random numbers, and dx holds NaN before."""
    network = Network([Conv2d(filters, **options)], shape, dtype=dtype, seed=1)
    layer = network.layers[0]
    context = Context(Workers(1), 3, 3, network.dtype, network.params, network.state, 3)
    stage = ConvStage(context, layer, str(layer.name), relu=False)
    stage.masks_dx = True
    x, dx = (Buffer(3, stage.input_shape, dtype, border=stage.x_border) for _ in range(2))
    y, dy = (Buffer(3, stage.shape, dtype, border=stage.dy_border) for _ in range(2))
    stage.connect(x, y, dy, dx)
    rng = np.random.default_rng(2)
    for buffer in (x, dy):
        buffer.view[...] = rng.normal(size=buffer.view.shape)
    dx.flat[...] = np.nan
    stage.load(0, training=True)
    return stage


def check_dx(
    options: dict[str, Any], size: Pair, dtype: str = "float64", channels: Pair = (3, 5)
) -> None:
    """All of dx is written, of the images asked for alone; the mask holds where no window is."""
    stage = make(options, (channels[0], *size), channels[1], dtype)
    dx, layer = stage.dx, stage.layer
    assert dx is not None
    stage.input_gradient(dx, 0, 1, 3)
    _, saved = conv2d_forward(
        np.ascontiguousarray(stage.x.view),
        layer.params["weight"],
        layer.params["bias"],
        stride=stage.stride,
        padding=stage.padding,
        dilation=stage.dilation,
    )
    wanted = conv2d_backward(np.ascontiguousarray(stage.dy.view), saved)[0] * (stage.x.view > 0)
    scale = max(float(np.abs(wanted).max()), 1.0)
    tolerance = TOLERANCE[dtype] * scale
    np.testing.assert_allclose(dx.view[1:], wanted[1:], atol=tolerance, rtol=0)
    assert np.isnan(dx.flat[: dx.image]).all()
    border = dx.flat.copy()
    dx.seen(border)[...] = np.nan
    border = border.reshape(dx.size)[..., : channels[0]]
    assert np.isnan(border).all()


KERNELS = [1, 2, 3, 4, 5, 11]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("stride", [1, 2, 3, 4, (2, 3), (3, 1), (1, 4)])
def test_dx(stride: Any, dtype: str) -> None:
    for kernel, padding in itertools.product(KERNELS, range(4)):
        check_dx({"kernel": kernel, "stride": stride, "padding": padding}, (13, 15), dtype)


@pytest.mark.parametrize("dilation", [2, 3, 4, (1, 2), (6, 3)])
@pytest.mark.parametrize("stride", [1, 2, 3, 4, (4, 6)])
def test_dx_with_a_dilation(stride: Any, dilation: Any) -> None:
    for kernel, padding in itertools.product([(1, 3), (3, 2), (2, 4)], (0, 3)):
        options = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}
        check_dx(options, (17, 14))


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (2, 3), (4, 5), (28, 31), (9, 57)])
def test_dx_of_small_and_of_wide_images(size: Pair) -> None:
    """Fewer positions than a stride; phases of fewer than a tile has."""
    for stride, kernel in itertools.product((2, 3, (4, 2)), (1, 2, (1, 3))):
        check_dx({"kernel": kernel, "stride": stride, "padding": 1}, size)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("channels", [(1, 1), (1, 40), (40, 1), (17, 32), (33, 9)])
def test_dx_of_few_and_of_many_channels(channels: Pair, dtype: str) -> None:
    for stride in (2, (3, 2)):
        options = {"kernel": 3, "stride": stride, "padding": (1, 0)}
        check_dx(options, (11, 16), dtype, channels)


CHAINS: dict[str, Callable[[], list[Layer]]] = {
    "relu": lambda: [Conv2d(9, 3, padding=1), Relu(), Conv2d(10, 3, stride=2), Relu()],
    "strides one after the other": lambda: [
        *[Conv2d(9, 5, stride=2, padding=2), Relu(), Conv2d(6, 3, stride=(2, 3)), Relu()],
        *[Conv2d(5, 1, stride=2), Relu()],
    ],
    "small windows before and after": lambda: [
        *[Conv2d(17, 3, padding=1), Relu(), Conv2d(18, 3, stride=2, padding=1), Relu()],
        *[Conv2d(9, 3, padding=1), Relu()],
    ],
    "pools": lambda: [
        *[Conv2d(9, 3, padding=1), Relu(), MaxPool2d(2), Conv2d(10, 3, stride=2), Relu()],
        *[MaxPool2d(2)],
    ],
    "pooled with a stride": lambda: [
        *[Conv2d(5, 3), Relu(), Conv2d(9, 3, stride=2, padding=1), MaxPool2d(2), Relu()],
    ],
    "batch norm": lambda: [
        *[Conv2d(5, 1), BatchNorm(), Relu(), Conv2d(9, 3, stride=2, bias=False), BatchNorm()],
        *[Relu(), Conv2d(6, 1, stride=2)],
    ],
    "kernels smaller than the stride": lambda: [
        *[Conv2d(5, 2), Relu(), Conv2d(6, 1, stride=2), Conv2d(7, (1, 2), stride=(1, 3)), Relu()],
    ],
    "no ReLU between": lambda: [Conv2d(9, 3), Conv2d(10, 3, stride=2), AveragePool2d(2)],
    "dilated too": lambda: [Conv2d(9, 3), Relu(), Conv2d(10, 3, stride=(2, 4), dilation=(2, 2))],
}


@pytest.mark.parametrize("at_once", [None, 2])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CHAINS)
def test_chains(name: str, dtype: str, at_once: int | None) -> None:
    layers = [*CHAINS[name](), Flatten(), Affine(4)]
    network = Network(layers, (3, 19, 22), dtype=dtype, seed=1)
    check_plan(network, 7, workers=2 if at_once else 1, at_once=at_once)


def test_dy_has_no_zeros_between_its_numbers() -> None:
    """And so what is multiplied: each number of the kernel once, whatever the stride."""
    layers = [Conv2d(8, 3), Conv2d(16, (5, 3), stride=(2, 3)), MaxPool2d(2), Relu(), Flatten()]
    plan = Plan(Network([*layers, Affine(3)], (1, 21, 24)), 4, Workers(1))
    stage = plan.stages[1]
    assert isinstance(stage, ConvStage)
    assert stage.sums_shape == (16, 8, 7)
    assert stage.d_sums.size[:3] == (4, 2 + 8 + 2, 7 + 1)
    assert sum(part.weight.size for part in stage.parts) == 5 * 3 * 16 * 16  # 8 channels, padded
    terms = sum(math.prod([*part.size[:2], *part.numbers]) for part in stage.parts)
    assert terms == (10 * 3 + 9 * 2) * 22  # of a kernel's 5 rows every other one, of 3 columns one


@pytest.mark.parametrize(
    ("channels", "counted"), [(10, 10), (15, 16), (17, 17), (24, 24), (30, 32)]
)
def test_sums_leave_out_the_padding_of_channels_but_for_a_little(
    channels: int, counted: int
) -> None:
    if lanes(4) != 16:
        pytest.skip("padding is that of registers of 16 numbers")
    layers = [Conv2d(channels, 5), Conv2d(16, 5), Flatten(), Affine(3)]
    plan = Plan(Network(layers, (1, 12, 12)), 4, Workers(1))
    first, second = (stage for stage in plan.stages if isinstance(stage, ConvStage))
    assert second.weight.size == 25 * counted * 16
    assert second.window[1] * second.window[2] == 5 * counted
    assert plan.stages[0] is first
    (part,) = second.parts
    assert part.weight.size == 25 * 16 * first.y.channels


def test_dy_may_take_the_place_of_y_behind_a_stride() -> None:
    layers = [Conv2d(16, 3, stride=2), Relu(), Conv2d(16, 3, padding=1), Relu(), Flatten()]
    network = Network([*layers, Affine(3)], (3, 20, 19), dtype="float64")
    first, second = check_plan(network, 5).stages[:2]
    assert first.dy is first.y is second.x is second.dx
    network = Network([Conv2d(16, 3, stride=2), Flatten(), Affine(3)], (3, 20, 19), dtype="float64")
    first = check_plan(network, 5).stages[0]
    assert first.dy is first.y


# -- one axis against the definition --------------------------------------------------------------

AXES = list(itertools.product((1, 2, 7, 8), (1, 2, 3, 5), (1, 2, 3, 4, 6), (0, 1, 3), (1, 2, 3, 4)))


def check_phases_of() -> None:
    """The same terms as the definition's, in windows that go forward in dy; each position once."""
    for size, kernel, stride, padding, dilation in AXES:
        wanted = {
            (u, i, k)
            for u in range(size)
            for k in range(kernel)
            for i in range(-40, 40)
            if u + padding == i * stride + k * dilation
        }
        terms: list[tuple[int, int, int]] = []
        positions: list[int] = []
        for phase in phases.phases_of(size, kernel, stride, padding, dilation):
            numbers = list(range(kernel))[phase.turned]
            assert len(numbers) == phase.numbers
            assert phase.positions > 0
            assert numbers or phase.start == 0
            for j in range(phase.positions):
                u, start = phase.first + j * stride, phase.start + j
                positions.append(u)
                terms += [(u, start + m * phase.step, k) for m, k in enumerate(numbers)]
        assert sorted(positions) == list(range(size))
        assert len(terms) == len(wanted)
        assert set(terms) == wanted


def check_reach() -> None:
    for size, kernel, stride, padding, dilation in AXES:
        out = (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
        met = [
            (u + padding - k * dilation) // stride
            for u in range(size)
            for k in range(kernel)
            if (u + padding - k * dilation) % stride == 0
        ]
        if out > 0:
            found = phases.reach(phases.phases_of(size, kernel, stride, padding, dilation), out)
            assert found == (max(0, *(-i for i in met), 0), max(0, *(i - out + 1 for i in met), 0))


CHECKS = {"phases_of": check_phases_of, "reach": check_reach}


@pytest.mark.parametrize("name", CHECKS)
def test_phases(name: str) -> None:
    CHECKS[name]()


def test_mutants_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def caught(mutant: Mutant) -> bool:
        with monkeypatch.context() as patch:
            patch.setattr(phases, mutant.function, mutant.build())
            try:
                CHECKS[mutant.function]()
            except Exception:  # noqa: BLE001  (whatever a mutant breaks with, it was noticed)
                return True
            return False

    mutants = [m for function in functions_of(phases) for m in mutants_of(phases, function)]
    alive = [m.name for m in mutants if not caught(m)]
    assert len(mutants) > 20
    assert not alive, "\n".join(alive)
