"""The options that all programs have."""

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

from handgrad.cli.environment import processors
from side_by_side.driver import HOME, SIDES, Terms


@dataclass(frozen=True)
class Options:
    """What the command line said.

    Attributes:
        quick: tiny sizes and one short look at each, in seconds, to see that everything works.
        sides: which sides to run.
        only: which works to do; empty for all.
        out: the folder for the results.
        terms: how to measure.
        held_out: measure on held-out training images (speedrun).
    """

    quick: bool
    sides: list[str]
    only: list[str]
    out: Path
    terms: Terms
    held_out: bool


def read(
    description: str | None,
    sides: list[str],
    names: list[str],
    *,
    rounds: int = 15,
    of_recipes: bool = False,
    alone: bool = False,
) -> Options:
    """Read the command line of a program that can run these sides on works of these names.

    `alone`: there is nobody to compare with, and one thread.
    """
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=description, formatter_class=raw)
    add = parser.add_argument
    add("--quick", action="store_true", help="tiny sizes, seconds: to see that it works")
    add("--only", nargs="+", choices=names, default=[], help="which works to do")
    if not alone:
        add("--sides", nargs="+", choices=sides, default=sides, help="which sides to run")
        add("--threads", type=int, default=min(2, processors()), help="of every side (default 2)")
        add(
            "--torch-python",
            default=os.environ.get("HANDGRAD_TORCH_PYTHON"),
            help="a Python that has PyTorch, if this one has not ($HANDGRAD_TORCH_PYTHON)",
        )
    add(
        "--out",
        type=Path,
        help="folder for the results (default benchmarks/results; for a part "
        "of them, or a quick run, build/benchmarks)",
    )
    if of_recipes:
        add("--held-out", action="store_true", help="measure on held-out training images")
    else:
        add("--rounds", type=int, default=rounds, help=f"turns of each side (default {rounds})")
    parser.set_defaults(**({"sides": sides, "threads": 1, "torch_python": None} if alone else {}))
    given = parser.parse_args()
    held_out = getattr(given, "held_out", False)
    whole = not (given.quick or given.only or held_out) and set(given.sides) == set(sides)
    out = HOME / "results" if whole else HOME.parent / "build" / "benchmarks"  # keep whole ones
    terms = Terms(
        rounds=2 if given.quick else getattr(given, "rounds", rounds),
        seconds=0.02 if given.quick else 0.25,
        threads=given.threads,
        torch_python=given.torch_python,
    )
    if "handgrad" not in given.sides:
        parser.error("--sides must have handgrad, which all others are compared with.")
    return Options(
        quick=given.quick,
        sides=[side for side in SIDES if side in given.sides],
        only=given.only,
        out=given.out or out,
        terms=terms,
        held_out=held_out,
    )
