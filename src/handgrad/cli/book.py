"""`handgrad book SCRIPT`: run a script or a notebook of the book's readers."""

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from handgrad.cli.guard import Asked, usage_errors

# Everything after SCRIPT is the script's own, options included.
SCRIPTS: dict[str, Any] = {
    "allow_interspersed_args": False,
    "help_option_names": ["-h", "--help"],
}
Script = Annotated[
    Path, typer.Argument(metavar="SCRIPT", help="A Python file, or a notebook (.ipynb).")
]
Arguments = Annotated[
    list[str] | None,
    typer.Argument(metavar="ARG", help="The script's own arguments.", show_default=False),
]
Figures = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Save figures there, and open no windows. Without a display they are saved anyway.",
        show_default="figures, beside SCRIPT",
    ),
]
Seed = Annotated[
    int, typer.Option(metavar="N", min=0, max=2**32 - 1, help="What np.random begins with.")
]
Here = Annotated[
    bool,
    typer.Option("--here", help="Run in this folder, as some editors do, not in SCRIPT's own."),
]
KeepGoing = Annotated[
    bool,
    typer.Option("--keep-going", help="After an error, go on with the notebook's next cell."),
]


def book(
    script: Script,
    arguments: Arguments = None,
    figures: Figures = None,
    seed: Seed = 0,
    here: Here = False,
    keep_going: KeepGoing = False,
) -> int:
    """Run a script or notebook of the book "Deep Learning from Scratch".

    `common` and `dataset.mnist` are handgrad's own: same names, same results, faults mended. The
    script runs in its own folder, so it finds its files wherever you are. Notebooks need no
    Jupyter.

    Try `handgrad book ch05/train_neuralnet.py`.
    """
    from handgrad.compat.book import NAMES, chapter_names
    from handgrad.compat.cs231n.mending import python_of
    from handgrad.compat.cs231n.notebooks import Failures, given_names, readable
    from handgrad.compat.running import checked, run_script

    with usage_errors():
        path = checked(script)
        notebook = path.suffix == ".ipynb"
        if notebook:
            python_of(path)  # a file that is no notebook is refused here
    failures = Failures(keep_going=keep_going, whole_traceback=Asked.debug)
    with readable(path) if notebook else nullcontext():
        status = run_script(
            path,
            arguments or [],
            names=NAMES,
            spare=chapter_names(path),
            globals_=given_names(failures),
            figures_folder=figures,
            seed=seed,
            here=here,
            whole_traceback=Asked.debug,
        )
    return status or min(failures.count, 1)
