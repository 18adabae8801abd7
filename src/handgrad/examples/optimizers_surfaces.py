"""Nine ways downhill: the optimizers' paths on four surfaces, and as animations.

Every method moves a point p by looking at the gradient ∇f there (and what it remembers of earlier
ones). Written for one entry, with its gradient g and the learning rate η:

    SGD         p ← p − η g
    Momentum    v ← μ v − η g               p ← p + v
    Nesterov    the same, with g taken where v is about to lead
    AdaGrad     h ← h + g²                  p ← p − η g / √h
    RMSprop     h ← ρ h + (1 − ρ) g²        p ← p − η g / √h
    AdaDelta    RMSprop, with the size of its own recent steps in place of η
    Adam        momentum and RMSprop together, both corrected for starting at 0
    Newton      p ← p − H⁻¹ ∇f              H: the matrix of second derivatives
    BFGS        Newton with an H guessed from the gradients (SciPy's)

What to look at: on x²/20 + y² the gradient points across the valley, not along it. SGD zigzags;
momentum rolls along and overshoots; AdaGrad and its kin take steps of their own size along each
axis. Newton needs one step, for this surface *is* a parabola.

On y² − x², started exactly on the ridge (x = 0), everyone walks to the saddle point and stays: the
gradient there is 0. From a thousandth beside it all but Newton leave, at very different speeds:
SGD's x grows by a constant factor, while AdaGrad and its kin divide the tiny slope by its own size.
Newton jumps to the saddle itself: it looks for a flat place, not for a low one.

y⁴ + 3x⁴ + 8x³ − 48x² has two minima, −80 at (2, 0) and −512 at (−4, 0), with a saddle between. From
(4, 2) most end in the near, shallow one; momentum and Nesterov have speed enough to roll over the
saddle into the deep one: luck of the start and the rate, not a property that they have.

On x² + y² a step of SGD multiplies p by 1 − 2η: at η < ½ it walks, at ½ it is there at once, above
½ it jumps over the minimum to and fro, at 1 it does so for ever, above 1 it diverges.

From Saitoh, "Deep Learning from Scratch", section 6.1, and the readers' notes on its flaws.
"""

from collections.abc import Callable
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np

from handgrad.examples._paths import (
    animate,
    draw_heights,
    draw_paths,
    draw_rates,
)
from handgrad.examples._surfaces import (
    BOWL,
    SADDLE,
    TWO_MINIMA,
    VALLEY,
    Path,
    Surface,
    bfgs,
    height,
    newton,
    walk,
)
from handgrad.examples.stage import Stage
from handgrad.optimizers import SGD, AdaDelta, AdaGrad, Adam, Momentum, Nesterov, Optimizer, RMSprop

SECTION = "003, chapter 6"
PLACE = 1


class Race(NamedTuple):
    """A surface, a start, and the optimizers with rates that suit this surface."""

    name: str
    title: str
    surface: Surface
    start: tuple[float, float]
    steps: int
    optimizers: Callable[[], list[Optimizer]]


RACES = [
    Race(
        *("valley", "A long valley: x²/20 + y² from (−7, 2), 30 steps"),
        *(VALLEY, (-7.0, 2.0), 30),
        lambda: [
            *(SGD(0.95), Momentum(0.1), Nesterov(0.1), AdaGrad(1.5)),
            *(RMSprop(0.3, rho=0.9), AdaDelta(eps=0.1), Adam(0.3)),
        ],
    ),
    Race(
        *("ridge", "A saddle, from its ridge: y² − x² from (0, 1.5), 40 steps"),
        *(SADDLE, (0.0, 1.5), 40),
        lambda: [
            *(SGD(0.1), Momentum(0.05), Nesterov(0.05), AdaGrad(0.3)),
            *(RMSprop(0.05, rho=0.9), AdaDelta(eps=0.01), Adam(0.1)),
        ],
    ),
    Race(
        *("saddle", "The same, a thousandth beside it: y² − x² from (0.001, 1.5), 40 steps"),
        *(SADDLE, (0.001, 1.5), 40),
        lambda: [
            *(SGD(0.1), Momentum(0.05), Nesterov(0.05), AdaGrad(0.3)),
            *(RMSprop(0.05, rho=0.9), AdaDelta(eps=0.01), Adam(0.1)),
        ],
    ),
    Race(
        *("two_minima", "Two minima: y⁴ + 3x⁴ + 8x³ − 48x² from (4, 2), 100 steps"),
        *(TWO_MINIMA, (4.0, 2.0), 100),
        lambda: [
            *(SGD(0.001), Momentum(0.001), Nesterov(0.001), AdaGrad(0.3)),
            *(RMSprop(0.05, rho=0.9), AdaDelta(eps=0.01), Adam(0.1)),
        ],
    ),
]
RATES = (0.1, 0.4, 0.5, 0.8, 1.0, 1.05)


def race(entry: Race, *, scipy: bool = True) -> dict[str, Path]:
    """Every method's path on one surface, by the method's name; BFGS only with SciPy."""
    paths = {
        type(optimizer).__name__: walk(entry.surface, optimizer, entry.start, entry.steps)
        for optimizer in entry.optimizers()
    }
    paths["Newton"] = newton(entry.surface, entry.start, entry.steps)
    if scipy:
        paths["BFGS"] = bfgs(entry.surface, entry.start, entry.steps)
    return paths


def report(stage: Stage, entry: Race, paths: dict[str, Path]) -> None:
    """Where each method came to."""
    stage.say(entry.title)
    rows: list[list[str]] = []
    for name, path in paths.items():
        low, high = entry.surface.x_range
        outside = (path[:, 0] < low) | (path[:, 0] > high)
        x, y = path[-1] + 0.0  # no −0
        where = [f"{x:.3f}", f"{y:.3f}", f"{height(entry.surface, path)[-1]:.3g}"]
        if outside[-1]:
            where = ["left", "at step", f"{int(outside.argmax())}"]
        rows.append([name, *where])
    stage.table(["", "x", "y", "height"], rows)
    stage.say()


def run(stage: Stage) -> None:
    """Let all methods walk on all surfaces; draw paths, heights and the animations.

    Nothing here is random: the seed changes nothing.
    """
    scipy = find_spec("scipy") is not None
    if not scipy:
        stage.say("BFGS is left out: it is SciPy's (pip install 'handgrad[scipy]').")
    for entry in RACES:
        paths = race(entry, scipy=scipy)
        report(stage, entry, paths)
        stage.save(draw_paths(entry.surface, paths, entry.title), entry.name)
        if entry.surface is not SADDLE:
            heights = {name: height(entry.surface, path) for name, path in paths.items()}
            above = {name: values - entry.surface.lowest for name, values in heights.items()}
            stage.save(draw_heights(above, entry.title), f"{entry.name}-heights")
            frames = stage.pick(quick=5, full=51 if entry.steps > 50 else entry.steps + 1)
            animate(entry.surface, paths, stage.path(entry.name, ending=".gif"), frames=frames)
    stage.say("SGD on x² + y² from (−2, 0.8): each step multiplies p by 1 − 2η")
    rates = {rate: walk(BOWL, SGD(rate), (-2.0, 0.8), 20) for rate in RATES}
    rows = [
        [f"η = {rate:g}", f"{1 - 2 * rate:.1f}", f"{np.linalg.norm(path[-1]):.3g}"]
        for rate, path in rates.items()
    ]
    stage.table(["", "factor", "|p| after 20 steps"], rows)
    stage.save(draw_rates(BOWL, rates), "rates")
