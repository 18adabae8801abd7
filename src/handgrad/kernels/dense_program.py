"""Instructions of dense networks' steps, compiled: what each of them does for one worker.

A plan writes a step down as a table of whole numbers: a row is an instruction and where in the
flat array its operands lie. Rows of a batch are shared by the workers wherever rows are computed
by themselves, features where gradients of weights are summed, checked and descended along, so that
two workers never write the same number, and most stay in the cache of one. Here are the
instructions that one worker follows without asking another; those of batch norm and of the update
are in `dense_step.py`, with the one who walks through the table.
"""

from handgrad.checks import Array
from handgrad.kernels.dense import HEIGHT, matrix_sums, number, share
from handgrad.kernels.dense_losses import ONE_ANSWER, loss_rows, yes_no_column
from handgrad.kernels.dense_norm import column_sums
from handgrad.kernels.dense_parts import (
    activate,
    activate_back,
    add_parts,
    drop,
    gather,
    keep,
)
from handgrad.kernels.images import transpose
from handgrad.kernels.jit import compiled

Sources = tuple[Array, Array, Array]  # the examples: float32, float64 or bytes; two are empty
Labels = tuple[Array, Array, Array]
Scratch = tuple[Array, Array]  # sums (use, which, worker, feature) and losses (row,) in float64
Team = tuple[int, int, int, int]  # a worker's number, how many there are, its rows lo … hi − 1

# Instructions, and their operands in a row of the program. A matrix is named by where it begins in
# the flat array; "step" is from one of its rows to the next.
(
    GATHER,  # x, step, features, whether by columns; numbers: scale, offset
    DROP,  # x, step, features, whether by columns, y, where the mask begins; numbers: scale
    ACTIVATE,  # y, step, features, which; numbers: slope
    LOSS,  # logits, step, features, d, which; numbers: smoothing
    BIAS_SUMS,  # d, step, features, gradient
    ACTIVATE_BACK,  # y, step, features, which, d; numbers: slope
    SUMS,  # x, steps by row and term, w, step, bias, out, step, columns, terms, what comes after:
    #        out = bias + x w, then nothing, a ReLU, or the mask of one
    WEIGHT_SUMS,  # the same, with rows in place of terms: the terms are the examples
    SPLIT_SUMS,  # x, step, w, step, bias, zeros, parts, step, features, size of a part, 1
    ADD_UP,  # parts, step, features, out, size of a part
    TRANSPOSE,  # w, step, out, step, rows, columns
    MOMENTS,  # x, y, d, step, features, weight, bias, statistics, gradients, running, sums, relu
    NORMALIZE,  # the same, as for all from MOMENTS on; numbers: eps, momentum
    NORM_SUMS,
    NORM_BACK,
    REMEMBER,
    MEET,  # wait for all workers
    TOTAL,  # the loss
    CHECK,  # a gradient, rows, step
    STOP,  # come back if anything is not finite
    DECAY,  # a parameter, rows, step
    UPDATE,  # a parameter, rows, step, gradient, first slot, second slot, which rule
) = range(22)
OPERANDS, NUMBERS = 12, 4  # columns of the program, and of the numbers beside it
PIECE = 48  # features that workers share: whole tiles, and whole cache lines
SGD, MOMENTUM, NESTEROV, ADAGRAD, RMSPROP, ADADELTA, ADAM = range(7)


@compiled
def matrix(a: Array, start: int, size: int, step: int) -> Array:
    """The matrix of so many numbers that begins at `start`."""
    return a[start : start + size].reshape((size // step, step))


@compiled
def own_room(sums: Array, worker: int, workers: int) -> Array:
    """A worker's own two rows of float64: the last ones of the sums."""
    return sums[len(sums) - 1].reshape((workers, 2, sums.shape[3]))[worker]


@compiled
def whole_tiles(count: int) -> int:
    """`count` rounded up to whole tiles."""
    return (count + HEIGHT - 1) // HEIGHT * HEIGHT


@compiled
def part_of_batch(p: Array, rows: int, team: Team) -> tuple[int, int, int, int]:
    """A worker's rows and columns of a batch: some of its rows, or of its columns."""
    if p[4] != 0:
        first, last = share(team[0], team[1], p[3], PIECE)
        return 0, rows, first, last
    return team[2], team[3], 0, p[3]


@compiled
def gather_rows(p: Array, q: Array, a: Array, source: Sources, order: Array, team: Team) -> None:
    """The rows of a batch, or all its rows' columns that are this worker's; from any source."""
    part = part_of_batch(p, len(order), team)
    x = matrix(a, p[1], len(order) * p[2], p[2])
    if len(source[0]):
        gather(source[0], order, q[0], q[1], x, p[3], part)
    elif len(source[1]):
        gather(source[1], order, q[0], q[1], x, p[3], part)
    else:
        gather(source[2], order, q[0], q[1], x, p[3], part)


@compiled
def drop_entries(p: Array, q: Array, a: Array, masks: Array, rows: int, team: Team) -> None:
    """Dropout, on either way: the masks of this step's layers follow each other."""
    x, y = matrix(a, p[1], rows * p[2], p[2]), matrix(a, p[5], rows * p[2], p[2])
    drop(x, masks[p[6] :], q[0], y, p[3], part_of_batch(p, rows, team))


@compiled
def sums(p: Array, a: Array, rows: int, team: Team) -> None:
    """An instruction that multiplies matrices: rows of a batch, or of a weight's gradient."""
    worker, workers, lo, hi = team
    row, term, terms = p[2], p[3], p[10]
    if p[0] == WEIGHT_SUMS:
        lo, hi = share(worker, workers, p[10], PIECE)
        terms = rows
    end = whole_tiles(hi)
    matrix_sums(a, p[1], row, term, p[4], p[5], p[6], p[7], p[8], p[9], lo, end, terms, p[11])


@compiled
def arrange(p: Array, a: Array, rows: int, team: Team) -> None:
    """Sums over this worker's features, such sums added up, or a weight transposed."""
    worker, workers, lo, hi = team
    if p[0] == SPLIT_SUMS:
        first, last = share(worker, workers, p[9], PIECE)
        x, weight, sums_at = p[1] + first, p[3] + first * p[4], p[7] + worker * p[10]
        bias, end, none = p[5] if first == 0 else p[6], whole_tiles(rows), number(0)
        at = (x, p[2], p[11], weight, p[4], bias, sums_at, p[8], p[4])
        matrix_sums(a, *at, none, end, last - first, none)
    elif p[0] == ADD_UP:
        parts = a[p[1] : p[1] + workers * p[5]].reshape((workers, p[5] // p[2], p[2]))
        add_parts(parts, p[3], lo, hi, matrix(a, p[4], rows * p[2], p[2]))
    else:
        own = share(worker, workers, p[5], PIECE)
        transpose(own, (0, p[6]), a, (p[1], p[2]), a, (p[3], p[4]))


@compiled
def entrywise(
    p: Array,
    q: Array,
    a: Array,
    scratch: Scratch,
    labels: Labels,
    order: Array,
    outputs: Array,
    team: Team,
) -> None:
    """An activation, there or back, the loss, or the gradient of a bias."""
    worker, workers, lo, hi = team
    rows = len(order)
    y = matrix(a, p[1], rows * p[2], p[2])
    if p[0] == ACTIVATE:
        activate(p[4], q[0], y, p[3], lo, hi)
    elif p[0] == ACTIVATE_BACK:
        activate_back(p[4], q[0], y, matrix(a, p[5], rows * p[2], p[2]), p[3], lo, hi)
    elif p[0] == LOSS:
        d = matrix(a, p[4], rows * p[2], p[2])
        if p[5] == ONE_ANSWER:
            yes_no_column(y, labels, order, lo, hi, scratch[1], d)
        else:
            loss_rows(p[5], q[0], y, d, p[3], labels, order, lo, hi, scratch[1])
        if len(outputs):
            keep(y, lo, hi, outputs)
    elif worker == workers - 1:
        total = own_room(scratch[0], worker, workers)[0]
        column_sums(a, p[1], p[2], number(0), rows, total)
        for j in range(p[3]):
            a[p[4] + j] = total[j]
