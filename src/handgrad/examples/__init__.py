"""The documents' systems as short programs: each prints what it finds and draws its figure.

`handgrad examples` lists them, `handgrad examples run NAME` runs one. Each is a module of this
package, found by its presence: a `SECTION` that says which document it belongs to, a docstring with
the mathematics and what to look at, and a function `run(stage)`.
"""

from handgrad.examples.registry import Example, all_examples, find, run_example
from handgrad.examples.stage import Measure, SayEpochs, Stage

__all__ = ["Example", "Measure", "SayEpochs", "Stage", "all_examples", "find", "run_example"]
