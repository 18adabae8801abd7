"""From nine scalars to MNIST: one network written three times, to the same digits.

The document's network has two inputs (weight and height), two hidden neurons and one output. Its
program has a variable for each weight, w₁ … w₆, and asks: how many must I write for MNIST?

    h₁ = σ(w₁ x₁ + w₂ x₂ + b₁)
    h₂ = σ(w₃ x₁ + w₄ x₂ + b₂)          h = σ(x W + b)         W = (w₁ w₃)     V = (w₅)
    o  = σ(w₅ h₁ + w₆ h₂ + b₃)          o = σ(h V + c)             (w₂ w₄)         (w₆)

None: the right half is the left half. In matrices the backward pass is, with E = (o − t)²,

    dz = 2 (o − t) o (1 − o)        dV = hᵀ dz     dc = dz     dh = dz Vᵀ
    dz = dh h (1 − h)               dW = xᵀ dz     db = dz

which says nothing about how many inputs, neurons or rows there are. So the second program here runs
on MNIST as it stands, with 784 inputs, 30 hidden neurons and 10 outputs.

Each of the three learns from one person after another, 1000 times round, at a rate of 0.1.

What to look at: the three curves of the loss are one curve; the table has the largest difference of
any weight. The page *From one weight to a matrix to a layer* goes the same way slowly.
"""

# Matplotlib leaves the types of its **kwargs out.
# pyright: reportUnknownMemberType=false

from math import exp

import numpy as np

from handgrad import SGD, Affine, Loss, MeanSquaredError, Network, Sigmoid, ops
from handgrad.checks import Array
from handgrad.data import batches, mnist, one_hot
from handgrad.examples.drawing import by_epoch, curves, label, panels
from handgrad.examples.stage import Stage

SECTION = "004"

# Weight in units of 10 kg and height in units of 10 cm from the average; 1 is a woman, 0 a man.
PEOPLE = np.array([[-0.8, -0.5], [1.2, 1.1], [0.8, 0.8], [-1.4, -1.2]])
TARGETS = np.array([[1.0], [0.0], [0.0], [1.0]])
RATE, EPOCHS = 0.1, 1000

Params = list[Array]  # W, b, V, c


def run(stage: Stage) -> None:
    """The small network three times, then the second program on MNIST."""
    rng = stage.rng()
    start = [rng.normal(size=shape) for shape in ((2, 2), (2,), (2, 1), (1,))]
    found = {
        "scalars": by_scalars(start),
        "matrices": by_matrices(start),
        "layers": by_layers(start),
    }
    losses = {name: values for name, (values, _) in found.items()}
    rows = [
        [f"{epoch}", *(f"{losses[name][epoch]:.12f}" for name in found)]
        for epoch in (0, 10, 100, 500, 990)
    ]
    stage.table(["epoch", *found], rows)
    _, reference = found["scalars"]
    for name in ("matrices", "layers"):
        gap = max(abs(a - b).max() for a, b in zip(found[name][1], reference, strict=True))
        small = "at most 10⁻¹²" if gap <= 1e-12 else f"{gap:.1e}"
        stage.say(f"largest difference of a weight, scalars and {name}: {small}")
    shares = read_digits(stage)
    figure, (left, right) = panels(1, 2, width=4.6)
    curves(left, losses, x=range(EPOCHS))
    left.set_yscale("log")
    label(left, "Two inputs, nine numbers to learn", x="epoch", y="mean squared error")
    title = "784 inputs, 23,860 numbers to learn"
    by_epoch(right, {"test": shares}, title, y="right answers", share=True, first=0)
    stage.save(figure)


def by_scalars(params: Params) -> tuple[list[float], Params]:
    """The document's program: every weight a variable, every derivative a line."""
    (w1, w3), (w2, w4) = params[0].tolist()
    b1, b2 = params[1].tolist()
    (w5,), (w6,) = params[2].tolist()
    (b3,) = params[3].tolist()
    losses: list[float] = []

    def forward(x1: float, x2: float) -> tuple[float, float, float]:
        h1 = sigmoid(w1 * x1 + w2 * x2 + b1)
        h2 = sigmoid(w3 * x1 + w4 * x2 + b2)
        return h1, h2, sigmoid(w5 * h1 + w6 * h2 + b3)

    people = [(*person, *target) for person, target in zip(PEOPLE, TARGETS, strict=True)]
    for _ in range(EPOCHS):
        losses.append(sum((forward(x1, x2)[2] - t) ** 2 for x1, x2, t in people) / 4)
        for x1, x2, t in people:
            h1, h2, o = forward(x1, x2)
            do = 2 * (o - t)
            dz3 = do * o * (1 - o)
            dz1 = dz3 * w5 * h1 * (1 - h1)
            dz2 = dz3 * w6 * h2 * (1 - h2)
            w1, w2, b1 = w1 - RATE * dz1 * x1, w2 - RATE * dz1 * x2, b1 - RATE * dz1
            w3, w4, b2 = w3 - RATE * dz2 * x1, w4 - RATE * dz2 * x2, b2 - RATE * dz2
            w5, w6, b3 = w5 - RATE * dz3 * h1, w6 - RATE * dz3 * h2, b3 - RATE * dz3
    found = [[[w1, w3], [w2, w4]], [b1, b2], [[w5], [w6]], [b3]]
    return losses, [np.array(each) for each in found]


def sigmoid(z: float) -> float:
    """1 / (1 + e⁻ᶻ)."""
    return 1 / (1 + exp(-z))


def forward(x: Array, params: Params) -> tuple[Array, Array]:
    """The hidden values and the outputs, of any number of rows."""
    w, b, v, c = params
    h, _ = ops.sigmoid_forward(x @ w + b)
    o, _ = ops.sigmoid_forward(h @ v + c)
    return h, o


def backward(x: Array, t: Array, params: Params) -> Params:
    """The gradients of Σ (o − t)², summed over the rows."""
    h, o = forward(x, params)
    dz = 2 * (o - t) * o * (1 - o)
    dv, dc, dh = h.T @ dz, dz.sum(axis=0), dz @ params[2].T
    dz = dh * h * (1 - h)
    return [x.T @ dz, dz.sum(axis=0), dv, dc]


def by_matrices(params: Params) -> tuple[list[float], Params]:
    """The same with one letter for each layer's weights."""
    losses: list[float] = []
    for _ in range(EPOCHS):
        losses.append(float(((forward(PEOPLE, params)[1] - TARGETS) ** 2).mean()))
        for row in range(len(PEOPLE)):
            grads = backward(PEOPLE[[row]], TARGETS[[row]], params)
            params = [param - RATE * grad for param, grad in zip(params, grads, strict=True)]
    return losses, params


def by_layers(params: Params) -> tuple[list[float], Params]:
    """The same with the library's layers, whose backward passes are these lines."""
    layers = [Affine(2), Sigmoid(), Affine(1), Sigmoid()]
    network = Network(layers, input_shape=2, dtype="float64")
    for name, value in zip(network.params, params, strict=True):
        network.params[name] = value
    loss, optimizer, losses = MeanSquaredError(), SGD(RATE), list[float]()
    for _ in range(EPOCHS):
        outputs, _ = network.forward(PEOPLE)
        losses.append(float(loss.forward(outputs, labels=TARGETS)[0]))
        for row in range(len(PEOPLE)):
            learn_row(network, loss, optimizer, row)
    return losses, list(network.params.values())


def learn_row(network: Network, loss: Loss, optimizer: SGD, row: int) -> None:
    """One person's step."""
    outputs, saved = network.forward(PEOPLE[[row]], training=True)
    value, loss_saved = loss.forward(outputs, labels=TARGETS[[row]])
    _, grads = network.backward(*loss.backward(np.ones_like(value), loss_saved), saved)
    optimizer.step(network.params, grads)


def read_digits(stage: Stage) -> list[float]:
    """MNIST with `forward` and `backward` as they stand: the test accuracy by epoch."""
    train, test = mnist(normalize=True, flatten=True)
    images = stage.pick(quick=5000, full=60000)
    x, targets = train.x[:images], one_hot(train.labels[:images], 10)
    rng = stage.rng(1)
    params = [
        rng.normal(size=(784, 30)) / 28,
        np.zeros(30),
        rng.normal(size=(30, 10)),
        np.zeros(10),
    ]
    params = [param.astype(np.float32) for param in params]
    shares: list[float] = []
    epochs = stage.pick(quick=2, full=20)
    for epoch in range(epochs + 1):
        _, outputs = forward(test.x, params)
        shares.append(float((outputs.argmax(axis=1) == test.labels).mean()))
        stage.say(f"MNIST, epoch {epoch:2d}: {100 * shares[-1]:.2f} % of the test images")
        if epoch == epochs:
            break
        for xs, ts in batches(x, targets, batch_size=20, epoch=epoch, seed=stage.seed):
            grads = backward(xs, ts, params)
            params = [
                param - np.float32(1.0 / len(xs)) * grad
                for param, grad in zip(params, grads, strict=True)
            ]
    return shares
