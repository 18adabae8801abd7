"""The graphs of the documents, with their printed values; and a network against its graph."""

import numpy as np
import pytest

from handgrad import SoftmaxCrossEntropy, graph, numerical_gradient, use
from handgrad.checks import Array
from handgrad.graph import Variable
from handgrad.models import two_layer_net
from harness import check_close


def gradients(*variables: Variable) -> list[float]:
    return [float(v.grad) if v.grad is not None else np.nan for v in variables]


def test_apples_of_documents_002_and_003() -> None:
    """Two apples at 100 and 10 % tax: 220; 1.1, 200; 2.2, 110, to the printed digits."""
    apple, count, tax = Variable(100, "apple"), Variable(2, "count"), Variable(1.1, "tax")
    fruit = apple * count
    price = fruit * tax
    price.backward()
    assert str(float(price)) == "220.00000000000003"
    assert [str(g) for g in gradients(fruit, tax)] == ["1.1", "200.0"]
    assert [str(g) for g in gradients(apple, count)] == ["2.2", "110.00000000000001"]


def test_apples_and_oranges_of_documents_002_and_003() -> None:
    """715; 2.2, 3.3, 165, 110, 650, to the printed digits."""
    apple, apples, orange, oranges = Variable(100), Variable(2), Variable(150), Variable(3)
    tax = Variable(1.1)
    price = (apple * apples + orange * oranges) * tax
    price.backward()
    assert str(float(price)) == "715.0000000000001"
    printed = ["2.2", "3.3000000000000003", "165.0", "110.00000000000001", "650.0"]
    assert [str(g) for g in gradients(apple, orange, oranges, apples, tax)] == printed


def test_sigmoid_of_document_003_chapter_5() -> None:
    """By −1, exp, +1 and 1/…: the gradient is y (1 − y), as in the sigmoid as one op."""
    x, whole = Variable(0.7), Variable(0.7)
    y = 1 / (1 + graph.exp(x * -1))
    y.backward()
    graph.sigmoid(whole).backward()
    check_close(gradients(x), gradients(whole), 1e-15, "sigmoid as a graph")
    check_close(gradients(x), [float(y) * (1 - float(y))], 1e-15, "sigmoid as a graph")


def test_affine_of_document_003_chapter_5() -> None:
    """X·W + B as two nodes equals the affine op; B's gradient is the sum over the batch."""
    rng = np.random.default_rng(0)
    arrays = rng.normal(size=(2, 2)), rng.normal(size=(2, 3)), rng.normal(size=3)
    d_output = rng.normal(size=(2, 3))
    x, w, b = (Variable(array) for array in arrays)
    (x @ w + b).backward(d_output)
    whole = [Variable(array) for array in arrays]
    graph.affine(*whole).backward(d_output)
    for part, other in zip((x, w, b), whole, strict=True):
        check_close(part.grad, other.grad, 1e-14, "affine as a graph")
    check_close(b.grad, d_output.sum(axis=0), 1e-15, "the bias's gradient")


def test_softmax_with_loss_of_document_002() -> None:
    """[3, 1, 6], class 1: loss 5.054969555278561; its gradient was divided by 3 by mistake.

    The document's loss has 1e-7 inside the logarithm, so that log(0) is never met; the library's
    has not, because it never meets log(0), and differs by about 1e-7 / p.
    """
    t = np.array([0.0, 1.0, 0.0])
    a = Variable([3, 1, 6], name="a")
    e = graph.exp(a)
    y = e / graph.sum(e)
    loss = -graph.sum(t * graph.log(y + 1e-7))
    assert f"{float(loss):.12f}" == "5.054969555279"
    logits = Variable([[3, 1, 6]])
    whole = graph.softmax_cross_entropy(logits, [1])
    whole.backward()
    assert abs(float(whole) - float(loss)) < 1.1e-7 / float(y[1])
    printed = np.array([0.01570781, -0.33120751, 0.31549971])
    assert logits.grad is not None
    check_close(logits.grad[0], 3 * printed, 1e-7, "three times the document's gradient")
    check_close(logits.grad[0], y.value - t, 1e-14, "softmax − one-hot")
    expected = numerical_gradient(
        lambda x: float(graph.softmax_cross_entropy(Variable(x), [1])), np.array([[3.0, 1, 6]])
    )
    check_close(logits.grad, expected, 1e-7, "numerical differentiation")


def test_softmax_with_loss_of_document_003_as_a_graph() -> None:
    """exp, +, ÷, log, ×: written out, it has the gradient of the op."""
    rng = np.random.default_rng(1)
    values, labels = rng.normal(size=(4, 3)), np.array([2, 0, 1, 1])
    logits, whole = Variable(values), Variable(values)
    e = graph.exp(logits)
    y = e / graph.sum(e, axis=1, keepdims=True)
    loss = -graph.sum(np.eye(3)[labels] * graph.log(y)) / 4
    loss.backward()
    one = graph.softmax_cross_entropy(whole, labels)
    one.backward()
    check_close(loss.value, one.value, 1e-14, "softmax with loss as a graph")
    check_close(logits.grad, whole.grad, 1e-13, "softmax with loss as a graph")


def test_the_2_2_1_network_of_document_004() -> None:
    """Scalar by scalar: every derivative as the document writes it out."""
    names = ("w1", "w2", "b1", "w3", "w4", "b2", "w5", "w6", "b3")
    values = (0.3, -0.2, 0.1, -0.4, 0.5, -0.1, 0.7, -0.6, 0.2)
    w1, w2, b1, w3, w4, b2, w5, w6, b3 = (
        Variable(v, n) for v, n in zip(values, names, strict=True)
    )
    weight, height, target = -0.8, -0.5, 1.0
    h1 = graph.sigmoid(w1 * weight + w2 * height + b1)
    h2 = graph.sigmoid(w3 * weight + w4 * height + b2)
    o1 = graph.sigmoid(w5 * h1 + w6 * h2 + b3)
    loss = (target - o1) ** 2
    loss.backward()

    d_loss = -2 * (target - float(o1))  # d_L_d_ypred
    d_sum_o1 = d_loss * float(o1) * (1 - float(o1))
    d_sum_h1 = d_sum_o1 * 0.7 * float(h1) * (1 - float(h1))
    d_sum_h2 = d_sum_o1 * -0.6 * float(h2) * (1 - float(h2))
    expected = [d_sum_h1 * weight, d_sum_h1 * height, d_sum_h1]
    expected += [d_sum_h2 * weight, d_sum_h2 * height, d_sum_h2]
    expected += [d_sum_o1 * float(h1), d_sum_o1 * float(h2), d_sum_o1]
    came = gradients(w1, w2, b1, w3, w4, b2, w5, w6, b3)
    check_close(came, expected, 1e-14, "the 2-2-1 network")


def two_layer_loss(params: dict[str, Array], x: Array, labels: Array) -> dict[str, Variable]:
    """TwoLayerNet's loss as a graph; every variable by its name."""
    v = {name: Variable(value, name) for name, value in params.items()}
    hidden = graph.relu(graph.affine(x, v["affine_1.weight"], v["affine_1.bias"]))
    logits = graph.affine(hidden, v["affine_2.weight"], v["affine_2.bias"])
    return v | {"loss": graph.softmax_cross_entropy(logits, labels)}


@pytest.mark.parametrize("backend", ["reference", "compiled"])
def test_two_layer_net_as_a_graph_has_the_networks_gradients(backend: str) -> None:
    """Bit for bit by the reference; to rounding by its compiled twins."""
    if backend == "compiled":
        pytest.importorskip("numba")
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(7, 12)), rng.integers(0, 4, 7)
    network = two_layer_net(12, 6, 4, dtype="float64")
    criterion = SoftmaxCrossEntropy()
    with use(backend):
        logits, saved = network.forward(x)
        loss, loss_saved = criterion.forward(logits, labels=labels)
        (dlogits,) = criterion.backward(np.ones_like(loss), loss_saved)
        _, grads = network.backward(dlogits, saved)
    params = {name: np.array(value) for name, value in network.params.items()}
    v = two_layer_loss(params, x, labels)
    v["loss"].backward()
    assert set(grads) == set(params)
    for name, expected in grads.items():
        came = v[name].grad
        assert came is not None
        if backend == "reference":
            assert np.array_equal(came, expected), name
        check_close(came, expected, 1e-12, name)

        def loss_with(values: Array, name: str = name) -> float:
            return float(two_layer_loss(params | {name: values}, x, labels)["loss"])

        check_close(came, numerical_gradient(loss_with, params[name].copy()), 1e-7, name)
    check_close(v["loss"].value, loss, 1e-14, "loss")
    assert "softmax cross-entropy" in v["loss"].draw()
