"""The plan of dense networks: whole steps, from the batch's rows to the update, in one call.

Chains of affine layers, batch norm, activations and dropout, the usual losses, and every optimizer.
The network's parameters are copied in before a run of steps and out after it, so they are as live
as ever; the optimizer's slots are views of what the plan computes with.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from handgrad.checks import Array
from handgrad.kernels import dense_program, dense_step
from handgrad.kernels.dense import HEIGHT
from handgrad.kernels.meeting import LINE
from handgrad.layers import Affine, BatchNorm, Dropout, Rescale
from handgrad.layers.base import Layer
from handgrad.losses import Loss
from handgrad.network import Network
from handgrad.optimizers import Adam, Optimizer
from handgrad.plans.buffers import aligned_zeros
from handgrad.plans.choice import own_passes
from handgrad.plans.dense_dropout import Masks
from handgrad.plans.dense_kinds import LOSSES, RULES, Examples, chain, rule_options
from handgrad.plans.dense_layout import USES, Layout
from handgrad.plans.pace import pace_of
from handgrad.plans.workers import Workers, let_others_run
from handgrad.threads import allowed, deterministic, thread_count

PER_WORKER = 20_000_000  # operations that are worth a second worker, and each one after it
POLITE = 100  # times that a worker asks again at a meeting before it sleeps: steps are short
AT_ONCE = 2e9  # operations between two looks of callbacks that are content with some
MOST = 1000  # steps between them
ROOM = 1_000_000  # bytes of masks and outputs that are there at once, but for a single step's


class Steps(NamedTuple):
    """What some steps computed."""

    losses: list[float]  # of the steps that were done
    outputs: Array | None  # (rows, K), if they were asked for


def dense_plan(
    network: Network, loss: Loss, optimizer: Optimizer, count: int
) -> "DensePlan | None":
    """A plan for steps of `count` rows, or None where something in it is of another kind."""
    layers = None if own_passes(network) else chain(network)
    if layers is None or type(loss) not in LOSSES or type(optimizer) not in RULES:
        return None
    workers = Workers(worker_count(network, count), at_once=allowed())
    return DensePlan(network, layers, loss, optimizer, count, workers)


def worker_count(network: Network, count: int) -> int:
    """How many workers a step of so many rows is worth.

    One where results must not depend on the number of threads: workers split some sums.
    """
    if deterministic():
        return 1
    operations = 3 * count * network.body.flops()
    return min(thread_count(), 1 + operations // PER_WORKER, 1 + count // (2 * HEIGHT))


class DensePlan:
    """Whole training steps of a dense network, for batches of up to `count` rows.

    Args:
        network: what is trained; its parameters are read before each run of steps.
        layers: what `chain` found in it.
        loss, optimizer: with which.
        count: rows of a whole batch.
        workers: who computes.
    """

    def __init__(
        self,
        network: Network,
        layers: Sequence[tuple[str, Layer]],
        loss: Loss,
        optimizer: Optimizer,
        count: int,
        workers: Workers,
    ) -> None:
        self.network, self.optimizer, self.count, self.workers = network, optimizer, count, workers
        self.layout = Layout(network.dtype, count, workers.count, len(optimizer.slots))
        self.masks = Masks(self.layout)
        self._lay_out(layers, loss)
        layout = self.layout
        self.flat = aligned_zeros(layout.size, layout.dtype)
        self.scratch = (np.zeros((USES, 2, workers.count, layout.widest)), np.zeros(count))
        self.meet = aligned_zeros(3 * LINE * workers.count, np.int64)
        self.params = [
            (name, place.view(self.flat, network.params[name].shape))
            for name, place in layout.params.items()
        ]
        self.state = [
            (name, place.view(self.flat, network.state[name].shape))
            for name, place in layout.state.items()
        ]
        self.slots = [
            (name, slot, place.at(layout.learned * (2 + number)).view(self.flat, array.shape))
            for number, slot in enumerate(optimizer.slots)
            for name, place in layout.params.items()
            for array in [network.params[name]]
        ]
        self.pace = pace_of(network, count, workers)
        self.written: tuple[Any, ...] | None = None  # what the program depends on

    def _lay_out(self, layers: Sequence[tuple[str, Layer]], loss: Loss) -> None:
        """Give every matrix its place, and write the instructions."""
        layout, named, rescaled = self.layout, list(layers), [1.0, 0.0]
        first = named[0][1]
        if isinstance(first, Rescale):
            del named[0]
            rescaled = layout.live.keep(lambda: [first.scale, first.offset])
        layout.reserve([(name, layer) for name, layer in named if layer.params])
        value = layout.examples(math.prod(named[0][1].input_shape), rescaled)
        for name, layer in named:
            if isinstance(layer, Affine):
                value = layout.affine(name, layer, value)
            elif isinstance(layer, BatchNorm):
                value = layout.norm(name, layer, value)
            elif isinstance(layer, Dropout):
                value = self.masks.add(layer, value)
            else:
                value = layout.activation(layer, value)
        smoothing = layout.live.keep(lambda: [getattr(loss, "label_smoothing", 0.0)])
        layout.loss(value, LOSSES[type(loss)], smoothing)

    @property
    def at_once(self) -> int:
        """How many steps to make in one call, where nobody wants to look after each."""
        operations = 3 * self.count * self.network.body.flops()
        most = min(MOST, ROOM // (self.masks.size + self.output_bytes), AT_ONCE // operations)
        return int(max(1, most))

    @property
    def output_bytes(self) -> int:
        """What the outputs of a step take."""
        return self.count * self.network.output_shape[0] * self.layout.dtype.itemsize

    def on_the_way(self) -> int:
        """Bytes that a call takes at its peak besides the plan's own: masks and outputs."""
        steps = self.at_once
        return steps * self.masks.size + max(self.masks.drawing, steps * self.output_bytes)

    # -- the program ------------------------------------------------------------------------

    def _write_program(self) -> None:
        """The tables that the workers walk through; again when decay or an option has changed."""
        optimizer, layout = self.optimizer, self.layout
        now = (bool(optimizer.weight_decay), optimizer.decay_all, layout.live.now())
        if now == self.written:
            return
        self.written = now
        names = self.network.decayed() if optimizer.weight_decay else set[str]()
        if optimizer.weight_decay and optimizer.decay_all:
            names = set(layout.params)
        decay = [layout.params[name] for name in layout.params if name in names]
        rows = layout.program(decay, RULES[type(optimizer)])
        if self.workers.count == 1:
            rows = [row for row in rows if row[0][0] != dense_program.MEET]
        self.program = np.zeros((len(rows), dense_program.OPERANDS), np.int64)
        self.numbers = np.zeros((len(rows), dense_program.NUMBERS))
        for number, (operands, options) in enumerate(rows):
            self.program[number, : len(operands)] = operands
            self.numbers[number, : len(options)] = options
        kinds = self.program[:, 0]
        self.updating = kinds == dense_program.UPDATE

    def _rates(self, scales: Sequence[float]) -> Array:
        """What the optimizer's steps differ in: see `dense_step.update`."""
        optimizer, rates = self.optimizer, np.ones((len(scales), 4))
        options = rule_options(optimizer)
        self.numbers[self.updating, : len(options)] = options  # of every parameter
        for number, scale in enumerate(scales):
            rate = optimizer.learning_rate * scale
            rates[number, 0] = rate
            rates[number, 1] = 1 - rate * optimizer.weight_decay
            if isinstance(optimizer, Adam):
                step = optimizer.steps + number + 1
                rates[number, 2] = rate / (1 - optimizer.beta1**step)
                rates[number, 3] = 1 - optimizer.beta2**step
        return rates

    # -- running ----------------------------------------------------------------------------

    def run(self, data: Examples, order: Array, scales: Sequence[float], *, outputs: bool) -> Steps:
        """Make a step for every `count` rows of `order`, or as many as stay finite.

        Args:
            data: all examples.
            order: which rows, in the order of the batches.
            scales: what the schedule makes of the learning rate, for each step.
            outputs: whether the network's outputs are wanted.
        """
        self._write_program()
        before, done = self.network.generators(), 0
        try:
            masks = self.masks.draw(len(order), len(scales))
            steps = self._run(data, order, scales, masks, outputs=outputs)
            done = len(steps.losses)
        finally:
            if done < len(scales):  # the generators are where these steps left them
                self.network.set_generators(before)
                self.masks.draw(len(order), done)
        return steps

    def _run(
        self, data: Examples, order: Array, scales: Sequence[float], masks: Array, *, outputs: bool
    ) -> Steps:
        """What `run` does, with the masks of its steps."""
        self._take_over()
        rates, results = self._rates(scales), np.zeros(len(scales))
        features = self.network.output_shape[0] if outputs else 0
        kept = np.empty((len(order) if outputs else 0, features), self.layout.dtype)
        self.meet[:] = 0
        order = np.ascontiguousarray(order, np.int64)

        failed: list[int] = []

        def work(first: int, last: int) -> None:
            late = meeting = 0
            try:
                while not dense_step.run(
                    *((first, last), self.meet, self.program, self.numbers, self.flat),
                    *(data.sources, data.labels, self.scratch, order, self.count),
                    *(masks, rates, results, kept),
                ):
                    late = late + 1 if self.meet[first * LINE] == meeting else 1
                    meeting = int(self.meet[first * LINE])
                    let_others_run(late, failed, polite=POLITE)
            except BaseException:
                failed.append(first)
                raise

        try:
            self._share(work, len(scales))
        except KeyboardInterrupt:  # the slots are the plan's own and have moved: so do the others
            self._hand_back(self.done)
            raise
        done = self.done
        self._hand_back(done)
        return Steps(results[:done].tolist(), kept if outputs else None)

    def _share(self, work: Callable[[int, int], None], steps: int) -> None:
        """Let the workers do their parts; or one do all, where that is faster, or no choice."""
        if not self.pace.choice:
            work(0, self.workers.count)
            return
        with self.pace.measured(steps) as together:
            if together:
                self.workers.run(lambda worker: work(worker, worker + 1))
            else:
                work(0, self.workers.count)

    @property
    def done(self) -> int:
        """How many steps of this run were made."""
        return int(self.meet[2 * LINE * self.workers.count])

    def _take_over(self) -> None:
        """Read parameters, state and slots, if these are not the plan's own."""
        params, state, kept = self.network.params, self.network.state, self.optimizer.state
        for name, own in self.params:
            own[...] = params[name]
            kept.setdefault(name, {})
        for name, own in self.state:
            own[...] = state[name]
        for name, slot, own in self.slots:
            given = kept[name].get(slot)
            if given is not own:
                own[...] = 0 if given is None else given
                kept[name][slot] = own

    def _hand_back(self, done: int) -> None:
        """Write parameters and state into the network's arrays, and count the steps."""
        params, state = self.network.params, self.network.state
        for name, own in self.params:
            params[name][...] = own
        for name, own in self.state:
            state[name][...] = own
        self.optimizer.steps += done

    def release(self) -> None:
        """Leave the optimizer slots of its own."""
        for name, slot, own in self.slots:
            slots = self.optimizer.state.get(name, {})
            if slots.get(slot) is own:
                slots[slot] = own.copy()
