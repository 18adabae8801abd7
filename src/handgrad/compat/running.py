"""Run a reader's script as he would run it in its own folder, with the sources' names importable.

The script runs as `__main__` with its own arguments, in its own folder: its relative paths mean
what they mean when it is started there, wherever `handgrad` was started. Errors end in a traceback
of the reader's lines alone. At the end, and after an error, the process is as it was before.
"""

import contextlib
import inspect
import os
import random
import runpy
import sys
import sysconfig
import traceback
import warnings
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from handgrad.checks import FileAccessError, HandgradError
from handgrad.compat import figures
from handgrad.compat.importing import Renamed
from handgrad.compat.old_numpy import old_names

LIBRARIES = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
NOT_READERS = {Path(folder).resolve() for folder in (Path(__file__).parents[1], *LIBRARIES)}
INSTALLED = {"site-packages", "dist-packages"}


def run_script(
    script: str | os.PathLike[str],
    arguments: Sequence[str] = (),
    *,
    names: Mapping[str, str],
    spare: Mapping[str, str] | None = None,
    globals_: dict[str, Any] | None = None,
    figures_folder: str | os.PathLike[str] | None = None,
    seed: int | None = None,
    here: bool = False,
    whole_traceback: bool = False,
) -> int:
    """Run a Python script with other modules' names importable; its exit status.

    Args:
        script: a Python file.
        arguments: its sys.argv[1:].
        names: top-level names and the modules that answer for them, before any of the reader's:
            {"common": "handgrad.compat.book.common"}. Modules that the reader's folder of this
            name has in addition are found too.
        spare: the same, found only where the reader has no module of that name.
        globals_: names that the script finds defined (a notebook's get_ipython, say).
        figures_folder: where `plt.show()` writes figures; None opens windows where there is a
            display, and otherwise writes into `figures` beside the script.
        seed: what np.random and random begin with, so that each run gives the same; None leaves
            them as they are. A script that sets its own seed is not disturbed.
        here: whether it runs in the current folder, as editors run scripts, not in its own.
        whole_traceback: whether an error shows the libraries' lines too.

    Returns:
        0, what the script gave to sys.exit, or 1 after an error, whose traceback is on stderr.

    Raises:
        FileAccessError: there is no such script.
    """
    path = checked(Path(script))
    folder = None if figures_folder is None else Path(figures_folder).absolute()
    with (
        at_home(path, arguments, Path.cwd() if here else path.parent),
        modules(names, spare or {}),
        pictures(path, folder),
        warnings_for_readers(),
        seeded(seed),
        np.errstate(),
        np.printoptions(),
        old_names(tell, is_reader=is_reader),
    ):
        return status_of(path, globals_, whole_traceback)


def checked(path: Path) -> Path:
    """The script's full path, if it can be run."""
    if path.is_dir():
        scripts = ", ".join(sorted(each.name for each in path.glob("*.py"))[:5])
        cure = f"Name one of its scripts: {scripts}." if scripts else "Name a Python file."
        raise FileAccessError(f"cannot run {path}: it is a folder. {cure}")
    if not path.is_file():
        raise FileAccessError(f"cannot run {path}: there is no such file.")
    return path.absolute()


def status_of(path: Path, globals_: dict[str, Any] | None, whole: bool) -> int:
    """Run the script; its exit status, as Python would give it."""
    try:
        runpy.run_path(str(path), globals_, "__main__")
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            return ended.code or 0
        tell_plainly(str(ended.code))
        return 1
    except (BrokenPipeError, KeyboardInterrupt):
        raise  # the command line knows what to do
    except BaseException as error:  # noqa: BLE001  (whatever a script may raise)
        tell_error(error, whole=whole)
        return 1
    finally:
        figures.finish()
    return 0


def tell_error(error: BaseException, *, whole: bool) -> None:
    """Print an error's traceback: the whole, or the reader's lines."""
    text = "".join(traceback.format_exception(error)) if whole else readers_traceback(error)
    tell_plainly(text.rstrip())


def readers_traceback(error: BaseException) -> str:
    """The traceback without frames of libraries; those are named only if the error is from there.

    An error that handgrad raised on purpose explains itself, and so does one of syntax.
    """
    report = traceback.TracebackException.from_exception(error)
    last = report.stack[-1] if report.stack else None
    for each in chain_of(report):
        each.stack = traceback.StackSummary.from_list(
            [frame for frame in each.stack if is_reader(frame.filename)]
        )
    text = "".join(report.format()).rstrip()
    own = isinstance(error, HandgradError | SyntaxError)  # it tells where the fault is
    if last is None or is_reader(last.filename) or own:
        return text
    if last.filename.startswith("<"):  # the import system and its like
        return text
    return f"{text}\n  (raised in {last.filename}, line {last.lineno})"


def chain_of(report: traceback.TracebackException) -> Generator[traceback.TracebackException]:
    """An error's report, and those of the errors that led to it."""
    waiting = [report]
    while waiting:
        each = waiting.pop()
        yield each
        waiting += [cause for cause in (each.__cause__, each.__context__) if cause is not None]
        waiting += each.exceptions or []


def is_reader(filename: str) -> bool:
    """Whether a file is the reader's: neither Python's, nor a library's, nor ours."""
    if filename.startswith("<"):
        return False
    path = Path(filename).resolve()
    if not INSTALLED.isdisjoint(path.parts):
        return False
    return not any(path.is_relative_to(folder) for folder in NOT_READERS)


@contextlib.contextmanager
def at_home(path: Path, arguments: Sequence[str], folder: Path) -> Generator[None]:
    """The arguments and the search path that the script would have if started in `folder`."""
    before, argv, search = Path.cwd(), sys.argv, sys.path
    sys.argv = [str(path), *arguments]
    sys.path = [str(path.parent), *search]
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
        sys.argv, sys.path = argv, search


@contextlib.contextmanager
def modules(names: Mapping[str, str], spare: Mapping[str, str]) -> Generator[None]:
    """Find modules under the sources' names, and forget them and the reader's own afterwards."""
    before, finders = dict(sys.modules), list(sys.meta_path)
    known = {name: sys.modules.pop(name) for name in before if name.split(".")[0] in names}
    sys.meta_path[:] = [Renamed(names), *finders, Renamed(spare)]
    try:
        yield
    finally:
        sys.meta_path[:] = finders
        for name in set(sys.modules) - set(before):
            file = getattr(sys.modules[name], "__file__", None)
            first = name.split(".")[0]
            if first in names or first in spare or (file is not None and is_reader(file)):
                del sys.modules[name]
        sys.modules.update(known)


@contextlib.contextmanager
def pictures(path: Path, folder: Path | None) -> Generator[None]:
    """Let `plt.show()` write files, where no window can be opened or a folder is named."""
    if folder is None and figures.has_windows():
        yield
        return
    backend = os.environ.get("MPLBACKEND")
    matplotlib: Any = sys.modules.get("matplotlib")  # it reads the environment only once
    used = None if matplotlib is None else matplotlib.get_backend()
    figures.album = figures.Album(folder or path.parent / "figures", path.stem, tell)
    figures.take_images()
    os.environ["MPLBACKEND"] = figures.BACKEND
    if matplotlib is not None:
        matplotlib.use(figures.BACKEND)
    try:
        yield
    finally:
        figures.album = None
        if matplotlib is not None and used is not None:
            matplotlib.use(used)
        if backend is None:
            del os.environ["MPLBACKEND"]
        else:
            os.environ["MPLBACKEND"] = backend


@contextlib.contextmanager
def warnings_for_readers() -> Generator[None]:
    """Say nothing about how old a pickled array is; show warnings at the reader's own lines."""
    old = np.exceptions.VisibleDeprecationWarning
    told: set[str] = set()

    def show(message: Warning | str, category: type[Warning], *place: Any, **_: Any) -> None:
        frame = inspect.currentframe()
        while frame is not None and not is_reader(frame.f_code.co_filename):
            frame = frame.f_back
        file, line = place[:2] if frame is None else (frame.f_code.co_filename, frame.f_lineno)
        text = f"{file}:{line}: {category.__name__}: {message}"
        if text not in told:
            told.add(text)
            tell_plainly(text)

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "numpy.core", DeprecationWarning)
        warnings.filterwarnings("ignore", "dtype\\(\\): align", old)
        warnings.showwarning = show
        yield


@contextlib.contextmanager
def seeded(seed: int | None) -> Generator[None]:
    """Let the generators without a name begin at `seed`; go on where they were afterwards."""
    if seed is None:
        yield
        return
    before = np.random.get_state(), random.getstate()
    np.random.seed(seed)
    random.seed(seed)
    try:
        yield
    finally:
        np.random.set_state(before[0])
        random.setstate(before[1])


def tell(text: str) -> None:
    """One line for the reader, beside what the script prints."""
    tell_plainly(f"handgrad: {text}")


def tell_plainly(text: str) -> None:
    """Write to stderr, after what the script has printed so far."""
    sys.stdout.flush()
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
