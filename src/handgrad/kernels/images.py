"""What plans do with images besides sums over windows and batch norm: compiled, channels last.

ReLU and its mask, rescaling, max-pooling and its gradient, where no sum or norm beside them could
take them in; sums over positions (the gradients of biases); and the way between images and the
features of affine layers, which lie channels first, as in the public layout.

Each is one pass over memory: images outside, then rows, then positions. The channels of a position
lie side by side, so every loop's innermost part runs over channels, on slices of the flat arrays,
and becomes vector instructions. Flattening exchanges positions and channels: it transposes squares
of whole registers, which dense layers use for their weights as well (`transpose`).

As in `windows.py`, `x_at` says where x lies (start, steps to the next image, row and position),
`size` is (rows, positions, channels), and every function takes the images lo … hi − 1 of a batch.
"""

from handgrad.checks import Array
from handgrad.kernels.jit import compiled
from handgrad.kernels.places import Four, Three, Two
from handgrad.kernels.shuffles import tile_square, tile_transpose
from handgrad.kernels.tiles import tile_add, tile_lanes, tile_load, tile_store


@compiled
def channel_sums(lo: int, hi: int, x: Array, x_at: Four, size: Three, total: Array) -> None:
    """total[c] += Σ x over images and positions; whole registers of channels."""
    height, width, channels = size
    for c in range(0, channels, tile_lanes(x)):
        tile = tile_load(1, 1, 1, total, c, 0, 0)
        for n in range(lo, hi):
            for i in range(height):
                at = x_at[0] + n * x_at[1] + i * x_at[2] + c
                for j in range(width):
                    tile = tile_add(tile, x, at + j * x_at[3])
        tile_store(tile, total, c, 0, 0)


@compiled
def scale_and_shift(
    lo: int,
    hi: int,
    x: Array,
    x_at: Four,
    size: Three,
    scale: Array,
    shift: Array,
    y: Array,
    y_at: Four,
) -> None:
    """Write y = x · scale[c] + shift[c]."""
    height, width, channels = size
    for n in range(lo, hi):
        for i in range(height):
            for j in range(width):
                start = x_at[0] + n * x_at[1] + i * x_at[2] + j * x_at[3]
                place = y_at[0] + n * y_at[1] + i * y_at[2] + j * y_at[3]
                values, out = x[start : start + channels], y[place : place + channels]
                for c in range(channels):
                    out[c] = values[c] * scale[c] + shift[c]


@compiled
def relu_image(lo: int, hi: int, x: Array, x_at: Four, size: Three, y: Array, y_at: Four) -> None:
    """Write y = max(x, 0); NaN stays NaN."""
    height, width, channels = size
    for n in range(lo, hi):
        for i in range(height):
            for j in range(width):
                start = x_at[0] + n * x_at[1] + i * x_at[2] + j * x_at[3]
                place = y_at[0] + n * y_at[1] + i * y_at[2] + j * y_at[3]
                values, out = x[start : start + channels], y[place : place + channels]
                for c in range(channels):
                    out[c] = 0 if values[c] < 0 else values[c]  # max would lose a NaN


@compiled
def keep_positive(
    lo: int,
    hi: int,
    dy: Array,
    dy_at: Four,
    y: Array,
    y_at: Four,
    size: Three,
    dx: Array,
    dx_at: Four,
) -> None:
    """Write dx = dy where y > 0, else 0; dx may be dy itself."""
    height, width, channels = size
    for n in range(lo, hi):
        for i in range(height):
            for j in range(width):
                start = dy_at[0] + n * dy_at[1] + i * dy_at[2] + j * dy_at[3]
                place = y_at[0] + n * y_at[1] + i * y_at[2] + j * y_at[3]
                to = dx_at[0] + n * dx_at[1] + i * dx_at[2] + j * dx_at[3]
                d, values = dy[start : start + channels], y[place : place + channels]
                out = dx[to : to + channels]
                for c in range(channels):
                    out[c] = d[c] * (values[c] > 0)


@compiled
def max_pool(
    lo: int,
    hi: int,
    x: Array,
    x_at: Four,
    kernel: Two,
    steps: Two,
    size: Three,
    y: Array,
    y_at: Four,
    winner: Array,
) -> None:
    """Write y = the largest x of each window, `winner` its number in it (the first of equals).

    `x_at` leads from window to window, `steps` from row to row and position to position inside.
    """
    height, width, channels = size
    for n in range(lo, hi):
        for i in range(height):
            for j in range(width):
                start = x_at[0] + n * x_at[1] + i * x_at[2] + j * x_at[3]
                place = y_at[0] + n * y_at[1] + i * y_at[2] + j * y_at[3]
                code = ((n * height + i) * width + j) * channels
                best, who = y[place : place + channels], winner[code : code + channels]
                first = x[start : start + channels]
                for c in range(channels):
                    best[c], who[c] = first[c], 0
                for k in range(1, kernel[0] * kernel[1]):
                    at = start + k // kernel[1] * steps[0] + k % kernel[1] * steps[1]
                    values = x[at : at + channels]
                    number = winner.dtype.type(k)
                    for c in range(channels):  # without branches it becomes vector instructions
                        larger = (values[c] > best[c]) | (values[c] != values[c])  # NaN stays
                        best[c] = values[c] if larger else best[c]
                        who[c] = number if larger else who[c]


@compiled
def max_pool_dx(
    lo: int,
    hi: int,
    dy: Array,
    dy_at: Four,
    kernel: Two,
    steps: Two,
    size: Three,
    winner: Array,
    dx: Array,
    dx_at: Four,
    overlapping: bool,  # noqa: FBT001  (kernels take no keywords)
) -> None:
    """Give each window's dy to its winner.

    Windows that do not overlap write all their positions; overlapping ones add to what dx holds,
    which must be zero at first. Positions in no window are left as they are.
    """
    height, width, channels = size
    for n in range(lo, hi):
        for i in range(height):
            for j in range(width):
                start = dy_at[0] + n * dy_at[1] + i * dy_at[2] + j * dy_at[3]
                to = dx_at[0] + n * dx_at[1] + i * dx_at[2] + j * dx_at[3]
                code = ((n * height + i) * width + j) * channels
                d, who = dy[start : start + channels], winner[code : code + channels]
                for k in range(kernel[0] * kernel[1]):
                    at = to + k // kernel[1] * steps[0] + k % kernel[1] * steps[1]
                    out = dx[at : at + channels]
                    if overlapping:
                        for c in range(channels):
                            out[c] += d[c] * (who[c] == k)
                    else:
                        for c in range(channels):
                            out[c] = d[c] * (who[c] == k)


@compiled
def transpose(rows: Two, columns: Two, x: Array, x_at: Two, y: Array, y_at: Two) -> None:
    """y[c, r] = x[r, c] for rows and columns `first` … `last` − 1; `at` is (start, step of a row).

    Squares of whole registers; where less is left, the last ones are moved back until they fit.
    """
    lanes = tile_lanes(x)
    if min(rows[1] - rows[0], columns[1] - columns[0]) < lanes:
        for c in range(columns[0], columns[1]):
            for r in range(rows[0], rows[1]):
                y[y_at[0] + c * y_at[1] + r] = x[x_at[0] + r * x_at[1] + c]
        return
    for i in range(rows[0], rows[1], lanes):
        r = min(i, rows[1] - lanes)
        for j in range(columns[0], columns[1], lanes):
            c = min(j, columns[1] - lanes)
            square = tile_square(x, x_at[0] + r * x_at[1] + c, x_at[1])
            tile_store(tile_transpose(square), y, y_at[0] + c * y_at[1] + r, 0, y_at[1])


@compiled
def flatten(lo: int, hi: int, x: Array, x_at: Four, size: Three, y: Array, y_at: Four) -> None:
    """Write images as features in the public order, (channel, row, position)."""
    height, width, channels = size
    if x_at[2] == width * x_at[3]:  # without a border, an image's rows are one long row
        height, width = 1, height * width
    for n in range(lo, hi):
        for i in range(height):
            features = (y_at[0] + n * y_at[1] + i * width, size[0] * size[1])
            image = (x_at[0] + n * x_at[1] + i * x_at[2], x_at[3])
            transpose((0, width), (0, channels), x, image, y, features)


@compiled
def unflatten(lo: int, hi: int, y: Array, y_at: Four, size: Three, x: Array, x_at: Four) -> None:
    """The way back of `flatten`."""
    height, width, channels = size
    if x_at[2] == width * x_at[3]:
        height, width = 1, height * width
    for n in range(lo, hi):
        for i in range(height):
            features = (y_at[0] + n * y_at[1] + i * width, size[0] * size[1])
            image = (x_at[0] + n * x_at[1] + i * x_at[2], x_at[3])
            transpose((0, channels), (0, width), y, features, x, image)


@compiled
def same(one: Array, other: Array) -> bool:
    """Whether two flat arrays hold the same numbers; NaN is like nothing."""
    alike = True
    for i in range(len(one)):
        alike &= one[i] == other[i]
    return alike
