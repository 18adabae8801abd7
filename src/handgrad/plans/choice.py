"""Which networks get a plan, with how many workers, and the plans that predict."""

import threading
from typing import NamedTuple
from weakref import WeakKeyDictionary

from handgrad.checks import Array
from handgrad.layers import (
    Affine,
    AveragePool2d,
    BatchNorm,
    Conv2d,
    Flatten,
    GlobalAveragePool,
    MaxPool2d,
    Relu,
)
from handgrad.losses import Loss
from handgrad.network import Network
from handgrad.plans.affine import ROWS
from handgrad.plans.assembly import make_stages
from handgrad.plans.dense_kinds import LOSSES
from handgrad.plans.plan import Plan
from handgrad.plans.stages import Context
from handgrad.plans.workers import Workers
from handgrad.threads import allowed, deterministic, thread_count

SMALL = 500_000  # operations of a step below which buffers cost more than they save
PARTS = 4  # of every sum, where results must not depend on the number of threads
WAIT = 6_000_000  # operations that a worker could do while it waits for the others once
NEAR = 2_200_000  # bytes of activations: about a core's second cache, or two
# Layers whose stages do not wait.
ALONE = (Affine, AveragePool2d, Conv2d, Flatten, GlobalAveragePool, MaxPool2d, Relu)

_predictors: WeakKeyDictionary[Network, "Predictor"] = WeakKeyDictionary()
_making = threading.Lock()


def workers_for(network: Network, operations: int) -> Workers:
    """Workers for a step of so many operations: one where waiting for others would cost more.

    Two workers save half of the time. Batch norm waits twice in a step, a layer without a stage of
    its own four times, and every step four times besides. Each worker has its own part of every
    sum: where results must not depend on the number of threads, the number of workers does not
    either, and only so many run at once as there are threads.
    """
    waiting = [layer for layer in network.layers if not isinstance(layer, ALONE)]
    waits = 4 + sum(2 if type(layer) is BatchNorm else 4 for layer in waiting)
    if operations // 2 <= waits * WAIT:
        return Workers(1)
    return Workers(PARTS, at_once=allowed()) if deterministic() else Workers(thread_count())


def images_at_once(network: Network, workers: Workers, *, training: bool) -> int:
    """How many images a worker takes at a time, so that what it computes of them stays near.

    What a stage has taken in (a ReLU, a pool) is never stored, and does not count. Affine layers
    read all their weights in every pass, so a pass has images for a whole tile of rows.
    """
    context = Context(workers, 1, 1, network.dtype, network.params, network.state)
    stages = make_stages(context, network.layers, training=training)
    shapes = [stage.shape for stage in stages]
    numbers = sum(c * height * width for c, height, width in shapes if height * width > 1)
    return max(ROWS, NEAR // max(numbers * network.dtype.itemsize, 1))


def training_plan(network: Network, batch_size: int, loss: Loss) -> Plan | None:
    """A plan for training steps, or None where layer by layer is as good, or nothing can learn."""
    operations = 3 * batch_size * network.body.flops()  # backward takes about twice forward's
    if operations < SMALL or not network.params:
        return None
    workers, at_once = workers_for(network, operations), None
    if type(loss) in LOSSES:
        at_once = images_at_once(network, workers, training=True)
    return Plan(network, batch_size, workers, at_once=at_once)


class Predictor(NamedTuple):
    """A network's plan for predictions."""

    plan: Plan
    turn: threading.Lock  # threads that share a network take turns
    threads: tuple[int, bool]  # what was asked for when it was made


def predict(network: Network, x: Array, batch_size: int) -> Array | None:
    """The outputs of one batch of at most `batch_size` rows, or None where a plan does not pay.

    The plan is kept with the network.
    """
    with _making:
        kept, threads = _predictors.get(network), (allowed(), deterministic())
        if kept is None or kept.plan.context.count < batch_size or kept.threads != threads:
            flops = network.body.flops()
            if batch_size * flops < SMALL:
                return None
            kept = Predictor(predicting_plan(network, batch_size, flops), threading.Lock(), threads)
            _predictors[network] = kept
    with kept.turn:
        return kept.plan.forward(x, training=False)


def predicting_plan(network: Network, batch_size: int, flops: int) -> Plan:
    """A plan for batches of up to so many rows."""
    workers = workers_for(network, batch_size * flops)
    at_once = images_at_once(network, workers, training=False)
    return Plan(network, batch_size, workers, training=False, at_once=at_once)
