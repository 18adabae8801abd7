from collections.abc import Callable

import numpy as np
import pytest

from handgrad import Adam, BinaryCrossEntropy, Network, SoftmaxCrossEntropy, Trainer, models
from handgrad.checks import InvalidValueError
from handgrad.data import mnist

IMAGE_NETWORKS = {
    models.mlp: 784 * 256 + 256 + 256 * 128 + 128 + 128 * 10 + 10,
    models.simple_conv_net: 30 * 25 + 30 + 30 * 12 * 12 * 100 + 100 + 100 * 10 + 10,
    models.deep_conv_net: 160 + 2_320 + 4_640 + 9_248 + 18_496 + 36_928 + 51_250 + 510,
    models.convnet: None,
    models.deep: None,
}


@pytest.mark.parametrize("make", IMAGE_NETWORKS)
def test_networks_for_digits(make: Callable[..., Network]) -> None:
    network = make(seed=3)
    assert (network.input_shape, network.output_shape) == ((1, 28, 28), (10,))
    (x, labels), _ = mnist()
    x, labels = x[:40], labels[:40]
    trainer = Trainer(network, SoftmaxCrossEntropy(), Adam(0.002), seed=0)
    before = trainer.evaluate(x, labels)["loss"]
    trainer.fit(x, labels, epochs=8, batch_size=10)
    assert trainer.evaluate(x, labels)["loss"] < 0.95 * before  # of the images that it is shown


@pytest.mark.parametrize(("make", "count"), IMAGE_NETWORKS.items())
def test_sizes_are_those_of_the_documents(make: Callable[..., Network], count: int | None) -> None:
    if count is not None:
        assert sum(param.size for param in make().params.values()) == count


def test_the_last_feature_map_of_deep_conv_net_is_four_by_four() -> None:
    shapes = [layer.output_shape for layer in models.deep_conv_net().layers]
    assert (64, 4, 4) in shapes


def test_a_seed_decides_every_weight() -> None:
    one, same, other = (models.mlp(seed=seed).params for seed in (1, 1, 2))
    assert all(np.array_equal(one[name], same[name]) for name in one)
    assert not np.array_equal(one["affine_1.weight"], other["affine_1.weight"])


def test_logistic_regression_draws_a_line() -> None:
    x = np.random.default_rng(0).normal(size=(80, 2))
    labels = (x[:, 0] + 2 * x[:, 1] > 0).astype(int)
    network = models.logistic_regression(2)
    history = Trainer(network, BinaryCrossEntropy(), Adam(0.1)).fit(x, labels, epochs=100)
    assert network.output_shape == (1,)
    assert history["accuracy"][-1] > 0.95


def test_two_layer_net_starts_as_it_is_told() -> None:
    network = models.two_layer_net(50, 40, 3, init=1e-3)
    assert network.output_shape == (3,)
    assert 0.9e-3 < network.params["affine_1.weight"].std() < 1.1e-3
    he = models.two_layer_net(50, 400, 3)
    assert abs(he.params["affine_1.weight"].std() - (2 / 50) ** 0.5) < 0.01


def test_a_recipe_is_built_by_name() -> None:
    for name, recipe in models.RECIPES.items():
        built, made = models.build(name, seed=4), recipe.network(seed=4)
        assert list(built.params) == list(made.params)
    with pytest.raises(InvalidValueError, match=r"models\.build: name must be .*convnet.*'vgg'"):
        models.build("vgg")
