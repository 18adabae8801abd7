"""im2col and col2im, which are no ops (they have no parameters) but have the ops' properties."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from handgrad.ops import windows
from handgrad.ops.windows import Pair, Placement
from harness import check_close, spread

PLACEMENTS = [
    Placement((2, 3)),
    Placement((3, 2), stride=(2, 3)),
    Placement((2, 2), padding=(1, 2)),
    Placement((2, 3), dilation=(3, 2)),
    Placement((3, 2), stride=(3, 2), padding=(2, 1), dilation=(2, 3)),
    Placement((1, 1), stride=(2, 2)),
    Placement((8, 7)),
]
SHAPE = (3, 2, 8, 7)


def rows_by_definition(x: np.ndarray, placement: Placement) -> np.ndarray:
    """Each output position's window, pixel by pixel, with 0 where the image has none."""
    kernel, stride, padding, dilation = placement
    images, channels, height, width = x.shape
    rows = []
    for n in range(images):
        for top in starts(height, kernel[0], stride[0], padding[0], dilation[0]):
            for left in starts(width, kernel[1], stride[1], padding[1], dilation[1]):
                row = []
                for c, k, l in np.ndindex(channels, *kernel):
                    i, j = top + k * dilation[0], left + l * dilation[1]
                    inside = 0 <= i < height and 0 <= j < width
                    row.append(x[n, c, i, j] if inside else 0.0)
                rows.append(row)
    return np.array(rows)


def starts(size: int, kernel: int, stride: int, padding: int, dilation: int) -> range:
    """Where a window may begin: its last pixel must not lie behind the padding."""
    return range(-padding, size + padding - (kernel - 1) * dilation, stride)


@dataclass
class WindowCase:
    """The properties of im2col and col2im for one placement, in the form that mutants meet."""

    placement: Placement
    functions = ("im2col", "col2im", "output_shape")
    oracle = False

    def checks(self) -> Iterator[Callable[[], None]]:
        yield self.check_definition
        yield self.check_adjoint
        yield self.check_dtypes_and_layouts
        yield self.check_pure

    @property
    def options(self) -> dict[str, Pair]:
        return self.placement._asdict()

    def check_definition(self) -> None:
        x = np.random.default_rng(1).normal(size=SHAPE)
        cols = windows.im2col(x, **self.options)
        assert np.array_equal(cols, rows_by_definition(x, self.placement)), "im2col"
        _, _, height, width = SHAPE
        rows, columns = windows.output_shape((height, width), self.placement)
        assert len(cols) == SHAPE[0] * rows * columns, "output_shape"

    def check_adjoint(self) -> None:
        """⟨cols, im2col(x)⟩ = ⟨col2im(cols), x⟩."""
        rng = np.random.default_rng(2)
        x = rng.normal(size=SHAPE)
        cols = rng.normal(size=windows.im2col(x, **self.options).shape)
        image = windows.col2im(cols, input_shape=SHAPE, **self.options)
        assert image.shape == SHAPE
        left = np.vdot(cols, windows.im2col(x, **self.options))
        check_close(np.vdot(image, x), left, 1e-12, "col2im is not the adjoint of im2col")

    def check_dtypes_and_layouts(self) -> None:
        """The dtype is kept (the book's im2col gives float64), the memory's order is free."""
        x = np.random.default_rng(3).normal(size=SHAPE)
        cols = windows.im2col(x, **self.options)
        image = windows.col2im(cols, input_shape=SHAPE, **self.options)
        assert np.array_equal(windows.im2col(spread(x), **self.options), cols)
        for other in (spread(cols), np.ascontiguousarray(cols)):
            again = windows.col2im(other, input_shape=SHAPE, **self.options)
            assert np.array_equal(again, image)
        for dtype in (np.float32, np.float64, np.complex128, np.uint8):
            cols = windows.im2col(np.ones(SHAPE, dtype), **self.options)
            assert cols.dtype == dtype, f"im2col: {dtype.__name__} gave {cols.dtype}"
            image = windows.col2im(cols, input_shape=SHAPE, **self.options)
            assert image.dtype == dtype, f"col2im: {dtype.__name__} gave {image.dtype}"

    def check_pure(self) -> None:
        """Results are the caller's own; an empty batch is as good as any."""
        x = np.random.default_rng(4).normal(size=SHAPE)
        before = x.copy()
        cols = windows.im2col(x, **self.options)
        image = windows.col2im(cols, input_shape=SHAPE, **self.options)
        assert np.array_equal(x, before)
        assert not np.shares_memory(cols, x)
        assert not np.shares_memory(cols, image)
        cols[...] = 0.0  # may be written to
        image[...] = 0.0
        empty = windows.im2col(x[:0], **self.options)
        assert empty.shape == (0, cols.shape[1])
        shape = (0, *SHAPE[1:])
        assert windows.col2im(empty, input_shape=shape, **self.options).shape == shape


CASES = [WindowCase(placement) for placement in PLACEMENTS]


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(tuple(case.placement)))
def test_windows(case: WindowCase):
    for check in case.checks():
        check()


@pytest.mark.parametrize("size", range(1, 9))
@pytest.mark.parametrize("padding", [0, 1, 3])
def test_output_size_counts_the_places_to_start(size: int, padding: int):
    for kernel, stride, dilation in np.ndindex(4, 4, 3):
        options = (kernel + 1, stride + 1, padding, dilation + 1)
        names = ("kernel", "stride", "padding", "dilation")
        if kernel * (dilation + 1) + 1 <= size + 2 * padding:
            count = windows.output_size(size, **dict(zip(names, options, strict=True)))
            assert count == len(starts(size, *options)), options


def test_a_pixel_comes_back_once_for_each_window_that_sees_it():
    ones = np.ones((1, 1, 4, 5))
    seen = windows.col2im(
        windows.im2col(ones, kernel=(2, 3)), input_shape=ones.shape, kernel=(2, 3)
    )
    assert np.array_equal(seen[0, 0], np.outer([1, 2, 2, 1], [1, 2, 3, 2, 1]))
