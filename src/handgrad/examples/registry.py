"""Which examples there are: the modules of this package, in the order of the documents."""

import pkgutil
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from inspect import cleandoc
from pathlib import Path

from handgrad.backend import use
from handgrad.checks import FileAccessError, InvalidValueError, UnknownNameError, check_count
from handgrad.examples.stage import Stage

PACKAGE = "handgrad.examples"
INSIDES = {"drawing", "registry", "stage"}  # no examples, as modules whose name begins with _

# The documents' sections in the order in which one learns.
SECTIONS = {
    "003, chapter 2": "Perceptrons",
    "003, chapter 3": "Neural networks",
    "003, chapter 4": "Learning",
    "002": "Back-propagation, step by step",
    "003, chapter 5": "Back-propagation",
    "001": "Logistic regression by hand",
    "004": "From a small network to MNIST",
    "000": "A two-layer network on CIFAR-10",
    "003, chapter 6": "Techniques of learning",
    "003, chapter 7": "Convolutional networks",
    "003, chapter 8": "Deep learning",
}


@dataclass(frozen=True)
class Example:
    """One example.

    Attributes:
        name: its module's, by which it is run.
        title: what it shows, in one line.
        text: its whole docstring: the mathematics, and what to look at.
        section: which document it belongs to, a key of SECTIONS.
        place: where in its section, 1 first; the module's PLACE.
        run: the program.
    """

    name: str
    title: str
    text: str
    section: str
    place: int
    run: Callable[[Stage], None]


def all_examples() -> list[Example]:
    """Every example, in the order of the documents' sections; within one, by their places."""
    order = list(SECTIONS)

    def place(each: Example) -> tuple[int, int, str]:
        return order.index(each.section), each.place, each.name

    return sorted(map(load, names()), key=place)


def names() -> list[str]:
    """The examples' names."""
    found = [info.name for info in pkgutil.iter_modules(import_module(PACKAGE).__path__)]
    return [name for name in found if name not in INSIDES and name[0] != "_"]


def load(name: str) -> Example:
    """The example in the module of that name."""
    module = import_module(f"{PACKAGE}.{name}")
    text = cleandoc(module.__doc__ or "")
    title = text.partition("\n")[0].removesuffix(".")
    section = getattr(module, "SECTION", None)
    if section not in SECTIONS:
        raise InvalidValueError(
            f"examples.{name}: SECTION must be one of {'; '.join(SECTIONS)}, but is {section!r}."
        )
    return Example(name, title, text, section, getattr(module, "PLACE", 99), module.run)


def find(name: str) -> Example:
    """The example of that name.

    Raises:
        UnknownNameError: there is none; the message suggests similar names.
    """
    if name not in names():
        near = get_close_matches(name.lower().replace("-", "_"), names(), n=3)
        cure = f"Did you mean {' or '.join(near)}?" if near else "`handgrad examples` lists them."
        raise UnknownNameError(f"examples: there is no example {name!r}. {cure}")
    return load(name)


def run_example(
    name: str,
    folder: str | Path,
    *,
    quick: bool = False,
    seed: int = 0,
    say: Callable[[str], None] = print,
) -> Stage:
    """Run an example, and return the stage on which it appeared.

    Args:
        name: which one.
        folder: where its figures go; it is made if it is missing.
        quick: whether to run the form of a few seconds. It uses the reference implementation: it
            is over before compiling would have paid.
        seed: every random number follows from it.
        say: what each line of text is handed to.

    Raises:
        UnknownNameError: there is no such example.
        InvalidValueError, DtypeError: the seed is no whole number of at least 0.
        FileAccessError: the folder cannot be made or written.
    """
    example = find(name)
    check_count(seed, who="examples", which="seed", low=0)
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileAccessError(f"cannot make the folder {folder}: {error.strerror}.") from error
    stage = Stage(name, folder, quick, seed, say)
    with use("reference") if quick else nullcontext():
        example.run(stage)
    return stage
