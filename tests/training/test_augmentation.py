"""Augmentation in the Trainer: new at each step, the same again after a resume."""

from functools import partial
from typing import Any

import numpy as np
import pytest

from handgrad import Adam, Network, SoftmaxCrossEntropy, Trainer
from handgrad.checks import ShapeError
from handgrad.data import Augmentation, affine, elastic, flip
from handgrad.layers import Affine, Flatten, Relu
from handgrad.training import Callback

AUGMENT = Augmentation(partial(affine, degrees=20, pixels=1), partial(elastic, alpha=5))


def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (50, 1, 8, 8), dtype=np.uint8), rng.integers(0, 3, 50)


def trainer(augment: Any = AUGMENT) -> Trainer:
    network = Network([Flatten(), Affine(6), Relu(), Affine(3)], (1, 8, 8))
    return Trainer(network, SoftmaxCrossEntropy(), Adam(0.01), augment=augment)


class Keep(Callback):
    """Remembers the state after some step."""

    def __init__(self, step: int) -> None:
        self.left = step
        self.kept: dict[str, Any] = {}

    def on_step(self, trainer: Trainer) -> None:
        self.left -= 1
        if self.left == 0:
            self.kept = trainer.state()


def test_a_resumed_run_is_the_same_bit_for_bit() -> None:
    keep = Keep(step=7)  # in the middle of the second epoch
    first = trainer()
    first.fit(*data(), epochs=3, batch_size=10, callbacks=[keep])
    second = trainer()
    second.fit(*data(), epochs=3, batch_size=10, callbacks=[Keep(step=0)], resume=keep.kept)
    for name, array in first.network.params.items():
        np.testing.assert_array_equal(second.network.params[name], array)
    plain = trainer(augment=None)
    plain.fit(*data(), epochs=3, batch_size=10)
    assert any(
        not np.array_equal(plain.network.params[name], array)
        for name, array in first.network.params.items()
    )


def test_every_step_sees_other_changes() -> None:
    seen: list[np.ndarray] = []

    def watch(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        seen.append(rng.random(3))
        return x

    trainer(watch).fit(*data(), epochs=2, batch_size=25)
    assert len(np.unique(np.round(seen, 12), axis=0)) == 4


def test_validation_is_not_augmented() -> None:
    def refuse(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        assert len(x) == 10
        return flip(x, rng)

    trainer(refuse).fit(*data(), epochs=1, batch_size=10, validation_data=data())


def test_another_shape_is_refused() -> None:
    with pytest.raises(
        ShapeError,
        match=r"Trainer: the batch that augment returned must have shape \(10, 1, 8, 8\), but has "
        r"shape \(10, 1, 4, 8\)",
    ):
        trainer(lambda x, _: x[:, :, ::2]).fit(*data(), epochs=1, batch_size=10)
