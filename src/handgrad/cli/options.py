"""Options and arguments that several commands have, or that are long."""

from pathlib import Path
from typing import Annotated

import typer

Run = Annotated[
    Path,
    typer.Argument(
        metavar="RUN",
        help="A run folder of `handgrad train`, or a .safetensors file.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the answer as JSON, for programs.")]
Threads = Annotated[
    int | None,
    typer.Option(metavar="N", help="How many may work.", show_default="all processor cores"),
]
Deterministic = Annotated[
    bool,
    typer.Option(
        "--deterministic", help="The same bits with any number of threads; a little slower."
    ),
]
