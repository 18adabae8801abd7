import mmap

import numpy as np
import pytest

from handgrad.plans.buffers import HUGE, Border, Buffer

WIDE: Border = ((9, 3), (40, 5))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("border", [((0, 0), (0, 0)), WIDE])
@pytest.mark.parametrize(("count", "shape"), [(7, (20, 5, 6)), (1, (3, 2, 2)), (2, (70, 1, 1))])
def test_pages_of_borders_that_nobody_writes_to(
    count: int, shape: tuple[int, int, int], border: Border, dtype: str
) -> None:
    buffer = Buffer(count, shape, dtype, border=border)
    buffer.view[...] = 1
    content = buffer.flat.view(np.uint8)
    first = -buffer.flat.ctypes.data % mmap.PAGESIZE
    starts = range(first, len(content) - mmap.PAGESIZE + 1, mmap.PAGESIZE)
    empty = sum(not content[start : start + mmap.PAGESIZE].any() for start in starts)
    assert buffer.never_written() == empty * mmap.PAGESIZE
    assert empty or border != WIDE


def test_of_large_buffers_every_page_is_written() -> None:
    size = HUGE // 4 // 64
    small, large = (
        Buffer(1, (16, 1, 1), np.float32, border=((0, 0), (rows, 3))) for rows in (size - 2, size)
    )
    assert small.never_written() > 0.9 * HUGE
    assert large.never_written() == 0
