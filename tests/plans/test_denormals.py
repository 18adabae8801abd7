"""Units that died do not slow a long training: nothing stays among the slow, tiny numbers."""

import numpy as np
import pytest

pytest.importorskip("numba")

from handgrad import Affine, Network, Optimizer, Relu, SoftmaxCrossEntropy, Trainer
from handgrad.optimizers import OPTIMIZERS, AdaDelta, Adam, AdamW, RMSprop, by_name

STEPS = 1500  # 0.9 to this power is 10⁻⁶⁹, far below float32's smallest normal number, 10⁻³⁸
FORGETFUL: dict[str, Optimizer] = {  # means that forget in a test's time
    "adadelta": AdaDelta(rho=0.9),
    "adam": Adam(0.001, beta2=0.9),
    "adamw": AdamW(0.001, beta2=0.9),
    "rmsprop": RMSprop(0.001, rho=0.9),
}


def slow_numbers(arrays: list[np.ndarray]) -> int:
    """How many are not zero, and smaller than the smallest normal number."""
    return sum(
        int(np.count_nonzero((array != 0) & (np.abs(array) < np.finfo(array.dtype).tiny)))
        for array in arrays
    )


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_slots_of_dead_units_settle_at_zero(name: str) -> None:
    optimizer = FORGETFUL.get(name) or by_name(name)
    params = {"weight": np.full(50, 0.5, np.float32)}
    optimizer.step(params, {"weight": np.ones(50, np.float32)})
    for _ in range(STEPS):
        optimizer.step(params, {"weight": np.zeros(50, np.float32)})
    slots = [array for slot in optimizer.state.values() for array in slot.values()]
    assert slow_numbers(slots) == 0


def test_a_network_whose_units_died_goes_on_with_normal_numbers() -> None:
    network = Network([Affine(64), Relu(), Affine(3)], 20)
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(64, 20)), np.arange(64) % 3
    optimizer = by_name("momentum", 0.01)
    trainer = Trainer(network, SoftmaxCrossEntropy(), optimizer)
    trainer.fit(x, labels, epochs=2, batch_size=32)
    network.params["affine_1.bias"] = np.full(64, -1e3)  # no input reaches such a unit any more
    trainer.fit(x, labels, epochs=STEPS // 2, batch_size=32)
    slots = [array for slot in optimizer.state.values() for array in slot.values()]
    assert slow_numbers([*slots, *network.params.values()]) == 0
    assert not optimizer.state["affine_1.weight"]["v"].any()
