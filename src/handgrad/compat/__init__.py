"""The module and function names of two well-known courses, on top of handgrad.

`handgrad.compat.book` has the names of the book "Deep Learning from Scratch" (Koki Saitoh),
`handgrad.compat.cs231n` those of Stanford's CS231n. `handgrad book SCRIPT` and `handgrad cs231n
SCRIPT` run scripts that import them as the sources do: `from common.layers import Affine`.
"""

from handgrad.compat.running import run_script

__all__ = ["run_script"]
