from typing import Any

import numpy as np
import pytest

from handgrad import (
    Affine,
    BatchNorm,
    Conv2d,
    Dropout,
    Flatten,
    Layer,
    Network,
    Relu,
    Residual,
    Sequential,
)
from handgrad.checks import DtypeError, InvalidValueError, ShapeError


def batch(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=shape)


def test_names_follow_the_types() -> None:
    network = Network([Affine(3), Relu(), Affine(2, name="last"), Relu()], 4)
    assert [layer.name for layer in network.layers] == ["affine_1", "relu_1", "last", "relu_2"]
    assert list(network.params) == ["affine_1.weight", "affine_1.bias", "last.weight", "last.bias"]


def test_made_names_avoid_given_ones() -> None:
    network = Network([Affine(3), Affine(3, name="affine_1")], 4)
    assert [layer.name for layer in network.layers] == ["affine_2", "affine_1"]


def test_two_layers_of_one_name_are_refused() -> None:
    with pytest.raises(InvalidValueError, match=r"two layers are called 'a'.*its own name"):
        Network([Affine(3, name="a"), Relu(name="a")], 4)


def test_a_name_with_a_dot_is_refused() -> None:
    with pytest.raises(InvalidValueError, match=r"letters, digits and _, but is 'a\.b'"):
        Network([Affine(3, name="a.b")], 4)


def test_what_is_no_layer_is_refused() -> None:
    with pytest.raises(DtypeError, match=r"must be a Layer, but is \[.*\(list\). Write the"):
        Sequential([Relu()])  # pyright: ignore[reportArgumentType]


def test_a_wrong_chain_shows_the_shapes_up_to_the_fault() -> None:
    with pytest.raises(ShapeError) as raised:
        Network([Relu(), Affine(3)], (1, 28, 28))
    assert str(raised.value) == (
        "Affine 'affine_1': x must have shape (N, D), but has shape (N, 1, 28, 28). "
        "Put Flatten() before it.\n"
        "  The chain so far: x (N, 1, 28, 28) -> relu_1 (N, 1, 28, 28)"
    )


def test_residual_adds_its_input_and_both_gradients() -> None:
    network = Network([Residual(Affine(3), Relu())], 3, dtype="float64")
    x, dy = batch(5, 3), batch(5, 3)[::-1]
    y, saved = network.forward(x, training=True)
    body = np.maximum(x @ network.params["residual_1.body.affine_1.weight"], 0)
    np.testing.assert_allclose(y, body + x, rtol=1e-14)
    dx, _ = network.backward(dy, saved)
    through_body = (dy * (body > 0)) @ network.params["residual_1.body.affine_1.weight"].T
    np.testing.assert_allclose(dx, through_body + dy, rtol=1e-13)


def test_residual_with_a_shortcut_layer() -> None:
    network = Network([Residual(Affine(4), Relu(), shortcut=Affine(4))], 3, dtype="float64")
    assert list(network.params) == [
        "residual_1.body.affine_1.weight",
        "residual_1.body.affine_1.bias",
        "residual_1.shortcut.weight",
        "residual_1.shortcut.bias",
    ]
    check_whole_gradient(network, batch(5, 3))


def test_residual_refuses_a_body_that_changes_the_shape() -> None:
    with pytest.raises(ShapeError, match=r"\(N, 3\), but its output is \(N, 4\).*shortcut="):
        Network([Residual(Affine(4))], 3)


def test_a_layer_used_twice_gets_the_sum_of_its_gradients() -> None:
    shared = Affine(3)
    network = Network([shared, Relu(), shared], 3, dtype="float64")
    assert list(network.params) == ["affine_1.weight", "affine_1.bias"]
    check_whole_gradient(network, batch(5, 3))


def test_a_shared_layer_needs_one_input_shape() -> None:
    shared = Affine(2)
    with pytest.raises(ShapeError, match=r"was built for input \(N, 3\).*\(N, 2\).*each place"):
        Network([shared, Relu(), shared], 3)


def test_a_layer_belongs_to_one_network() -> None:
    layer = Affine(2)
    Network([layer], 3)
    with pytest.raises(InvalidValueError, match=r"Affine 'affine_1' \(3 -> 2\) already belongs"):
        Network([layer], 3)


def test_nested_containers_name_their_parameters_by_path() -> None:
    network = Network([Sequential(Affine(3), Sequential(Affine(2), name="inner"), name="outer")], 4)
    assert "outer.inner.affine_1.bias" in network.params
    assert network.output_shape == (2,)


# -- one layer in several places ------------------------------------------------------------------


def test_a_layer_in_two_containers_is_refused() -> None:
    shared = Affine(3)
    with pytest.raises(
        InvalidValueError, match=r"Affine 'affine_1' must stand in one container.*'body'.*'body'"
    ):
        Network([Residual(shared), Residual(shared)], 3)
    with pytest.raises(InvalidValueError, match=r"one container, but stands in .*Make a new layer"):
        Sequential(Sequential(shared), shared)


def test_a_container_used_twice_gets_the_sum_of_its_gradients() -> None:
    shared = Residual(Affine(3), Relu())
    network = Network([shared, Relu(), shared], 3, dtype="float64")
    assert list(network.params) == [
        "residual_1.body.affine_1.weight",
        "residual_1.body.affine_1.bias",
    ]
    check_whole_gradient(network, batch(5, 3))


def test_running_statistics_in_two_places_are_refused() -> None:
    shared = BatchNorm()
    with pytest.raises(
        InvalidValueError, match=r"running statistics.*'batch_norm_1'.* in 2\. Make"
    ):
        Network([shared, Relu(), shared], 3)
    block = Sequential(BatchNorm())
    with pytest.raises(InvalidValueError, match=r"running statistics.*'sequential_1'.* in 2\."):
        Network([block, block], 3)


# -- a second attempt, and layers of one's own ----------------------------------------------------


def test_layers_of_a_failed_attempt_can_be_used_again() -> None:
    layers = [Affine(3), Relu(), Affine(2)]
    with pytest.raises(ShapeError, match="Put Flatten"):
        Network([Relu(), *layers], (2, 2))
    wrong = [layers[0], Conv2d(2, 3)]
    with pytest.raises(ShapeError, match="Conv2d"):
        Network(wrong, 5)
    assert Network([Flatten(), *layers], (2, 2)).output_shape == (2,)


def test_a_layer_of_another_network_is_refused_inside_a_container_too() -> None:
    inner = Affine(2)
    Network([Sequential(inner)], 3)
    with pytest.raises(
        InvalidValueError, match=r"already belongs to a network.*new\.params\[name\]"
    ):
        Network([Sequential(inner)], 3)


@pytest.mark.parametrize("layer", [Affine(3), Conv2d(2, 3), BatchNorm(), Dropout()])
def test_a_layer_outside_a_network_says_what_it_lacks(layer: Layer) -> None:
    with pytest.raises(InvalidValueError, match=r"must be built.*Put it into a Network"):
        layer.forward(batch(5, 3), training=True)


class Own(Layer):
    """What its subclasses below break."""

    def build(self, input_shape: Any) -> Any:
        return input_shape

    def forward(self, x: np.ndarray, *, training: bool) -> tuple[np.ndarray, None]:
        return x.copy(), None


class NoSuper(Own):
    def __init__(self) -> None:
        pass


class NoShape(Own):
    def build(self, input_shape: Any) -> Any:
        del input_shape


class ListShape(Own):
    def build(self, input_shape: Any) -> Any:
        return list(input_shape)


class Forgetful(Own):
    def __init__(self, rate: float = 1.0, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.r = rate


class Nothing(Layer):
    pass


def test_layers_of_ones_own_that_are_half_made() -> None:
    with pytest.raises(InvalidValueError, match=r"NoSuper: the constructor must call super\(\)"):
        Network([NoSuper()], 3)
    with pytest.raises(DtypeError, match=r"NoShape 'no_shape_1': build must return.*returned None"):
        Network([NoShape()], 3)
    assert Network([ListShape()], 3).output_shape == (3,)
    with pytest.raises(InvalidValueError, match=r"but rate is not\. Write self\.rate = rate in"):
        Forgetful().config()
    with pytest.raises(NotImplementedError, match=r"Nothing must define build\(input_shape\)"):
        Network([Nothing()], 3)
    network = Network([Own()], 3)
    _, saved = network.forward(batch(2, 3))
    with pytest.raises(NotImplementedError, match=r"Own must define backward\(dy, saved\)"):
        network.backward(batch(2, 3), saved)
    with pytest.raises(NotImplementedError, match=r"Nothing must define forward\(x, training"):
        Nothing().forward(batch(2, 3), training=False)


def test_an_initializer_of_ones_own_is_held_to_shape_and_dtype() -> None:
    def short(rng: np.random.Generator, shape: Any, _: Any) -> np.ndarray:
        return rng.random(shape[1:])

    def wide(rng: np.random.Generator, shape: Any, _: Any) -> np.ndarray:
        return rng.random(shape)

    with pytest.raises(ShapeError, match=r"the initial weight must have shape \(4, 3\), but has"):
        Network([Affine(3, init=short)], 4)
    assert Network([Affine(3, init=wide)], 4).params["affine_1.weight"].dtype == np.float32


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (
            [Affine],
            r"every layer must be a Layer, but is .*\(type\)\. Make one: Affine\(\.\.\.\)\.",
        ),
        (["relu"], r"every layer must be a Layer, but is 'relu' \(str\)\."),
        (None, "Network: layers must be a list of layers, but is None"),
        (7, "Network: layers must be a list of layers, but is 7"),
    ],
)
def test_what_is_no_list_of_layers(layers: Any, message: str) -> None:
    with pytest.raises(DtypeError, match=message):
        Network(layers, 3)


def test_a_name_that_is_no_text_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="letters, digits and _, but is 3"):
        Network([Affine(3, name=3)], 4)  # pyright: ignore[reportArgumentType]


def test_a_container_shows_its_layers() -> None:
    shown = "Sequential(Affine(features=3, name='affine_1'), Relu(name='relu_1'))"
    assert repr(Sequential(Affine(3), Relu())) == shown


def check_whole_gradient(network: Network, x: np.ndarray) -> None:
    """Every gradient of ⟨dy, network(x)⟩ equals its complex-step derivative."""
    y, saved = network.forward(x, training=True)
    dy = np.random.default_rng(2).normal(size=y.shape)
    dx, grads = network.backward(dy, saved)
    np.testing.assert_allclose(dx, complex_step(network, x, x, dy), rtol=1e-9, atol=1e-12)
    for name, grad in grads.items():
        owner = next(
            (layer, name.rpartition(".")[2])
            for path, layer in network.named_layers()
            if path == name.rpartition(".")[0]
        )
        original = network.params[name]
        expected = np.zeros_like(original)
        for entry in np.ndindex(original.shape):
            moved = original.astype(complex)
            moved[entry] += 1e-30j
            owner[0].params[owner[1]] = moved
            expected[entry] = np.sum(dy * network.forward(x, training=True)[0]).imag / 1e-30
        owner[0].params[owner[1]] = original
        np.testing.assert_allclose(grad, expected, rtol=1e-9, atol=1e-12, err_msg=name)


def complex_step(network: Network, x: np.ndarray, at: np.ndarray, dy: np.ndarray) -> np.ndarray:
    expected = np.zeros_like(at)
    for entry in np.ndindex(at.shape):
        moved = x.astype(complex)
        moved[entry] += 1e-30j
        expected[entry] = np.sum(dy * network.forward(moved, training=True)[0]).imag / 1e-30
    return expected
