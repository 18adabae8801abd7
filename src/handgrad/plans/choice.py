"""Which networks get a plan, with how many workers, and the plans that predict."""

import threading
from weakref import WeakKeyDictionary

from handgrad.checks import Array
from handgrad.layers import Affine, Conv2d, Flatten, MaxPool2d, Relu
from handgrad.network import Network
from handgrad.plans.plan import Plan
from handgrad.plans.workers import Workers
from handgrad.threads import allowed, deterministic, thread_count

SMALL = 500_000  # operations of a step below which buffers cost more than they save
PARTS = 4  # of every sum, where results must not depend on the number of threads
WAIT = 6_000_000  # operations that a worker could do while it waits for the others once
ALONE = (Affine, Conv2d, Flatten, MaxPool2d, Relu)  # layers whose stages do not wait

_predictors: WeakKeyDictionary[Network, tuple[Plan, threading.Lock]] = WeakKeyDictionary()
_making = threading.Lock()


def workers_for(network: Network, operations: int) -> Workers:
    """Workers for a step of so many operations: one where waiting for others would cost more.

    Two workers save half of the time. Batch norm waits six times in a step, a layer without a
    stage of its own four times, and every step four times besides. Each worker has its own part of
    every sum: where results must not depend on the number of threads, the number of workers does
    not either, and only so many run at once as there are threads.
    """
    waits = 4 + 6 * sum(not isinstance(layer, ALONE) for layer in network.layers)
    if operations // 2 <= waits * WAIT:
        return Workers(1)
    return Workers(PARTS, at_once=allowed()) if deterministic() else Workers(thread_count())


def training_plan(network: Network, batch_size: int) -> Plan | None:
    """A plan for training steps, or None where layer by layer is as good."""
    operations = 3 * batch_size * network.body.flops()  # backward takes about twice forward's
    if operations < SMALL:
        return None
    return Plan(network, batch_size, workers_for(network, operations))


def predict(network: Network, x: Array, batch_size: int) -> Array | None:
    """The outputs of one batch of at most `batch_size` rows, or None where a plan does not pay.

    The plan is kept with the network; threads that share a network take turns.
    """
    flops = network.body.flops()
    if batch_size * flops < SMALL:
        return None
    with _making:
        plan, turn = _predictors.get(network, (None, threading.Lock()))
        count = max(batch_size, 0 if plan is None else plan.context.count)
        workers = workers_for(network, count * flops)
        if plan is None or plan.context.count < count or plan.context.workers != workers:
            plan = Plan(network, count, workers, training=False)
            _predictors[network] = plan, turn
    with turn:
        return plan.forward(x, training=False)
