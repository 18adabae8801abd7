"""Half precision: weights of 16 bits say the same as weights of 32.

A float has a sign, an exponent and a mantissa; its relative precision is that of the mantissa:

    float32   8 bits of exponent, 23 of mantissa    about 7 digits, 10⁻³⁸ … 10³⁸
    float16   5 bits of exponent, 10 of mantissa    about 3 digits, 6·10⁻⁸ … 65504

A trained network adds up many products, and the rounding errors of its weights are small, and as
often up as down. It was trained on noisy batches, too: it cannot depend on the fourth digit of a
weight. So its weights can be stored in 16 bits, which take half the memory and, in networks that
wait for their weights, half the time to fetch. (handgrad computes in float32 or float64 all the
same: NumPy's float16 is made by converting, and slow.)

What to look at: the answers are the same, to the last image or nearly. Then the mantissa is cut
further, bit by bit: where does it begin to hurt? And the histogram shows why 5 bits of exponent
are enough: nearly all weights lie well within float16's range. Training is another matter. Its
updates are thousands of times smaller than the weights, and adding them in float16 loses them.
"""

# Matplotlib leaves the types of its **kwargs out.
# pyright: reportUnknownMemberType=false

import numpy as np

from handgrad.checks import Array
from handgrad.data import Examples, mnist
from handgrad.examples._training import first
from handgrad.examples.drawing import BLUE, DARK, GREY, ORANGE, label, panels
from handgrad.examples.stage import SayEpochs, Stage
from handgrad.losses import SoftmaxCrossEntropy
from handgrad.models import convnet
from handgrad.network import Network
from handgrad.optimizers import Adam
from handgrad.schedules import OneCycle
from handgrad.training import Trainer

SECTION = "003, chapter 8"
PLACE = 4

BITS = (10, 8, 7, 6, 5, 4, 3, 2, 1, 0)


def cut(array: Array, bits: int) -> Array:
    """Round to a mantissa of so many bits (behind the leading 1, which is not stored).

    >>> cut(np.array([1.2, 1.3, -5.1]), 2)
    array([ 1.25,  1.25, -5.  ])
    """
    mantissa, exponent = np.frexp(array)  # mantissa in [½, 1)
    steps = 2.0 ** (bits + 1)
    return np.ldexp(np.round(mantissa * steps) / steps, exponent).astype(array.dtype)


def with_weights(network: Network, change: str | int) -> Network:
    """A copy whose parameters and statistics went through float16, or have lost their low bits."""
    copy = network.copy()
    for arrays in (copy.params, copy.state):
        for name, array in arrays.items():
            if isinstance(change, int):
                arrays[name] = cut(array, change)
            else:
                arrays[name] = array.astype(change).astype(array.dtype)
    return copy


def run(stage: Stage) -> None:
    """Train, round, compare."""
    train, test = mnist()
    train = first(train, stage.pick(quick=600, full=None))
    test = first(test, stage.pick(quick=300, full=None))
    network = convnet(seed=stage.seed)
    trainer = Trainer(
        network, SoftmaxCrossEntropy(), Adam(0.004), schedule=OneCycle(0.2), seed=stage.seed
    )
    trainer.fit(*train, epochs=stage.pick(quick=2, full=5), callbacks=[SayEpochs(stage)])
    whole, half = network, with_weights(network, "float16")
    a, b = (each.predict_proba(test.x) for each in (whole, half))
    size = sum(param.nbytes for param in network.params.values())
    stage.say()
    stage.table(
        ["weights", "bytes", "test accuracy"],
        [
            ["float32", f"{size:,}", f"{100 * accuracy(whole, test):.2f} %"],
            ["float16", f"{size // 2:,}", f"{100 * accuracy(half, test):.2f} %"],
        ],
    )
    changed = int((a.argmax(axis=1) != b.argmax(axis=1)).sum())
    stage.say(f"answers that differ: {changed} of {len(a):,}")
    stage.say(f"largest difference of a probability: {np.abs(a - b).max():.1e}")
    shares = [accuracy(with_weights(network, bits), test) for bits in BITS]
    stage.say("\nWith a mantissa of fewer bits:")
    rows = [[f"{n}", f"{100 * share:.2f} %"] for n, share in zip(BITS, shares, strict=True)]
    stage.table(["bits", "test accuracy"], rows)
    draw(stage, network, accuracy(whole, test), shares)


def accuracy(network: Network, examples: Examples) -> float:
    """The share of right answers."""
    return float((network.predict_classes(examples.x) == examples.labels).mean())


def draw(stage: Stage, network: Network, whole: float, shares: list[float]) -> None:
    """Accuracy by bits, and where the weights lie in float16's range."""
    from matplotlib.ticker import PercentFormatter

    figure, (left, right) = panels(1, 2, width=4.6, height=3.8)
    left.plot(BITS, shares, "o-", color=BLUE, lw=1.8, label="mantissa cut")
    left.axhline(whole, color=ORANGE, ls="--", lw=1.4, label="float32 (23 bits)")
    left.invert_xaxis()
    left.yaxis.set_major_formatter(PercentFormatter(xmax=1))
    left.set_xticks(BITS)
    label(left, "Accuracy", x="bits of the mantissa (float16: 10)", y="right answers")
    left.legend(frameon=False, fontsize=9, labelcolor=DARK, loc="lower left")
    weights = np.concatenate([param.ravel() for param in network.params.values()])
    sizes = np.log10(np.abs(weights[weights != 0]))
    right.hist(sizes, bins=np.arange(-8, 5.5, 0.25).tolist(), color=BLUE)
    top = right.get_ylim()[1] * 1.2
    right.set_ylim(0, top)
    limits = ((-7.22, "smallest"), (-4.21, "smallest in\nfull precision"), (4.82, "largest"))
    for edge, name in limits:
        right.axvline(edge, color=GREY, ls="--", lw=1)
        right.text(edge + 0.1, top, name, fontsize=8, color=DARK, va="top")
    label(right, "Weights, and float16's range", x="log₁₀ |weight|", y="weights")
    right.set_xlim(-8, 6.5)
    stage.save(figure)
