"""The numbers that the documents print, to the printed digits, where the examples say them."""

import numpy as np
import pytest

from handgrad.examples import (
    Stage,
    activations,
    cross_entropy_gradient,
    descent,
    graph_apples,
    graph_sigmoid,
    logistic_regression,
    losses,
    numerical_gradient,
    perceptrons,
    run_example,
    simple_net,
    three_layers,
    weights_and_heights,
)


def said(name: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What an example says in its quick form."""
    folder = tmp_path_factory.mktemp(name)
    stage = run_example(name, folder, quick=True, say=lambda _text: None)
    return "\n".join(stage.lines)


@pytest.mark.parametrize(
    ("gate", "wanted"),
    [("AND", [0, 0, 0, 1]), ("NAND", [1, 1, 1, 0]), ("OR", [0, 1, 1, 1]), ("XOR", [0, 1, 1, 0])],
)
def test_003_chapter_2_truth_tables(gate: str, wanted: list[int]) -> None:
    np.testing.assert_array_equal(perceptrons.answers(gate, perceptrons.INPUTS), wanted)


def test_003_chapter_3_softmax_and_the_three_layers() -> None:
    shares = activations.value("softmax", activations.SCORES)
    np.testing.assert_allclose(shares, [[0.01821127, 0.24519181, 0.73659691]], atol=5e-9)
    assert np.isfinite(activations.value("softmax", activations.LARGE)).all()
    y = three_layers.forward(three_layers.X)[-1]
    np.testing.assert_allclose(y, [[0.31682708, 0.69627909]], atol=5e-9)


def test_003_section_4_2_losses() -> None:
    assert f"{losses.cross_entropy(losses.SURE_OF_2):.2f}" == "0.51"
    assert f"{losses.cross_entropy(losses.SURE_OF_7):.2f}" == "2.30"
    assert f"{losses.squared_error(losses.SURE_OF_2):.4f}" == "0.0975"
    assert f"{losses.squared_error(losses.SURE_OF_7):.4f}" == "0.5975"


def test_003_section_4_4_1_descent() -> None:
    point = np.array([3.0, 4.0])
    np.testing.assert_allclose(descent.books_gradient(point), [6, 8], atol=1e-8)
    assert numerical_gradient.bowl(point) == 25


def test_003_section_4_4_1_what_the_book_prints(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    text = said("descent", tmp_path_factory)
    assert "(-6.11111e-10, 8.14814e-10)" in text
    assert "(-2.58983747e+13, -1.29524862e+12)" in text


def test_003_section_4_4_2_simple_net() -> None:
    assert f"{simple_net.documents_loss(simple_net.W):.8f}" == "0.20713043"
    slopes = simple_net.numerical_gradient(
        simple_net.documents_loss, simple_net.W, step=simple_net.STEP
    )
    printed = [[0.02939563, 0.08285624, -0.11225188], [0.04409345, 0.12428437, -0.16837781]]
    np.testing.assert_array_equal(slopes.round(8), printed)
    zeros, warning = simple_net.readers_gradient(simple_net.W)
    assert not zeros.any()
    assert "f must use its argument" in warning


def test_002_apples() -> None:
    price, inputs = graph_apples.apples()
    price.backward()
    assert float(price.value) == 220.00000000000003
    found = {name: float(np.asarray(variable.grad)) for name, variable in inputs.items()}
    assert found == {"apple": 2.2, "apples": 110.00000000000001, "tax": 200.0}


def test_002_apples_and_oranges() -> None:
    price, inputs = graph_apples.apples_and_oranges()
    price.backward()
    assert float(price.value) == 715.0000000000001
    found = [float(np.asarray(variable.grad)) for variable in inputs.values()]
    assert found == [2.2, 3.3000000000000003, 165.0, 110.00000000000001, 650.0]


def test_003_section_5_5_sigmoid_by_nodes() -> None:
    for make in (graph_sigmoid.in_steps, graph_sigmoid.in_one):
        x, y = make(graph_sigmoid.X)
        y.backward()
        value = float(y.value)
        assert float(np.asarray(x.grad)) == pytest.approx(value * (1 - value), rel=1e-15)


def test_002_softmax_cross_entropy() -> None:
    loss, gradient = cross_entropy_gradient.documents(cross_entropy_gradient.X)
    assert loss == pytest.approx(5.054969555278561, rel=1e-15)
    np.testing.assert_array_equal(gradient.round(8), [0.01570781, -0.33120751, 0.31549971])
    right = cross_entropy_gradient.gradient(cross_entropy_gradient.X)
    np.testing.assert_allclose(right, 3 * gradient, rtol=1e-12)
    assert f"{cross_entropy_gradient.loss_of(cross_entropy_gradient.X):.4f}" == "5.0550"


def test_001_the_direction_is_found_and_the_length_grows(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    np.testing.assert_array_equal(logistic_regression.TRUE, [0.3, 0.6, -0.7, -1.3, 0.2])
    stage = Stage("logistic_regression", tmp_path_factory.mktemp("logistic"), quick=True)
    data = logistic_regression.sigmoid_rule(1000, seed=0)
    slow = logistic_regression.versions(stage)["all examples"]
    fast = slow._replace(rate=5.0, passes=1000)
    way = logistic_regression.learn(fast, data, np.random.default_rng(0))
    assert logistic_regression.angle(way.weights[-1]) < 2
    lengths = [np.linalg.norm(weights) for weights in way.weights]
    assert lengths[-1] > 10 * np.linalg.norm(logistic_regression.TRUE)
    assert lengths[1:] == sorted(lengths[1:])


def test_004_three_programs_are_one() -> None:
    rng = np.random.default_rng(1)
    start = [rng.normal(size=shape) for shape in ((2, 2), (2,), (2, 1), (1,))]
    losses_1, params_1 = weights_and_heights.by_scalars(start)
    for program in (weights_and_heights.by_matrices, weights_and_heights.by_layers):
        losses_2, params_2 = program(start)
        np.testing.assert_allclose(losses_2, losses_1, rtol=1e-11)
        for param_1, param_2 in zip(params_1, params_2, strict=True):
            np.testing.assert_allclose(param_2, param_1, rtol=1e-11)
    assert losses_1[-1] < 0.01
