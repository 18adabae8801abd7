"""How much memory training will take, known before it begins.

What layers keep and what they need on the way grows in proportion to the batch. So a step is run on
a few rows, twice, with Python's own bookkeeping of memory (`tracemalloc`, which NumPy reports to);
the rest is a straight line. Layers of your own are measured like all others. A plan makes its
buffers when it is built, and an untouched buffer costs nothing: it is built, and asked.
"""

import copy
import math
import tracemalloc
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from handgrad.backend import compiled, use
from handgrad.checks import check_count, check_kind
from handgrad.layers import Rescale
from handgrad.layers.base import Layer
from handgrad.losses import SoftmaxCrossEntropy
from handgrad.optimizers import SGD, Adam, Optimizer

FEW, MORE = 8, 16  # rows of the two steps


class Memory(NamedTuple):
    """Bytes that training takes at its peak, parameters included, besides program and data.

    To the data belong a number for the label of each example, and one for its place in the order.
    """

    batch_size: int
    reference: int  # layer by layer, without compiled code
    compiled: int | None  # by a plan; None where none would run


class Use(NamedTuple):
    """Bytes that a layer takes for one batch."""

    kept: int  # from forward to backward
    forward: int  # at the peak of the forward pass, what is kept included
    backward: int  # the same of the backward pass
    update: int = 0  # and of the update that follows

    @property
    def peak(self) -> int:
        """At the worst moment."""
        return max(self.forward, self.backward, self.update)


def training_memory(
    network: Any, batch_size: int | None, optimizer: Optimizer | None = None
) -> Memory | None:
    """What training takes in batches of that size (None for None), with Adam if no other is given.

    Raises:
        InvalidValueError: batch_size is not above 0.
        DtypeError: optimizer is none.
    """
    if batch_size is None:
        return None
    check_count(batch_size, who="Network.summary", which="batch_size")
    optimizer = Adam() if optimizer is None else optimizer
    check_kind(optimizer, Optimizer, who="Network.summary", which="optimizer")
    with use("reference"), np.errstate(all="ignore"):
        whole = at(batch_size, lambda rows: used_by_step(network.copy(), fresh(optimizer), rows))
    own = sum(array.nbytes for array in (*network.params.values(), *network.state.values()))
    planned = used_by_plan(network, fresh(optimizer), batch_size)
    return Memory(batch_size, own + whole.peak, None if planned is None else own + planned)


def fresh(optimizer: Optimizer) -> Optimizer:
    """The same rule with the same options, without a past."""
    new = copy.copy(optimizer)
    new.state, new.steps, new.owner = {}, 0, None
    return new


def used_by_step(network: Any, optimizer: Optimizer, rows: int) -> Use:
    """What a step of a network takes, layer by layer, its optimizer's slots included."""
    use = Use(0, 0, 0)
    with tracing():
        for _ in range(2):  # the first makes the slots, the second finds them
            use, grads = used(network.body, network.input_shape, network.dtype, rows)
            tracemalloc.reset_peak()
            optimizer.step(network.trainable(), grads)
            use = use._replace(update=tracemalloc.get_traced_memory()[1])
            del grads
    return use


def used_by_plan(network: Any, optimizer: Optimizer, batch_size: int) -> int | None:
    """What a plan takes, gradients and slots included; None where no plan would run."""
    if not compiled():
        return None
    try:
        from handgrad.plans import DensePlan, Plan, dense_plan, training_plan

        loss = SoftmaxCrossEntropy()

        def make() -> DensePlan | Plan | None:  # as the Trainer chooses
            dense = dense_plan(network, loss, optimizer, batch_size)
            return dense if dense is not None else training_plan(network, batch_size, loss)

        make()  # what is imported on the way does not count
        with tracing():
            before = tracemalloc.get_traced_memory()[0]
            plan = make()
            buffers = tracemalloc.get_traced_memory()[0] - before
    except (ImportError, MemoryError):
        return None
    if plan is None:
        return None
    learning = sum(array.nbytes for array in network.trainable().values())
    slots = len(optimizer.slots) * learning
    if isinstance(plan, DensePlan):  # its slots lie in its buffers; at the end they are copied
        return buffers + max(slots, plan.on_the_way())
    return buffers - plan.never_written() + slots + around_plan(network, optimizer, plan)


def around_plan(network: Any, optimizer: Optimizer, plan: Any) -> int:
    """What a step takes besides buffers and slots.

    The batch, layers that run by themselves, gradients that do not lie in the buffers, and what
    the update makes on its way.
    """
    from handgrad.plans.plain import LayerStage

    learning, batch_size = network.trainable(), plan.context.count
    others = [
        layer_use(stage.layer, batch_size) for stage in plan.stages if isinstance(stage, LayerStage)
    ]
    on_the_way = max((use.peak - use.kept for use in others), default=0)
    copied = sum(
        array.nbytes
        for stage in plan.stages
        if not stage.hands_out
        for name, array in learning.items()
        if name.startswith(f"{stage.name}.")
    )
    kept, update = sum(use.kept for use in others), used_by_update(optimizer, learning)
    return kept + max(on_the_way, update) + copied + batch_size * example_bytes(network)


def example_bytes(network: Any) -> int:
    """What an example takes, as data have it: bytes where a network rescales, else its dtype."""
    itemsize = 1 if type(network.layers[0]) is Rescale else network.dtype.itemsize
    return math.prod(network.input_shape) * itemsize


def used_by_update(optimizer: Optimizer, params: dict[str, np.ndarray[Any, Any]]) -> int:
    """What an update takes besides its slots; nothing where compiled code makes it in place."""
    from handgrad.plans.dense_kinds import RULES

    if type(optimizer) in RULES and type(optimizer) is not SGD:
        return 0
    rule, learning = fresh(optimizer), {name: array.copy() for name, array in params.items()}
    grads = {name: np.zeros_like(array) for name, array in params.items()}
    with use("reference"), np.errstate(all="ignore"), tracing():
        rule.step(learning, grads)  # makes the slots
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        rule.step(learning, grads)
        return tracemalloc.get_traced_memory()[1] - before


def layer_use(layer: Layer, batch_size: int) -> Use:
    """What a layer takes that runs by itself."""
    dtype = next((array.dtype for array in layer.params.values()), np.dtype(np.float32))

    def measured(rows: int) -> Use:
        with use("reference"), np.errstate(all="ignore"), tracing():
            return used(copy.deepcopy(layer), layer.input_shape, dtype, rows)[0]

    return at(batch_size, measured)


def used(
    layer: Layer, shape: tuple[int, ...], dtype: Any, rows: int
) -> tuple[Use, dict[str, np.ndarray[Any, Any]]]:
    """What forward and backward take; and the gradients."""
    before = tracemalloc.get_traced_memory()[0]
    x = np.zeros((rows, *shape), dtype)
    tracemalloc.reset_peak()
    y, saved = layer.forward(x, training=True)
    kept, forward = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    _, grads = layer.backward(np.ones_like(y), saved)
    backward = tracemalloc.get_traced_memory()[1]
    return Use(kept - before, forward, backward), grads


def at(rows: int, measure: Callable[[int], Use]) -> Use:
    """What a batch of so many rows takes, on the straight line through two small ones."""
    if rows <= MORE:
        return measure(rows)
    few, more = measure(FEW), measure(MORE)
    return Use(
        *(int(a + (b - a) / (MORE - FEW) * (rows - FEW)) for a, b in zip(few, more, strict=True))
    )


@contextmanager
def tracing() -> Generator[None]:
    """Keep the books of memory in this block; go on if somebody keeps them already."""
    kept = tracemalloc.is_tracing()
    if not kept:
        tracemalloc.start()
    try:
        yield
    finally:
        if not kept:
            tracemalloc.stop()
