"""Winograd's transforms of weights and of their gradients, compiled: 9 numbers to 36, 36 to 9.

Both are done once per step, for every pair of a channel and a filter. The idea is to have filters
side by side: the public weights, (F, 9 C), transposed in registers, are *windows*, (9 C, F): row
9 c + k holds number k of channel c's window for all filters. Then a register holds one number of
many filters, a tile of 3 × 3 or 6 × 6 registers is a window of each, and the transform is a few
dozen additions. Weights for the way back (inputs and outputs change places, windows are turned) are
transformed like the others, and their 36 planes are transposed one by one.

Every worker does all of it for itself. Shared, each would do a part, and what one core wrote would
travel to the others, which takes longer than the work.
"""

from handgrad.checks import Array
from handgrad.kernels.images import transpose
from handgrad.kernels.jit import compiled
from handgrad.kernels.patches import tile_winograd_sums, tile_winograd_weight
from handgrad.kernels.places import Two
from handgrad.kernels.tiles import tile_lanes, tile_load, tile_store


@compiled
def windows_in(weight: Array, size: Two, step: int, windows: Array) -> None:
    """Write the public weights of `size` (C, F) as windows, with rows of `step` numbers."""
    channels, filters = size
    transpose((0, filters), (0, 9 * channels), weight, (0, 9 * channels), windows, (0, step))


@compiled
def weights_in(windows: Array, channels: int, padded: Two, out: Array) -> None:
    """Write G g Gᵀ of all windows: out[p, c, f], of which c and f have the sizes `padded`."""
    step, plane = padded[1], padded[0] * padded[1]
    for c in range(channels):
        for f in range(0, step, tile_lanes(out)):
            tile = tile_load(3, 3, 1, windows, 9 * c * step + f, 3 * step, step)
            tile_store(tile_winograd_weight(tile), out, c * step + f, 6 * plane, plane)


@compiled
def turned_in(windows: Array, size: Two, padded: Two, room: Array, out: Array) -> None:
    """Write G g Gᵀ of all windows turned around: out[p, f, c]. `room` is as large as out."""
    channels, filters = size
    step, plane = padded[1], padded[0] * padded[1]
    for c in range(channels):
        for f in range(0, step, tile_lanes(out)):
            tile = tile_load(3, 3, 1, windows, (9 * c + 8) * step + f, -3 * step, -step)
            tile_store(tile_winograd_weight(tile), room, c * step + f, 6 * plane, plane)
    for p in range(36):
        at = p * plane
        transpose((0, channels), (0, filters), room, (at, step), out, (at, padded[0]))


@compiled
def windows_of_gradient(total: Array, channels: int, padded: Two, windows: Array) -> None:
    """Write the last transform of a worker's sums total[p, c, f], as windows."""
    step, plane = padded[1], padded[0] * padded[1]
    for c in range(channels):
        for f in range(0, step, tile_lanes(total)):
            tile = tile_winograd_sums(tile_load(6, 6, 1, total, c * step + f, 6 * plane, plane))
            tile_store(tile, windows, 9 * c * step + f, 3 * step, step)


@compiled
def gradient_out(lo: int, hi: int, windows: Array, size: Two, step: int, out: Array) -> None:
    """Add up the workers' windows (in the first's place) and write them as public weights.

    For the channels lo … hi − 1 of `size` (C, F).
    """
    channels, filters = size
    for worker in range(1, len(windows)):
        for i in range(9 * lo * step, 9 * hi * step):
            windows[0, i] += windows[worker, i]
    transpose((9 * lo, 9 * hi), (0, filters), windows[0], (0, step), out, (0, 9 * channels))
