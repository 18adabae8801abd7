import numpy as np
import pytest

from handgrad import L1, L2, SGD, Affine, MeanSquaredError, Network, Penalty, Trainer
from handgrad.checks import DtypeError, InvalidValueError

PARAMS = {"weight": np.array([3.0, -4.0]), "bias": np.array([2.0])}


def zeros() -> dict[str, np.ndarray]:
    return {name: np.zeros_like(param) for name, param in PARAMS.items()}


def test_l2_is_half_the_sum_of_squares_of_the_weights() -> None:
    grads = zeros()
    assert L2(0.5).add(PARAMS, grads, {"weight"}) == 0.5 * 25 / 2
    assert grads["weight"].tolist() == [1.5, -2.0]
    assert grads["bias"].tolist() == [0.0]


def test_l1_is_the_sum_of_sizes_of_the_weights() -> None:
    grads = zeros()
    assert L1(0.5).add(PARAMS, grads, {"weight"}) == 0.5 * 7
    assert grads["weight"].tolist() == [0.5, -0.5]
    assert grads["bias"].tolist() == [0.0]


@pytest.mark.parametrize(
    ("penalty", "value"), [(L1(1.0, biases=True), 9.0), (L2(2.0, biases=True), 29.0)]
)
def test_biases_are_penalized_when_asked(penalty: Penalty, value: float) -> None:
    grads = zeros()
    assert penalty.add(PARAMS, grads, {"weight"}) == value
    assert grads["bias"].any()


def test_gradients_are_added_to_new_arrays() -> None:
    held = {"weight": np.ones(2), "bias": np.ones(1)}
    grads = dict(held)
    L2(1.0).add(PARAMS, grads, {"weight"})
    assert grads["weight"].tolist() == [4.0, -3.0]
    assert held["weight"].tolist() == [1.0, 1.0]


def test_penalties_add_up_to_the_elastic_net() -> None:
    both = L1(0.5) + L2(0.5)
    grads = zeros()
    assert both.add(PARAMS, grads, {"weight"}) == 3.5 + 6.25
    assert grads["weight"].tolist() == [2.0, -2.5]
    three = both + L1(1.0, biases=True)
    assert three.add(PARAMS, zeros(), {"weight"}) == 3.5 + 6.25 + 9.0
    assert repr(both) == "L1(strength=0.5, biases=False) + L2(strength=0.5, biases=False)"


def test_float32_stays_float32() -> None:
    params = {"weight": np.array([3.0, -4.0], np.float32)}
    grads = {"weight": np.ones(2, np.float32)}
    (L1(0.1) + L2(0.1)).add(params, grads, {"weight"})
    assert grads["weight"].dtype == np.float32


def test_weights_that_have_exploded_give_infinity_not_an_error() -> None:
    params = {"weight": np.array([1e30], np.float32)}
    assert L2(1.0).add(params, {"weight": np.zeros(1, np.float32)}, {"weight"}) == np.inf


def test_the_trainer_adds_the_penalty_to_loss_and_gradient() -> None:
    x, targets = np.array([[1.0], [2.0]]), np.array([[0.0], [0.0]])
    network = Network([Affine(1)], 1, dtype="float64")
    network.params["affine_1.weight"] = [[2.0]]
    network.params["affine_1.bias"] = [0.0]
    history = Trainer(network, MeanSquaredError(), SGD(0.1), penalty=L2(0.5)).fit(
        x, targets, epochs=1, batch_size=2
    )
    assert history.last["loss"] == (4 + 16) / 2 + 0.5 * 4 / 2
    # d loss/d weight = (2·2·1 + 2·4·2) / 2 = 10, and 0.5 · 2 = 1 from the penalty.
    assert np.allclose(network.params["affine_1.weight"], 2.0 - 0.1 * 11)
    assert np.allclose(network.params["affine_1.bias"], -0.1 * (2 * 2 + 2 * 4) / 2)


def test_strengths_are_checked() -> None:
    with pytest.raises(InvalidValueError, match=r"^L1: strength must be in \[0, inf\), but is -1"):
        L1(-1)
    with pytest.raises(InvalidValueError, match=r"^L2: strength must be in \[0, inf\), but is nan"):
        L2(float("nan"))
    with pytest.raises(DtypeError, match=r"^L2: strength must be a number, but is '0\.1'"):
        L2("0.1")  # pyright: ignore[reportArgumentType]  (what the test is about)


def test_the_base_leaves_the_penalty_to_subclasses() -> None:
    with pytest.raises(NotImplementedError):
        Penalty().penalize(np.ones(1))
