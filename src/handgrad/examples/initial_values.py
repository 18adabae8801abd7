"""Initial values: how the size of the first weights decides what deep layers see.

Let n neurons lead into one, with independent values of mean square m, and weights of mean 0 and
variance σ². Then the sum has variance n σ² m: each layer multiplies it by n σ². It neither dies
nor explodes if that factor makes up for what the activation does:

    tanh, sigmoid near 0 (linear)       n σ² = 1     σ = √(1/n)    Xavier
    ReLU (half of the values become 0)  n σ² = 2     σ = √(2/n)    He

Too small, and all neurons of the last layers say nearly the same for every input. Too large, and
sigmoid and tanh sit at their ends, where their slope is 0; ReLU's values grow from layer to layer.
All weights zero is worse than small: all neurons of a layer compute the same and get the same
gradient, so that they stay equal for ever, however wide the layer is.

What to look at: each panel shows how the activations of five layers of 100 neurons are spread, for
1,000 random inputs (the heights are square roots of the shares). The number beside a layer is what
counts: how far one neuron's answer varies between inputs. Where it falls to nothing the last layer
says the same to every input, as with sigmoid and small weights, whose histograms look harmless.
Xavier keeps tanh alive, and He ReLU. Sigmoid, whose slope is ¼ at most, would need weights about
four times Xavier's: of these five it prefers the largest.

Then the same initial values are trained on MNIST: curves that lie flat at 2.3 (= log 10, guessing)
are networks that learn nothing; σ = 1 makes a ReLU network overflow in its first steps.

Glorot and Bengio, AISTATS 2010; He, Zhang, Ren and Sun, arXiv:1502.01852.
"""

# Matplotlib leaves the types of its **kwargs out.
# pyright: reportUnknownMemberType=false

from typing import TYPE_CHECKING

import numpy as np

from handgrad.checks import Array
from handgrad.examples._training import (
    ACTIVATIONS,
    deep_network,
    digits,
    share_right,
    smooth,
    train_by_steps,
)
from handgrad.examples.drawing import BLUE, DARK, curves, label, new_figure, panels, tidy
from handgrad.examples.stage import Stage
from handgrad.layers import Affine, Layer
from handgrad.network import Network
from handgrad.optimizers import SGD

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SECTION = "003, chapter 6"
PLACE = 3

INITS: dict[str, str | float] = {
    "zero": 0.0,
    "σ = 0.01": 0.01,
    "σ = 1": 1.0,
    "Xavier": "xavier",
    "He": "he",
}
LAYERS = 5
RANGES = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0), "ReLU": (0.0, 3.0)}


def activations(activation: str, init: str | float, *, seed: int) -> list[Array]:
    """What each of five layers of 100 neurons says to 1,000 inputs from a normal distribution."""
    layers: list[Layer] = []
    for _ in range(LAYERS):
        layers += [Affine(100, init=init), ACTIVATIONS[activation]()]
    network = Network(layers, 100, seed=seed)
    x = np.random.default_rng(seed).normal(size=(1000, 100))
    return list(network.inspect(x).outputs.values())[1::2]


def spread(values: Array) -> float:
    """How much a neuron's answer depends on the input: its standard deviation, mean over all."""
    return float(values.std(axis=0).mean())


def draw_layers(axes: "Axes", layers: list[Array], span: tuple[float, float]) -> None:
    """One histogram for each layer, the first on top, each over its own base line."""
    edges = np.linspace(*span, 41)
    for place, values in enumerate(layers):
        base = LAYERS - 1 - place
        counts, _ = np.histogram(np.clip(values, *span), edges)
        heights = base + 0.85 * np.sqrt(counts / counts.max())  # rare values show, too
        axes.stairs(heights, edges, baseline=base, fill=True, color=BLUE, alpha=0.85)
        axes.text(
            *(1.03, base + 0.25, f"{spread(values):.2g}"),
            transform=axes.get_yaxis_transform(),
            fontsize=8,
            color=DARK,
        )
    tidy(axes)
    axes.set_xlim(*span)
    axes.set_ylim(0, LAYERS)
    axes.set_yticks([])


def show_spreads(stage: Stage) -> None:
    """The histograms of all fifteen pairs, and a table of what is left in each layer."""
    figure = new_figure(11.0, 7.2)
    title = "Activations of five layers, the first on top; how much each depends on the input"
    figure.suptitle(title, color=DARK, fontweight="bold")
    rows: list[list[str]] = []
    for down, activation in enumerate(ACTIVATIONS):
        for across, (name, init) in enumerate(INITS.items()):
            layers = activations(activation, init, seed=stage.seed)
            axes = figure.add_subplot(3, len(INITS), 1 + down * len(INITS) + across)
            draw_layers(axes, layers, RANGES[activation])
            axes.set_title(f"{activation}, {name}", fontsize=10, color=DARK, loc="left")
            if down == 2:
                axes.set_xlabel("value (ReLU: 3 and more at 3)", fontsize=8, color=DARK)
            rows.append([activation, name, *(f"{spread(values):.1e}" for values in layers)])
    stage.say("How much a neuron's answer depends on the input (standard deviation), by layer:")
    stage.table(["", "", "1", "2", "3", "4", "5"], rows)
    stage.save(figure, "activations")


def show_training(stage: Stage) -> None:
    """Training curves on MNIST for all fifteen pairs."""
    data = digits(stage.pick(quick=1000, full=None), stage.pick(quick=500, full=5000))
    epochs = stage.pick(quick=1, full=3)
    figure, each = panels(1, 3, width=4.0, height=4.0)
    rows: list[list[str]] = []
    for axes, activation in zip(each, ACTIVATIONS, strict=True):
        named: dict[str, Array] = {}
        row = [activation]
        for name, init in INITS.items():
            network = deep_network(activation=activation, init=init, seed=stage.seed)
            losses = train_by_steps(network, SGD(0.1), data.train, epochs=epochs, seed=stage.seed)
            named[name] = np.minimum(smooth(losses, stage.pick(quick=3, full=51)), 4.0)
            row.append(f"{100 * share_right(network, data.held_out):.1f} %")
        rows.append(row)
        curves(axes, named, legend=activation == "sigmoid")
        label(axes, activation, x="step", y="training loss")
        axes.set_ylim(0, 4.05)
    stage.say(f"Right of the held-out images after {epochs} epochs of SGD, η = 0.1:")
    stage.table(["", *INITS], rows)
    stage.save(figure, "training")


def run(stage: Stage) -> None:
    """Look at untrained networks, then train them."""
    show_spreads(stage)
    stage.say()
    show_training(stage)
