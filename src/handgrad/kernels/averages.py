"""Means of windows, and their way back, on images that lie channels last, compiled.

A register holds neighbouring channels of one position, so a window's sum is one register to which
the window's positions are added, and no number ever crosses a register. Each row of a window is
summed by itself, and the rows are added up: these sums do not wait for each other, and in a window
that is a whole image (global pooling is that) fewer roundings follow one another than in a sum
from the first pixel to the last. As in `images.py`, every function takes the images lo … hi − 1
of a batch, `x_at` leads from window to window (start, steps to the next image, row and position),
`steps` from row to row and position to position inside, `size` is (rows, columns, channels) of
what comes out, and `share` holds, in a whole register, what each number counts in the mean.
"""

from handgrad.checks import Array

# It teaches Numba + and × between tiles, which are used below.
from handgrad.kernels import tile_operators  # noqa: F401  # pyright: ignore[reportUnusedImport]
from handgrad.kernels.jit import compiled
from handgrad.kernels.places import Four, Three, Two
from handgrad.kernels.remainders import tile_load_some, tile_store_some
from handgrad.kernels.tiles import tile_add, tile_lanes, tile_load, tile_store, tile_zeros


@compiled
def average_pool(
    lo: int,
    hi: int,
    x: Array,
    x_at: Four,
    kernel: Two,
    steps: Two,
    size: Three,
    share: Array,
    y: Array,
    y_at: Four,
) -> None:
    """Write y = share times the sum of each window; any number of channels."""
    height, width, channels = size
    for n in range(lo, hi):
        for i in range(height):
            for c in range(0, channels, tile_lanes(x)):
                some = min(channels - c, tile_lanes(x))
                start = x_at[0] + n * x_at[1] + i * x_at[2] + c
                place = y_at[0] + n * y_at[1] + i * y_at[2] + c
                for j in range(width):
                    at = start + j * x_at[3]
                    total = tile_zeros(1, 1, 1, x)
                    for _ in range(kernel[0]):
                        row = tile_load_some(x, at, some)
                        for r in range(1, kernel[1]):
                            row = row + tile_load_some(x, at + r * steps[1], some)
                        total = total + row
                        at += steps[0]
                    mean = total * tile_load(1, 1, 1, share, 0, 0, 0)
                    tile_store_some(mean, y, place + j * y_at[3], some)


@compiled
def average_pool_dx(
    lo: int,
    hi: int,
    dy: Array,
    dy_at: Four,
    kernel: Two,
    steps: Two,
    size: Three,
    share: Array,
    dx: Array,
    dx_at: Four,
    overlapping: bool,  # noqa: FBT001  (kernels take no keywords)
) -> None:
    """Write share · dy to all positions of each window; whole registers of channels.

    Overlapping windows add to what dx holds, which must be zero at first. Positions in no window
    are left as they are.
    """
    height, width, channels = size
    for n in range(lo, hi):
        for i in range(height):
            for c in range(0, channels, tile_lanes(dy)):
                start = dx_at[0] + n * dx_at[1] + i * dx_at[2] + c
                place = dy_at[0] + n * dy_at[1] + i * dy_at[2] + c
                for j in range(width):
                    d = tile_load(1, 1, 1, dy, place + j * dy_at[3], 0, 0)
                    d = d * tile_load(1, 1, 1, share, 0, 0, 0)
                    for k in range(kernel[0]):
                        to = start + j * dx_at[3] + k * steps[0]
                        for r in range(kernel[1]):
                            part = tile_add(d, dx, to + r * steps[1]) if overlapping else d
                            tile_store(part, dx, to + r * steps[1], 0, 0)
