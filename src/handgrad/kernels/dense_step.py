"""Whole training steps of dense networks in one call: who walks through the program.

A step of a small network is a few dozen small loops. Called one by one from Python, the calls cost
more than the loops. So a plan writes the step down once, as the instructions of `dense_program.py`;
`run` is called once by every worker, walks through them for as many steps as it was given batches,
and comes back. `MEET` makes all wait for all, where one needs what the others computed. If the
gradients or the loss are not finite, nothing is updated and all come back, so that the caller can
say why.
"""

import numpy as np

from handgrad.checks import Array
from handgrad.kernels.dense import HEIGHT, share
from handgrad.kernels.dense_norm import (
    join_moments,
    join_sums,
    moments,
    norm_dx,
    norm_sums,
    normalize,
)
from handgrad.kernels.dense_parts import descend, finite, remember, scale
from handgrad.kernels.dense_program import (
    ACTIVATE_BACK,
    ADADELTA,
    ADAGRAD,
    CHECK,
    DECAY,
    DROP,
    GATHER,
    MEET,
    MOMENTS,
    MOMENTUM,
    NESTEROV,
    NORM_BACK,
    NORM_SUMS,
    NORMALIZE,
    PIECE,
    RMSPROP,
    SGD,
    STOP,
    TOTAL,
    TRANSPOSE,
    WEIGHT_SUMS,
    Labels,
    Scratch,
    Sources,
    Team,
    arrange,
    drop_entries,
    entrywise,
    gather_rows,
    matrix,
    own_room,
    sums,
)
from handgrad.kernels.jit import compiled, inlined
from handgrad.kernels.meeting import LINE, arrive, arrived, unowned
from handgrad.kernels.updates import (
    adadelta_kernel,
    adagrad_kernel,
    adam_kernel,
    momentum_kernel,
    nesterov_kernel,
    rmsprop_kernel,
)

Data = tuple[Sources, Labels, Scratch]  # what is the same in all steps
Step = tuple[Array, Array, Array, Array, Array]  # rows, masks, rates, the loss and the outputs


@compiled
def normalized(p: Array, q: Array, a: Array, wide: Array, rows: int, team: Team) -> None:
    """An instruction of batch norm. Each worker joins all parts, in one order, for itself."""
    worker, workers, lo, hi = team
    x, y, d, step, features, weight = p[1], p[2], p[3], p[4], p[5], p[6]
    statistics, gradients, running, use, relu = p[7], p[8], p[9], p[10], p[11]
    size, parts, own = 5 * step, wide[use], own_room(wide, worker, workers)
    start = statistics + worker * size
    stats = matrix(a, start, size, step)
    if p[0] == MOMENTS:
        moments(a, x, step, lo, hi, start, parts[0, worker], parts[1, worker])
    elif p[0] == NORMALIZE:
        join_moments(parts, workers, rows, features, q[0], own, stats)
        normalize(a, x, y, step, lo, hi, start, weight, relu)
    elif p[0] == NORM_SUMS:
        at = (x, y, d, start)
        norm_sums(a, at, step, lo, hi, relu, parts[0, worker], parts[1, worker])
    elif p[0] == NORM_BACK:
        join_sums(parts, workers, rows, features, own, stats)
        norm_dx(a, (x, y, d, start), step, lo, hi, weight, relu)
        if worker == 0:
            for j in range(features):
                a[gradients + j], a[gradients + step + j] = own[1, j], own[0, j]
    elif worker == 0:
        mean, var = a[running:], a[running + step :]
        remember(stats, q[1], rows, features, mean, var)


@compiled
def part(a: Array, start: int, rows: int, step: int, team: Team) -> Array:
    """This worker's rows of a parameter, or of what lies like it: those that it summed."""
    lo, hi = share(team[0], team[1], rows, PIECE)
    return a[start + lo * step : start + hi * step]


@compiled
def total_loss(losses: Array, rows: int, meet: Array, results: Array, team: Team) -> None:
    """The loss; and this worker's word on whether all is finite, as far as it has looked."""
    worker, workers, total = team[0], team[1], 0.0
    if worker == 0:
        for n in range(rows):
            total += losses[n]
        results[0] = total
    meet[(workers + worker) * LINE] = int(not np.isfinite(total))


@compiled
def check(p: Array, a: Array, meet: Array, team: Team) -> None:
    """Whether this worker's part of a gradient is finite."""
    gradient, rows, step = p[1], p[2], p[3]
    if not finite(part(a, gradient, rows, step, team)):
        meet[(team[1] + team[0]) * LINE] = 1


@compiled
def stopped(meet: Array, workers: int) -> bool:
    """Whether any worker met what is not finite."""
    spoiled = 0
    for worker in range(workers):
        spoiled += meet[(workers + worker) * LINE]
    return spoiled > 0


@compiled
def met(meet: Array, own: Array, mine: tuple[int, int], workers: int) -> bool:
    """Whether all workers have come to where these are; they announce themselves once."""
    if own[2] == 0:
        for worker in range(mine[0], mine[1]):
            arrive(meet, worker)
    own[2] = 1 - int(arrived(meet, mine[0], workers))
    return own[2] == 0


@compiled
def update(p: Array, q: Array, a: Array, rate: Array, team: Team) -> None:
    """The optimizer's step, or weight decay, for this worker's part of the parameters.

    `rate` is what differs from step to step: the learning rate, 1 − its product with the decay,
    and Adam's η / (1 − β₁ᵗ) and 1 − β₂ᵗ.
    """
    start, rows, step = p[1], p[2], p[3]
    param = part(a, start, rows, step, team)
    if p[0] == DECAY:
        scale(param, rate[1])
        return
    gradient, first_slot, second_slot, rule = p[4], p[5], p[6], p[7]
    grad = part(a, gradient, rows, step, team)
    one, two = part(a, first_slot, rows, step, team), part(a, second_slot, rows, step, team)
    if rule == SGD:
        descend(param, grad, rate[0])
    elif rule == MOMENTUM:
        momentum_kernel(rate[0], q[0], param, grad, one)
    elif rule == NESTEROV:
        nesterov_kernel(rate[0], q[0], param, grad, one)
    elif rule == ADAGRAD:
        adagrad_kernel(rate[0], q[0], param, grad, one)
    elif rule == RMSPROP:
        rmsprop_kernel(rate[0], q[0], q[1], param, grad, one)
    elif rule == ADADELTA:
        adadelta_kernel(rate[0], q[0], q[1], param, grad, one, two)
    else:
        adam_kernel(rate[2], q[0], q[1], rate[3], q[2], param, grad, one, two)


@inlined
def follow(worker: int, p: Array, q: Array, meet: Array, a: Array, data: Data, step: Step) -> None:
    """What one worker does for one instruction."""
    (sources, labels, scratch), (rows, masks, rate, results, outputs) = data, step
    workers = len(meet) // (3 * LINE)
    lo, hi = share(worker, workers, len(rows), HEIGHT)
    team = (worker, workers, lo, hi)
    if p[0] == CHECK:
        check(p, a, meet, team)
    elif p[0] == TOTAL:
        total_loss(scratch[1], len(rows), meet, results, team)
    elif p[0] >= DECAY:
        update(p, q, a, rate, team)
    elif p[0] == GATHER:
        gather_rows(p, q, a, sources, rows, team)
    elif p[0] == DROP:
        drop_entries(p, q, a, masks, len(rows), team)
    elif p[0] <= ACTIVATE_BACK:
        entrywise(p, q, a, scratch, labels, rows, outputs, team)
    elif p[0] <= WEIGHT_SUMS:
        sums(p, a, len(rows), team)
    elif p[0] <= TRANSPOSE:
        arrange(p, a, len(rows), team)
    else:
        normalized(p, q, a, scratch[0], len(rows), team)


@inlined
def walk(
    mine: tuple[int, int],
    meet: Array,
    program: Array,
    numbers: Array,
    a: Array,
    sources: Sources,
    labels: Labels,
    scratch: Scratch,
    order: Array,
    batch: int,
    masks: Array,
    rates: Array,
    results: Array,
    outputs: Array,
) -> bool:
    """What `run` does, on arrays whose users nobody counts."""
    workers = len(meet) // (3 * LINE)
    own, data = meet[(2 * workers + mine[0]) * LINE :], (sources, labels, scratch)
    for done in range(own[0], (len(order) + batch - 1) // batch):
        rows, kept = order[done * batch : (done + 1) * batch], outputs[done * batch :]
        step = (rows, masks[done], rates[done], results[done:], kept)
        for at in range(own[1], len(program)):
            p, q = program[at], numbers[at]
            if p[0] == MEET:
                if not met(meet, own, mine, workers):
                    own[1] = at
                    return False
            elif p[0] == STOP:
                if stopped(meet, workers):
                    return True
            else:
                for worker in range(mine[0], mine[1]):
                    follow(worker, p, q, meet, a, data, step)
        own[0], own[1] = done + 1, 0
    return True


@compiled
def run(
    mine: tuple[int, int],
    meet: Array,
    program: Array,
    numbers: Array,
    a: Array,
    sources: Sources,
    labels: Labels,
    scratch: Scratch,
    order: Array,
    batch: int,
    masks: Array,
    rates: Array,
    results: Array,
    outputs: Array,
) -> bool:
    """Walk through the program for each batch of `order`; False: call again, others are late.

    `mine` are the workers first … last − 1 whose part this thread does: one of them, or all.
    `meet` has three lines for each worker: its arrivals, whether it met what is not finite, and
    where it stands: steps done, the next instruction, whether it has announced its arrival.
    `masks` has a row for each batch: what dropout keeps of it.
    """
    return walk(
        mine,
        unowned(meet),
        unowned(program),
        unowned(numbers),
        unowned(a),
        (unowned(sources[0]), unowned(sources[1]), unowned(sources[2])),
        (unowned(labels[0]), unowned(labels[1]), unowned(labels[2])),
        (unowned(scratch[0]), unowned(scratch[1])),
        unowned(order),
        batch,
        unowned(masks),
        unowned(rates),
        unowned(results),
        unowned(outputs),
    )
