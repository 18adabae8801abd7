"""What holds for every test: NumPy's floating-point errors are errors (underflow aside)."""

from collections.abc import Iterator

import numpy as np
import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--all-mutants", action="store_true", help="run every mutant, not a sample of 150"
    )


@pytest.fixture(autouse=True)
def strict_numpy() -> Iterator[None]:
    with np.errstate(divide="raise", invalid="raise", over="raise", under="ignore"):
        yield
