"""`handgrad cs231n SCRIPT`: run a script or a notebook of CS231n's assignments 1 and 2."""

from typing import Annotated

import typer

from handgrad.cli.book import Arguments, Figures, KeepGoing, Script, Seed
from handgrad.cli.guard import Asked, usage_errors

Year = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=2015,
        help="Follow that year's course: until 2017 dropout's p is the share dropped, until 2016 "
        "assignment 1 halves its penalty.",
        show_default="the newest",
    ),
]


def cs231n(
    script: Script,
    arguments: Arguments = None,
    figures: Figures = None,
    seed: Seed = 0,
    year: Year = None,
    keep_going: KeepGoing = False,
) -> int:
    """Run a script or notebook of CS231n's assignments 1 and 2.

    `cs231n.layers` and so on are handgrad's own: same names, same results, faults mended; modules
    that it has not come from the `cs231n` folder beside SCRIPT. SCRIPT runs in its own folder.
    Notebooks need no Jupyter: their code cells are run, their magics ignored.

    Try `handgrad cs231n assignment2/FullyConnectedNets.ipynb`.
    """
    from handgrad.compat.cs231n import NAMES, SPARE
    from handgrad.compat.cs231n.conventions import NEWEST_YEAR, in_year
    from handgrad.compat.cs231n.mending import python_of
    from handgrad.compat.cs231n.notebooks import Failures, given_names, readable
    from handgrad.compat.running import checked, run_script

    with usage_errors():
        path = checked(script)
        python_of(path)  # a file that is no notebook is refused here
    failures = Failures(keep_going=keep_going, whole_traceback=Asked.debug)
    with in_year(NEWEST_YEAR if year is None else year), readable(path):
        status = run_script(
            path,
            arguments or [],
            names=NAMES,
            spare=SPARE,
            globals_=given_names(failures),
            figures_folder=figures,
            seed=seed,
            whole_traceback=Asked.debug,
        )
    return status or min(failures.count, 1)
