"""Affine, softmax with loss, and a whole TwoLayerNet as graphs.

    affine             y = x W + b            a product and a sum
    softmax and loss   L = −log(e^aₖ / Σⱼ e^aⱼ)

Drawn out of small nodes, softmax and cross-entropy take an exponential, a sum, a division, a
logarithm; what comes back to the left is, after all of them, no more than

    da = softmax(a) − t

which is why the two are one layer. A network is such graphs in a row. Its gradients by the graph,
found by nothing but small rules, are those of `Network`, whose layers have them derived by hand.

What to look at: softmax(a) − t at the left end of the loss's graph, where a's arrow begins: of all
that the nodes between have multiplied, nothing else is left. In the graph of the network each
weight has one arrow, and below it its gradient, of its own shape.
"""

import numpy as np

from handgrad import Network, SoftmaxCrossEntropy, graph
from handgrad.checks import Array
from handgrad.examples.stage import Stage
from handgrad.graph import Variable, draw
from handgrad.models import two_layer_net

SECTION = "003, chapter 5"
PLACE = 3

LOGITS = np.array([3.0, 1.0, 6.0])  # document 002's
TARGET = np.array([0.0, 1.0, 0.0])
LABELS = np.array([1])


def affine_by_nodes() -> Variable:
    """A batch of two through x W + b, summed up to have one number at the end."""
    x = Variable([[1.0, 2.0], [3.0, 4.0]], "x")
    weight = Variable([[1.0, 0.0, -1.0], [2.0, 1.0, 0.0]], "W")
    bias = Variable([0.1, 0.2, 0.3], "b")
    return graph.sum(((x @ weight).named("x W") + bias).named("y")).named("sum")


def loss_by_nodes() -> tuple[Variable, Variable]:
    """The logits, and −Σ t log softmax(a) out of small nodes."""
    logits = Variable(LOGITS, "a")
    powers = graph.exp(logits).named("eᵃ")
    shares = (powers / graph.sum(powers)).named("y")
    return logits, (-graph.sum(graph.log(shares) * TARGET)).named("L")


def loss_of_network(
    network: Network, x: Array, labels: Array
) -> tuple[Variable, dict[str, Variable]]:
    """TwoLayerNet's loss as a graph, and its parameters by name."""
    params = {name: Variable(value, name) for name, value in network.params.items()}
    hidden = graph.affine(Variable(x, "x"), params["affine_1.weight"], params["affine_1.bias"])
    hidden = graph.relu(hidden)
    logits = graph.affine(hidden, params["affine_2.weight"], params["affine_2.bias"])
    return graph.softmax_cross_entropy(logits, labels).named("loss"), params


def run(stage: Stage) -> None:
    """Draw the three, and compare the network's gradients."""
    total = affine_by_nodes()
    total.backward()
    draw(total, stage.path(ending=".svg"))
    logits, loss = loss_by_nodes()
    loss.backward()
    draw(loss, stage.path("loss", ending=".svg"), digits=3)
    whole = Variable(LOGITS[np.newaxis], "a")
    graph.softmax_cross_entropy(whole, LABELS).backward()
    for name, found in (("by small nodes", logits.grad), ("as one node", whole.grad)):
        row = np.ravel(np.asarray(found))
        stage.say(f"da {name}: {'  '.join(f'{entry:11.8f}' for entry in row)}")
    network = two_layer_net(4, 5, 3, seed=stage.seed, dtype="float64")
    rng = stage.rng()
    x, labels = rng.normal(size=(6, 4)), rng.integers(3, size=6)
    by_graph, params = loss_of_network(network, x, labels)
    by_graph.backward()
    draw(by_graph, stage.path("network", ending=".svg"))
    for name, grad in layers_gradients(network, x, labels).items():
        gap = float(abs(np.asarray(params[name].grad) - grad).max())
        small = "no difference above 10⁻¹⁵" if gap < 1e-15 else f"largest difference {gap:.1e}"
        stage.say(f"{name}: graph against Network: {small}")


def layers_gradients(network: Network, x: Array, labels: Array) -> dict[str, Array]:
    """What the layers' own backward passes give."""
    loss = SoftmaxCrossEntropy()
    outputs, saved = network.forward(x, training=True)
    value, loss_saved = loss.forward(outputs, labels=labels)
    _, grads = network.backward(*loss.backward(np.ones_like(value), loss_saved), saved)
    return grads
