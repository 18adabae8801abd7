"""The one type that every op speaks: a NumPy array of any dtype."""

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
