"""The examples of chapter 6 on MNIST: what they share, and what they claim."""

import numpy as np
import pytest

from handgrad.examples import hyperparameters, initial_values, optimizers_mnist, overfitting
from handgrad.examples._training import (
    ACTIVATIONS,
    Digits,
    deep_network,
    digits,
    history_of,
    share_right,
    smooth,
    train_by_steps,
)
from handgrad.losses import SoftmaxCrossEntropy
from handgrad.optimizers import SGD
from handgrad.training import Trainer, Trial


@pytest.fixture(scope="module")
def some() -> Digits:
    return digits(200, 100, 50)


def test_the_three_parts_share_no_image(some: Digits) -> None:
    assert [len(part.x) for part in some] == [200, 100, 50]
    kept, held = ({image.tobytes() for image in part.x} for part in some[:2])
    assert not kept & held
    assert some.train.x.max() == 1


def test_the_loss_of_every_step_has_the_epochs_mean(some: Digits) -> None:
    network = deep_network(layers=1, width=10)
    losses = train_by_steps(network, SGD(0.1), some.train, epochs=2, seed=0)
    trainer = Trainer(deep_network(layers=1, width=10), SoftmaxCrossEntropy(), SGD(0.1))
    history = trainer.fit(*some.train, epochs=2, batch_size=100)
    np.testing.assert_allclose(np.reshape(losses, (2, 2)).mean(axis=1), history["loss"], rtol=1e-6)


def test_a_network_that_explodes_is_a_result(some: Digits) -> None:
    network = deep_network(init=100.0)
    assert train_by_steps(network, SGD(1e6), some.train, epochs=3, seed=0)[-1] == np.inf
    trainer = Trainer(deep_network(init=100.0), SoftmaxCrossEntropy(), SGD(1e6))
    assert len(history_of(trainer, some, epochs=3)) < 3
    assert 0 <= share_right(network, some.held_out) <= 1


def test_deep_networks_have_what_was_asked_for() -> None:
    network = deep_network(layers=2, width=5, activation="tanh", batch_norm=True, dropout=0.5)
    kinds = [type(layer).__name__ for layer in network.layers]
    assert kinds == [*(["Affine", "BatchNorm", "Tanh", "Dropout"] * 2), "Affine"]


def test_smoothing() -> None:
    assert smooth([1, 2, 3, 4], 2).tolist() == [1.5, 2.5, 3.5]
    assert smooth([1, 3], 51).tolist() == [2]


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_zeros_stay_equal_and_small_weights_fade(activation: str) -> None:
    layers = {
        name: [
            initial_values.spread(h) for h in initial_values.activations(activation, init, seed=0)
        ]
        for name, init in initial_values.INITS.items()
    }
    assert max(layers["zero"]) == 0
    assert layers["σ = 0.01"][-1] < 1e-4
    if activation == "tanh":  # what Xavier's values are made for
        assert layers["Xavier"][-1] > 0.3
    if activation == "ReLU":  # what He's are made for
        assert layers["He"][-1] > 5 * layers["Xavier"][-1]


def test_a_layer_of_zeros_learns_one_neuron_only(some: Digits) -> None:
    network = deep_network(layers=1, init=0.0)
    train_by_steps(network, SGD(0.1), some.train, epochs=2, seed=0)
    weight = network.params["affine_1.weight"]
    assert (weight == weight[:, :1]).all()


def test_batch_norm_does_not_see_the_scale_of_the_weights() -> None:
    x = np.random.default_rng(0).random((50, 784))
    outputs: list[np.ndarray] = []
    for scale in (0.1, 1.0):
        network = deep_network(layers=2, init=scale, batch_norm=True)
        found = network.inspect(x, training=True).outputs
        outputs.append(found["relu_2"])
    np.testing.assert_allclose(outputs[0], outputs[1], atol=1e-2)


def test_the_ways_against_overfitting_are_four_and_none() -> None:
    assert overfitting.WAYS[0][1:] == (None, (), 0.0)
    assert len({way.title for way in overfitting.WAYS}) == 6


def test_a_trial_can_be_repeated(some: Digits) -> None:
    trial = Trial(1, {"learning_rate": 0.1, "weight_decay": 1e-6}, seed=3)
    first, second = (hyperparameters.train(trial, some, 2) for _ in range(2))
    assert first["validation_loss"] == second["validation_loss"]


def test_the_best_rate_is_the_one_with_the_lowest_held_out_loss(some: Digits) -> None:
    assert optimizers_mnist.best_rate("SGD", some, (1e-6, 0.1, 1e9), seed=0) == 0.1
    assert set(optimizers_mnist.BOOK) | set(optimizers_mnist.DEFAULT) == set(optimizers_mnist.RULES)
