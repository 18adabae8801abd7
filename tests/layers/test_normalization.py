from typing import Any

import numpy as np
import pytest

from handgrad import (
    SGD,
    Affine,
    BatchNorm,
    LayerNorm,
    Network,
    SoftmaxCrossEntropy,
    Trainer,
)
from handgrad.backend import ops
from handgrad.checks import DtypeError, InvalidValueError, ShapeError

Norm = type[BatchNorm] | type[LayerNorm]


def batch(*shape: int, seed: int = 1) -> np.ndarray:
    return 2 * np.random.default_rng(seed).normal(size=shape) + 1


def normed(shape: tuple[int, ...], **options: Any) -> Network:
    """A network of one BatchNorm with random parameters and running statistics."""
    network = Network([BatchNorm(name="bn", **options)], shape, dtype="float64")
    rng = np.random.default_rng(2)
    for arrays in (network.params, network.state):
        for name in arrays:
            arrays[name] = rng.uniform(0.5, 2.0, arrays[name].shape)
    return network


@pytest.mark.parametrize("shape", [(4,), (4, 3, 2)])
def test_training_normalizes_by_the_batch(shape: tuple[int, ...]) -> None:
    network = normed(shape, eps=0.1)
    x, dy = batch(5, *shape), batch(5, *shape, seed=3)
    weight, bias = network.params["bn.weight"], network.params["bn.bias"]
    y, saved = network.forward(x, training=True)
    expected, op_saved = ops.batch_norm_forward(x, weight, bias, eps=0.1)
    np.testing.assert_array_equal(y, expected)
    check_gradients(network.backward(dy, saved), ops.batch_norm_backward(dy, op_saved))


@pytest.mark.parametrize("training", [False, True])
def test_inference_and_frozen_layers_normalize_by_the_running_statistics(*, training: bool) -> None:
    network = normed((4,), eps=0.1)
    network.layers[0].freeze(training)
    x, dy = batch(5, 4), batch(5, 4, seed=3)
    weight, bias = network.params["bn.weight"], network.params["bn.bias"]
    mean, var = network.state["bn.running_mean"], network.state["bn.running_var"]
    y, saved = network.forward(x, training=training)
    expected, op_saved = ops.batch_norm_inference_forward(
        x, weight, bias, mean=mean, var=var, eps=0.1
    )
    np.testing.assert_array_equal(y, expected)
    check_gradients(network.backward(dy, saved), ops.batch_norm_inference_backward(dy, op_saved))
    before = mean.copy(), var.copy()
    network.commit(saved)
    np.testing.assert_array_equal((network.state["bn.running_mean"], var), before)


def check_gradients(
    came: tuple[np.ndarray, dict[str, np.ndarray]], expected: tuple[np.ndarray, ...]
) -> None:
    dx, grads = came
    dx_expected, dweight, dbias = expected
    np.testing.assert_array_equal(dx, dx_expected)
    assert list(grads) == ["bn.weight", "bn.bias"]
    np.testing.assert_array_equal(grads["bn.weight"], dweight)
    np.testing.assert_array_equal(grads["bn.bias"], dbias)


def test_running_statistics_start_at_0_and_1_with_one_number_per_channel() -> None:
    network = Network([BatchNorm()], (3, 5, 5))
    np.testing.assert_array_equal(network.state["batch_norm_1.running_mean"], np.zeros(3))
    np.testing.assert_array_equal(network.state["batch_norm_1.running_var"], np.ones(3))
    assert network.state["batch_norm_1.running_var"].dtype == np.float32


def test_running_statistics_follow_the_batch_once_committed() -> None:
    """The batch has mean 2; its variance is 1 over m, but 2 over m − 1."""
    network = Network([BatchNorm(momentum=0.75)], 1, dtype="float64")
    mean, var = (
        network.state["batch_norm_1.running_mean"],
        network.state["batch_norm_1.running_var"],
    )
    _, saved = network.forward(np.array([[1.0], [3.0]]), training=True)
    assert (mean, var) == (0.0, 1.0)
    network.commit(saved)
    assert mean == 0.25 * 2
    assert var == 0.75 * 1 + 0.25 * 2


def test_running_statistics_of_images_count_every_position() -> None:
    network = Network([BatchNorm(momentum=0)], (3, 5, 4), dtype="float64")
    x = batch(6, 3, 5, 4)
    _, saved = network.forward(x, training=True)
    network.commit(saved)
    columns = x.transpose(1, 0, 2, 3).reshape(3, -1)
    np.testing.assert_allclose(network.state["batch_norm_1.running_mean"], columns.mean(axis=1))
    np.testing.assert_allclose(
        network.state["batch_norm_1.running_var"], columns.var(axis=1, ddof=1)
    )


def test_one_entry_leaves_the_running_variance_alone() -> None:
    network = Network([BatchNorm(momentum=0.5)], 2, dtype="float64")
    network.params["batch_norm_1.bias"] = [7.0, 8.0]
    y, saved = network.forward(np.array([[2.0, 4.0]]), training=True)
    np.testing.assert_array_equal(y, [[7.0, 8.0]])
    network.commit(saved)
    np.testing.assert_array_equal(network.state["batch_norm_1.running_mean"], [1.0, 2.0])
    np.testing.assert_array_equal(network.state["batch_norm_1.running_var"], [1.0, 1.0])


def test_an_empty_batch_leaves_the_running_statistics_alone() -> None:
    network = Network([BatchNorm()], 2)
    y, saved = network.forward(np.zeros((0, 2)), training=True)
    assert y.shape == (0, 2)
    network.commit(saved)
    np.testing.assert_array_equal(network.state["batch_norm_1.running_mean"], [0.0, 0.0])
    np.testing.assert_array_equal(network.state["batch_norm_1.running_var"], [1.0, 1.0])


def test_training_steps_move_the_running_statistics_and_not_those_of_frozen_layers() -> None:
    network = Network([BatchNorm(name="moves"), BatchNorm(name="stays").freeze(), Affine(2)], 3)
    trainer = Trainer(network, SoftmaxCrossEntropy(), SGD(0.1))
    before = {
        name: array.copy() for name, array in [*network.params.items(), *network.state.items()]
    }
    trainer.fit(batch(20, 3), np.arange(20) % 2, epochs=1, batch_size=10)
    after = {**network.params, **network.state}
    same = {name for name, array in before.items() if np.array_equal(array, after[name])}
    assert same == {"stays.weight", "stays.bias", "stays.running_mean", "stays.running_var"}
    assert after["moves.running_mean"].dtype == np.float32


def test_in_inference_an_example_does_not_depend_on_its_neighbours() -> None:
    network = normed((4,))
    x = batch(5, 4)
    np.testing.assert_array_equal(network.predict(x)[:1], network.predict(x[:1]))


@pytest.mark.parametrize("kind", [BatchNorm, LayerNorm])
def test_weight_decay_leaves_norms_alone(kind: Norm) -> None:
    network = Network([kind(), Affine(2, name="affine")], 3)
    assert network.decayed() == {"affine.weight"}


@pytest.mark.parametrize("shape", [(4,), (3, 2), (3, 2, 4)])
@pytest.mark.parametrize("training", [False, True])
def test_layer_norm_is_its_op(shape: tuple[int, ...], *, training: bool) -> None:
    network = Network([LayerNorm(eps=0.1, name="norm")], shape, dtype="float64")
    weight, bias = batch(*shape, seed=4), batch(*shape, seed=5)
    network.params["norm.weight"], network.params["norm.bias"] = weight, bias
    x, dy = batch(5, *shape), batch(5, *shape, seed=3)
    y, saved = network.forward(x, training=training)
    expected, op_saved = ops.layer_norm_forward(x, weight, bias, eps=0.1)
    np.testing.assert_array_equal(y, expected)
    dx, grads = network.backward(dy, saved)
    dx_expected, dweight, dbias = ops.layer_norm_backward(dy, op_saved)
    np.testing.assert_array_equal(dx, dx_expected)
    np.testing.assert_array_equal(grads["norm.weight"], dweight)
    np.testing.assert_array_equal(grads["norm.bias"], dbias)
    assert not network.state


@pytest.mark.parametrize("kind", [BatchNorm, LayerNorm])
def test_fresh_norms_normalize_and_do_no_more(kind: Norm) -> None:
    network = Network([kind()], 40, dtype="float64")
    y, _ = network.forward(batch(30, 40), training=True)
    axis = 0 if kind is BatchNorm else 1
    np.testing.assert_allclose(y.mean(axis=axis), 0, atol=1e-12)
    np.testing.assert_allclose(y.var(axis=axis), 1, rtol=1e-4)


def test_batch_norm_refuses_shapes_without_channels() -> None:
    message = (
        r"BatchNorm 'bn': x must have shape \(N, C\) or \(N, C, H, W\), "
        r"but has shape \(N, 28, 28\)\. Give images a channel axis: x\[:, np\.newaxis\]\."
    )
    with pytest.raises(ShapeError, match=message):
        Network([BatchNorm(name="bn")], (28, 28))
    with pytest.raises(ShapeError, match=r"but has shape \(N, 2, 3, 4, 5\)\.\n"):
        Network([BatchNorm()], (2, 3, 4, 5))


@pytest.mark.parametrize("kind", [BatchNorm, LayerNorm])
def test_a_batch_of_another_shape_is_refused(kind: Norm) -> None:
    layer = kind(name="here")
    Network([layer], 3)
    with pytest.raises(ShapeError, match=r"'here' \(3 -> 3\): x must have shape \(N, 3\), but has"):
        layer.forward(np.zeros((5, 4)), training=False)


@pytest.mark.parametrize("momentum", [-0.1, 1, np.nan])
def test_momentum_is_a_share(momentum: float) -> None:
    with pytest.raises(InvalidValueError, match=r"BatchNorm: momentum must be in \[0, 1\), but is"):
        BatchNorm(momentum=momentum)


@pytest.mark.parametrize("kind", [BatchNorm, LayerNorm])
def test_eps_is_above_zero(kind: Norm) -> None:
    with pytest.raises(InvalidValueError, match=rf"{kind.__name__}: eps must be in \(0, inf\)"):
        kind(eps=0)
    with pytest.raises(DtypeError, match=rf"{kind.__name__}: eps must be a number, but is '1e-5'"):
        kind(eps="1e-5")  # pyright: ignore[reportArgumentType]


def test_options_are_plain_values() -> None:
    layer = BatchNorm(momentum=np.float64(0.5), eps=1e-3, name="bn")
    assert layer.config() == {"momentum": 0.5, "eps": 1e-3, "name": "bn"}
    assert type(layer.config()["momentum"]) is float
    assert LayerNorm(eps=1e-3).config() == {"eps": 1e-3, "name": None}


def test_operations_are_counted() -> None:
    network = Network([BatchNorm(), LayerNorm()], (2, 3, 4))
    assert [layer.flops() for layer in network.layers] == [4 * 24, 7 * 24]
