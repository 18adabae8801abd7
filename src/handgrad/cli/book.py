"""`handgrad book SCRIPT`: run a script of the book's readers."""

from pathlib import Path
from typing import Annotated, Any

import typer

from handgrad.cli.guard import Asked, usage_errors

# Everything after SCRIPT is the script's own, options included.
SCRIPTS: dict[str, Any] = {
    "allow_interspersed_args": False,
    "help_option_names": ["-h", "--help"],
}
Script = Annotated[Path, typer.Argument(help="A Python file.", metavar="SCRIPT")]
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


def book(
    script: Script, arguments: Arguments = None, figures: Figures = None, seed: Seed = 0
) -> int:
    """Run a script of the book "Deep Learning from Scratch".

    `common` and `dataset.mnist` are handgrad's own: same names, same results, faults mended. The
    script runs in its own folder, so it finds its files wherever you are.

    Try `handgrad book ch05/train_neuralnet.py`.
    """
    from handgrad.compat.book import NAMES, chapter_names
    from handgrad.compat.running import checked, run_script

    with usage_errors():
        path = checked(script)
    return run_script(
        path,
        arguments or [],
        names=NAMES,
        spare=chapter_names(path.parent.name),
        figures_folder=figures,
        seed=seed,
        whole_traceback=Asked.debug,
    )
