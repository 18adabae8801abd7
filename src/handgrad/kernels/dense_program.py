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

# Instructions, and their operands. In what follows, p is a row of the program: p[0] says which
# instruction, and p[1], p[2] … are its operands in the order below; q[0], q[1] … are its numbers. A
# matrix is named by where it begins in the flat array; "step" is from one of its rows to the next.
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
    SPLIT_SUMS,  # x, step, w, step, bias, zeros, parts, step, features, size of a part, x's step
    #              by term
    ADD_UP,  # parts, step, features, out, size of a part
    TRANSPOSE,  # w, step, out, step, rows, columns
    MOMENTS,  # x, y, d, step, features, weight (the bias is the row after it), statistics (of the
    #           first worker), gradients (likewise the weight's and the bias's), running (the mean,
    #           then the variance), use of the sums, whether a ReLU follows; numbers: eps, momentum
    NORMALIZE,  # the same as for MOMENTS, and so are the next two
    NORM_SUMS,
    NORM_BACK,
    REMEMBER,  # the same, but for whether a ReLU follows
    MEET,  # no operands: wait for all workers
    TOTAL,  # no operands: the loss
    CHECK,  # a gradient, rows, step
    STOP,  # no operands: come back if anything is not finite
    DECAY,  # a parameter, rows, step
    UPDATE,  # a parameter, rows, step, gradient, first slot, second slot, which rule;
    #          numbers: the rule's options
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
    features, by_columns = p[3], p[4]
    if by_columns != 0:
        first, last = share(team[0], team[1], features, PIECE)
        return 0, rows, first, last
    return team[2], team[3], 0, features


@compiled
def gather_rows(p: Array, q: Array, a: Array, source: Sources, order: Array, team: Team) -> None:
    """The rows of a batch, or all its rows' columns that are this worker's; from any source."""
    start, step, features, scale, offset = p[1], p[2], p[3], q[0], q[1]
    part = part_of_batch(p, len(order), team)
    x = matrix(a, start, len(order) * step, step)
    if len(source[0]):
        gather(source[0], order, scale, offset, x, features, part)
    elif len(source[1]):
        gather(source[1], order, scale, offset, x, features, part)
    else:
        gather(source[2], order, scale, offset, x, features, part)


@compiled
def drop_entries(p: Array, q: Array, a: Array, masks: Array, rows: int, team: Team) -> None:
    """Dropout, on either way: the masks of this step's layers follow each other."""
    step, features, mask, size = p[2], p[3], p[6], rows * p[2]
    x, y = matrix(a, p[1], size, step), matrix(a, p[5], size, step)
    drop(x, masks[mask:], q[0], y, features, part_of_batch(p, rows, team))


@compiled
def sums(p: Array, a: Array, rows: int, team: Team) -> None:
    """An instruction that multiplies matrices: rows of a batch, or of a weight's gradient."""
    worker, workers, lo, hi = team
    x, x_row, x_term, w, w_step = p[1], p[2], p[3], p[4], p[5]
    bias, out, out_step, columns, terms, after = p[6], p[7], p[8], p[9], p[10], p[11]
    if p[0] == WEIGHT_SUMS:
        lo, hi = share(worker, workers, terms, PIECE)
        terms = rows
    end = whole_tiles(hi)
    matrix_sums(a, x, x_row, x_term, w, w_step, bias, out, out_step, columns, lo, end, terms, after)


@compiled
def arrange(p: Array, a: Array, rows: int, team: Team) -> None:
    """Sums over this worker's features, such sums added up, or a weight transposed."""
    worker, workers, lo, hi = team
    if p[0] == SPLIT_SUMS:
        x, x_row, w, w_step, bias, zeros = p[1], p[2], p[3], p[4], p[5], p[6]
        parts, step, features, size, x_term = p[7], p[8], p[9], p[10], p[11]
        first, last = share(worker, workers, features, PIECE)
        bias = bias if first == 0 else zeros
        weight, own, none = w + first * w_step, parts + worker * size, number(0)
        at = (x + first, x_row, x_term, weight, w_step, bias, own, step, w_step)
        matrix_sums(a, *at, none, whole_tiles(rows), last - first, none)
    elif p[0] == ADD_UP:
        start, step, features, out, size = p[1], p[2], p[3], p[4], p[5]
        matrices = a[start : start + workers * size].reshape((workers, size // step, step))
        add_parts(matrices, features, lo, hi, matrix(a, out, rows * step, step))
    else:
        w, w_step, out, out_step, weight_rows, columns = p[1], p[2], p[3], p[4], p[5], p[6]
        own_rows = share(worker, workers, weight_rows, PIECE)
        transpose(own_rows, (0, columns), a, (w, w_step), a, (out, out_step))


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
    start, step, features, size = p[1], p[2], p[3], len(order) * p[2]
    y = matrix(a, start, size, step)
    if p[0] == ACTIVATE:
        which, slope = p[4], q[0]
        activate(which, slope, y, features, lo, hi)
    elif p[0] == ACTIVATE_BACK:
        which, slope, d = p[4], q[0], matrix(a, p[5], size, step)
        activate_back(which, slope, y, d, features, lo, hi)
    elif p[0] == LOSS:
        d, which, smoothing = matrix(a, p[4], size, step), p[5], q[0]
        if which == ONE_ANSWER:
            yes_no_column(y, labels, order, lo, hi, scratch[1], d)
        else:
            loss_rows(which, smoothing, y, d, features, labels, order, lo, hi, scratch[1])
        if len(outputs):
            keep(y, lo, hi, outputs)
    elif worker == workers - 1:
        gradient = p[4]
        total = own_room(scratch[0], worker, workers)[0]
        column_sums(a, start, step, number(0), len(order), total)
        for j in range(features):
            a[gradient + j] = total[j]
