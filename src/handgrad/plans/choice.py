"""Which networks get a plan, with how many workers, and the plans that predict."""

import threading
from typing import NamedTuple
from weakref import WeakKeyDictionary

from handgrad.checks import Array
from handgrad.losses import Loss
from handgrad.network import Network
from handgrad.plans.affine import ROWS
from handgrad.plans.assembly import make_stages
from handgrad.plans.dense_kinds import LOSSES
from handgrad.plans.plan import Plan
from handgrad.plans.stages import Context, Stage
from handgrad.plans.workers import Workers
from handgrad.threads import allowed, deterministic, thread_count

SMALL = 500_000  # operations of a step below which buffers cost more than they save
PARTS = 4  # of every sum, where results must not depend on the number of threads
WAIT = 6_000_000  # operations that a worker could do while it waits for the others once
NEAR = 2_200_000  # bytes of activations: about a core's second cache, or two
WAITS = 4  # of every step, besides those of its stages
PAIR = Workers(2)  # who only look at stages

_predictors: WeakKeyDictionary[Network, "Predictor"] = WeakKeyDictionary()
_making = threading.Lock()


def workers_for(network: Network, operations: int, *, training: bool) -> Workers:
    """Workers for a step of so many operations: one where waiting for others would cost more.

    Two workers save half of the time. Each worker has its own part of every sum: where results must
    not depend on the number of threads, the number of workers does not either, and only so many run
    at once as there are threads.
    """
    waits = WAITS + sum(stage.waits for stage in stages_of(network, training=training))
    if operations // 2 <= waits * WAIT:
        return Workers(1)
    if deterministic():
        return Workers(PARTS, at_once=allowed())
    return Workers(min(thread_count(), operations // max(WAIT, 1)))  # each has room of its own


def stages_of(network: Network, *, training: bool) -> list[Stage]:
    """The stages that a plan would have, without their buffers."""
    context = Context(PAIR, 2, 1, network.dtype, network.params, network.state)
    return make_stages(context, network.layers, training=training)


def images_at_once(network: Network, *, training: bool) -> int:
    """How many images a worker takes at a time, so that what it computes of them stays near.

    What a stage has taken in (a ReLU, a pool) is never stored, and does not count. Affine layers
    read all their weights in every pass, so a pass has images for a whole tile of rows.
    """
    shapes = [stage.shape for stage in stages_of(network, training=training)]
    numbers = sum(c * height * width for c, height, width in shapes if height * width > 1)
    return max(ROWS, NEAR // max(numbers * network.dtype.itemsize, 1))


def training_plan(network: Network, batch_size: int, loss: Loss) -> Plan | None:
    """A plan for training steps, or None where layer by layer is as good, or nothing can learn.

    Nor where a layer learns in two places: each stage writes gradients of its own.
    """
    operations = 3 * batch_size * network.body.flops()  # backward takes about twice forward's
    shared = any(layer.params and network.layers.count(layer) > 1 for layer in network.layers)
    if operations < SMALL or not network.params or shared:
        return None
    workers, at_once = workers_for(network, operations, training=True), None
    if type(loss) in LOSSES:
        at_once = images_at_once(network, training=True)
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
    if own_passes(network):
        return None
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
    workers = workers_for(network, batch_size * flops, training=False)
    at_once = images_at_once(network, training=False)
    return Plan(network, batch_size, workers, training=False, at_once=at_once)


def own_passes(network: Network) -> bool:
    """Whether a subclass has passes of its own: plans know a network's layers, and not these."""
    kind = type(network)
    return kind.forward is not Network.forward or kind.backward is not Network.backward
