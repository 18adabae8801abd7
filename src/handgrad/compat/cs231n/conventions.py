"""What changed between the years of the course, and which year is meant.

The newest conventions hold unless a year is chosen, by `set_year` or `handgrad cs231n --year`:

- until 2017, `dropout_param["p"]` and `FullyConnectedNet(dropout=…)` are the share that is dropped;
  since 2018, the share that is kept;
- until 2016, the penalty of assignment 1 (`LinearSVM`, `Softmax`, `neural_net.TwoLayerNet`) is
  ½ reg Σ W²; since 2017, reg Σ W². That of the networks in `fc_net` and `cnn` has always been
  ½ reg Σ W².
"""

from collections.abc import Generator
from contextlib import contextmanager

from handgrad.checks import check_count

FIRST_YEAR, NEWEST_YEAR = 2015, 2026
KEEPING_SINCE = 2018  # p is the probability of keeping an entry
WHOLE_PENALTY_SINCE = 2017  # assignment 1 no longer halves it


class Chosen:
    """The one setting."""

    year = NEWEST_YEAR


def set_year(year: int) -> None:
    """Follow the conventions of that year's course from now on.

    Raises:
        InvalidValueError: before 2015, when the course began.
    """
    check_count(year, who="cs231n", which="year", low=FIRST_YEAR)
    Chosen.year = year


@contextmanager
def in_year(year: int) -> Generator[None]:
    """Follow the conventions of that year's course in this block."""
    before = Chosen.year
    set_year(year)
    try:
        yield
    finally:
        Chosen.year = before


def keep_probability(p: float) -> float:
    """The probability of keeping an entry that `p` stands for (or the p for a probability)."""
    return p if Chosen.year >= KEEPING_SINCE else 1 - p


def penalty_factor() -> float:
    """What `reg` Σ W² is multiplied by in assignment 1."""
    return 1.0 if Chosen.year >= WHOLE_PENALTY_SINCE else 0.5
