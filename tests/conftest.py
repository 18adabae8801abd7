"""What holds for every test: NumPy's floating-point errors are errors (underflow aside)."""

from collections.abc import Iterator

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def strict_numpy() -> Iterator[None]:
    with np.errstate(divide="raise", invalid="raise", over="raise", under="ignore"):
        yield
