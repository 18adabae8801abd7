"""Numbers and arrays as short texts, for people."""

from handgrad.checks import Array, shape_text

DIGITS = 6  # that count, where nobody asks for others
MOST_ENTRIES = 4  # of an array that is written out


def number_text(value: float, digits: int = DIGITS) -> str:
    """A number, rounded to so many digits that count; all those before the point, to a million.

    >>> number_text(2.2000000000000002), number_text(220.00000000000003), number_text(-1e-20)
    ('2.2', '220', '-1e-20')
    >>> number_text(123456.0, digits=3), number_text(403.4, digits=2), number_text(2 / 3, digits=3)
    ('123456', '403', '0.667')
    """
    if not abs(value) < 1e6:  # NaN is not either
        return f"{value:.{digits}g}"
    if value == round(value):
        return str(round(value))
    return f"{value:.{max(digits, len(str(int(abs(value)))))}g}"


def array_text(array: Array, digits: int = DIGITS) -> str:
    """A number as it is, a short vector with its entries, anything else by its shape.

    >>> import numpy as np
    >>> [array_text(a) for a in (np.array(2.5), np.array([3.0, 1.0, 6.0]), np.ones((2, 3)))]
    ['2.5', '[3 1 6]', '(2, 3)']
    """
    if array.ndim == 0:
        return number_text(array.item(), digits)
    if array.size and array.size <= MOST_ENTRIES and array.size == array.shape[-1]:
        inner = " ".join(number_text(entry, digits) for entry in array.ravel().tolist())
        return "[" * array.ndim + inner + "]" * array.ndim
    return shape_text(array.shape)
