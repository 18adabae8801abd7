"""Going deeper with small filters: they see as much, with fewer weights.

An output of a K × K filter sees K × K pixels: its receptive field. A second layer on top sees K × K
of those, which overlap. With stride 1, each further layer adds K − 1 pixels:

    receptive field of n layers of 3 × 3     (2n + 1) × (2n + 1)
    their weights, for C channels            9 n C²
    weights of one layer that sees as much   (2n + 1)² C²

    n = 2:  18 C² instead of 25 C²        n = 3:  27 C² instead of 49 C²

And there is a ReLU between any two of them, so that n layers can say more than one: a product of
conditions, not only a sum. That is why deep networks are made of 3 × 3 filters since VGG.

What to look at: the pictures are measured, not drawn: the gradient of one output with respect to
every pixel, through layers whose weights are all 1. Where it is 0 the output does not see. The
number of ways from a pixel to the output is largest in the middle, so that the edge of a receptive
field hardly counts. The table then trains networks that see equally far: they end within a tenth of
a percent of each other, the ones of 3 × 3 with two thirds or half of the weights.

Simonyan and Zisserman, arXiv:1409.1556, section 2.3; Luo et al., arXiv:1701.04128.
"""

# Matplotlib leaves the types of its **kwargs out.
# pyright: reportUnknownMemberType=false

import numpy as np

from handgrad import ops
from handgrad.checks import Array
from handgrad.data import mnist, split
from handgrad.examples._training import first
from handgrad.examples.drawing import DARK, label, panels
from handgrad.examples.stage import Stage
from handgrad.layers import Affine, BatchNorm, Conv2d, Flatten, Layer, MaxPool2d, Relu, Rescale
from handgrad.losses import SoftmaxCrossEntropy
from handgrad.models import deep_conv_net
from handgrad.network import Network
from handgrad.optimizers import Adam
from handgrad.schedules import OneCycle
from handgrad.training import Trainer

SECTION = "003, chapter 8"
PLACE = 2

SIZE = 9
STACKS = {"one 3 × 3": [3], "two 3 × 3": [3, 3], "one 5 × 5": [5], "three 3 × 3": [3] * 3}
STACKS["one 7 × 7"] = [7]


def seen_pixels(kernels: list[int]) -> Array:
    """The gradient of the middle output with respect to the pixels; all weights are 1."""
    dy = np.zeros((1, 1, SIZE, SIZE))
    dy[0, 0, SIZE // 2, SIZE // 2] = 1
    for kernel in kernels:
        weight, padding = np.ones((1, 1, kernel, kernel)), (kernel // 2, kernel // 2)
        _, saved = ops.conv2d_forward(dy, weight, np.zeros(1), padding=padding)
        dy, _, _ = ops.conv2d_backward(dy, saved)
    return dy[0, 0]


def receptive_fields(layers: tuple[Layer, ...]) -> list[tuple[str, int]]:
    """Each layer's name, and how many pixels wide one of its outputs sees.

    A step of one position here is `jump` pixels in the image; a pooling of stride 2 doubles it.
    """
    wide, jump = 1, 1
    fields: list[tuple[str, int]] = []
    for layer in layers:
        if isinstance(layer, Conv2d | MaxPool2d):
            kernel = int(np.max(layer.kernel))
            stride = kernel if layer.stride is None else int(np.max(layer.stride))
            wide, jump = wide + (kernel - 1) * jump, jump * stride
            fields.append((str(layer.name), wide))
    return fields


def network_of(kernels: list[int], *, seed: int) -> Network:
    """A small network for MNIST around a stack of layers with 16 channels."""
    layers: list[Layer] = [Rescale(1 / 255), Conv2d(16, 3, padding=1), Relu(), MaxPool2d(2)]
    for kernel in kernels:
        layers += [Conv2d(16, kernel, padding=kernel // 2, bias=False), BatchNorm(), Relu()]
    return Network([*layers, MaxPool2d(2), Flatten(), Affine(10)], (1, 28, 28), seed=seed)


def run(stage: Stage) -> None:
    """Measure what is seen, count the weights, train, and list DeepConvNet's receptive fields."""
    train, _ = mnist()
    kept, held_out = split(*train, count=stage.pick(quick=300, full=5000), seed=stage.seed)
    kept = first(kept, stage.pick(quick=300, full=None))
    epochs = stage.pick(quick=1, full=3)
    figure, each = panels(1, len(STACKS), width=2.4, height=2.7)
    rows: list[list[str]] = []
    for axes, (name, kernels) in zip(each, STACKS.items(), strict=True):
        pixels = seen_pixels(kernels)
        wide = int((pixels[SIZE // 2] > 0).sum())
        axes.imshow(pixels, cmap="Blues")
        label(axes, f"{name}: {wide} × {wide}", grid=False)
        axes.title.set_fontsize(9.5)
        axes.set_xticks([])
        axes.set_yticks([])
        for (row, column), count in np.ndenumerate(pixels):
            colour = "white" if count > 0.6 * pixels.max() else DARK
            if count:
                text = axes.text(column, row, f"{count:g}", color=colour, fontsize=7)
                text.set(ha="center", va="center")
        weights = sum(kernel**2 for kernel in kernels)
        trainer = Trainer(
            network_of(kernels, seed=stage.seed),
            SoftmaxCrossEntropy(),
            Adam(0.003),
            schedule=OneCycle(0.2),
            seed=stage.seed,
        )
        history = trainer.fit(*kept, epochs=epochs, validation_data=held_out)
        share = f"{100 * history.last['validation_accuracy']:.2f} %"
        rows.append([name, f"{wide} × {wide}", f"{weights} C²", f"{weights * 256:,}", share])
    stage.say(f"Accuracy: of held-out images, after {epochs} epochs; C = 16 channels")
    stage.table(["", "sees", "weights", "for C = 16", "accuracy"], rows)
    stage.save(figure)
    stage.say("\nDeepConvNet, pixels that one position sees:")
    network = deep_conv_net(seed=stage.seed)
    fields = receptive_fields(network.layers)
    stage.table(["layer", "sees"], [[name, f"{wide} × {wide}"] for name, wide in fields])
