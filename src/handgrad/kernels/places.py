"""How kernels are told where things lie: tuples of whole numbers, one type for each length.

`at` (four): where the images of a flat array lie: the start, then the steps to the next image, row
and position. `size` (three): rows, positions in a row, channels.

What lies there takes whole registers, tiles or cache lines. `rounded_up` is for the Python code
that makes room for it; compiled functions round up by themselves.
"""

Two = tuple[int, int]
Three = tuple[int, int, int]
Four = tuple[int, int, int, int]
Five = tuple[int, int, int, int, int]


def rounded_up(number: int, unit: int) -> int:
    """The smallest multiple of the unit that is not smaller than the number.

    >>> rounded_up(12, 6), rounded_up(13, 6)
    (12, 18)
    """
    return -(-number // unit) * unit
