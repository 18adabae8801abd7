"""CS231n's assignments 1 and 2: their modules, functions and classes under their own names.

`from cs231n.layers import affine_forward` becomes `from handgrad.compat.cs231n.layers import
affine_forward`, and `handgrad cs231n SCRIPT` makes that change unnecessary. The mathematics is that
of `handgrad.ops`; here are only the course's signatures, its order of random draws (from NumPy's
global generator, so that `np.random.seed` gives the notebooks' numbers), and its conventions, which
changed over the years: see `conventions`.
"""

from typing import Final

from handgrad.compat.cs231n.conventions import set_year

__all__ = ["NAMES", "SPARE", "set_year"]

NAMES: Final = {"cs231n": "handgrad.compat.cs231n"}
SPARE: Final = {  # for Python 2 or Colab; only where the reader has none
    name: f"handgrad.compat.cs231n.shims.{name}" for name in ("future", "google", "past")
}
