"""Which networks get a plan, with how many workers, and the plans that predict."""

import os
import threading
from weakref import WeakKeyDictionary

from handgrad.checks import Array, InvalidValueError
from handgrad.layers import Affine, Conv2d, Flatten, MaxPool2d, Relu
from handgrad.network import Network
from handgrad.plans.plan import Plan
from handgrad.plans.workers import Workers

SMALL = 500_000  # operations of a step below which buffers cost more than they save
WAIT = 6_000_000  # operations that a worker could do while it waits for the others once
ALONE = (Affine, Conv2d, Flatten, MaxPool2d, Relu)  # layers whose stages do not wait

_predictors: WeakKeyDictionary[Network, tuple[Plan, threading.Lock]] = WeakKeyDictionary()
_making = threading.Lock()


def thread_count() -> int:
    """How many workers a large step is shared by.

    HANDGRAD_THREADS, else OMP_NUM_THREADS, else as many as the processor cores we may use.

    Raises:
        InvalidValueError: HANDGRAD_THREADS is no number above 0.
    """
    text = os.environ.get("HANDGRAD_THREADS", "")
    if text:
        if not text.isdecimal() or int(text) < 1:
            raise InvalidValueError(
                f"HANDGRAD_THREADS must be a whole number above 0, but is {text!r}."
            )
        return int(text)
    first = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]  # "4,2": nested levels
    if first.isdecimal() and int(first) > 0:
        return int(first)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def workers_for(network: Network, operations: int) -> Workers:
    """Workers for a step of so many operations: one where waiting for others would cost more.

    Two workers save half of the time. Batch norm waits six times in a step, a layer without a
    stage of its own four times, and every step four times besides.
    """
    waits = 4 + 6 * sum(not isinstance(layer, ALONE) for layer in network.layers)
    return Workers(thread_count() if operations // 2 > waits * WAIT else 1)


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
    operations = batch_size * network.body.flops()
    if operations < SMALL:
        return None
    with _making:
        found = _predictors.get(network)
        if found is None or found[0].context.count < batch_size:
            plan = Plan(network, batch_size, workers_for(network, operations), training=False)
            found = _predictors[network] = plan, threading.Lock()
    plan, turn = found
    with turn:
        return plan.forward(x, training=False)
