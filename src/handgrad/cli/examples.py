"""`handgrad examples`: list the documents' examples, and run one."""

from pathlib import Path
from typing import Annotated

import typer

from handgrad.cli.guard import usage_errors
from handgrad.cli.text import say, width

NARROW = 60  # columns below which a name and its title do not fit beside each other

examples = typer.Typer(
    no_args_is_help=False,
    invoke_without_command=True,
    rich_markup_mode="markdown",
    help="List the examples: the documents' systems as short programs with figures.",
)


@examples.callback()
def list_examples(context: typer.Context) -> None:
    """List them with one line each, where none is named."""
    if context.invoked_subcommand is not None:
        return
    from handgrad.examples import all_examples
    from handgrad.examples.registry import SECTIONS

    section = ""
    found = all_examples()
    longest = max(len(example.name) for example in found)
    for example in found:
        if example.section != section:
            say(f"{'' if not section else chr(10)}{SECTIONS[example.section]}", "bold")
            section = example.section
        if width() < NARROW:
            say(f"  {example.name}\n    {example.title}")
        else:
            say(f"  {example.name:<{longest}}  {example.title}")
    say("\nRun one: handgrad examples run NAME --quick")


@examples.command("run")
def run(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="One that `handgrad examples` lists.")
    ],
    quick: Annotated[
        bool,
        typer.Option("--quick", help="The form of a few seconds: less data and shorter training."),
    ] = False,
    folder: Annotated[
        Path, typer.Option(metavar="DIR", help="Where the figures go; made if it is missing.")
    ] = Path("examples"),
    seed: Annotated[
        int, typer.Option(metavar="N", help="Every random number follows from it.")
    ] = 0,
) -> int:
    """Run an example: it prints what it finds, and draws its figures into a folder.

    A figure of the same name in that folder is drawn anew.
    """
    from handgrad.examples import find, run_example

    with usage_errors():
        find(name)
    stage = run_example(name, folder, quick=quick, seed=seed, say=say)
    for path in stage.figures:
        say(f"Drawn: {path}")
    return 0
