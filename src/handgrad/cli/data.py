"""`handgrad data`: which sets there are, getting one, and what is wrong where one does not come."""

import contextlib
import sys
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from handgrad.cli.guard import complain, usage_errors
from handgrad.cli.signals import Ended
from handgrad.cli.text import say, say_json

if TYPE_CHECKING:
    from handgrad.data.mirrors import RemoteSet
    from handgrad.data.remote import FileState, MirrorState

WIDE = 66  # columns that a bar and the speed need besides the rest

data = typer.Typer(
    no_args_is_help=False,
    invoke_without_command=True,
    rich_markup_mode="markdown",
    help="List the data sets, get one, or find out why one does not come.",
)

Folder = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="A folder of your own for the files.",
        show_default="one in the cache, or in HANDGRAD_DATA",
    ),
]
Timeout = Annotated[
    float, typer.Option(metavar="S", help="Seconds to wait for a mirror that says nothing.")
]
Json = Annotated[bool, typer.Option("--json", help="Print the answer as JSON, for programs.")]


@data.callback()
def data_options(context: typer.Context) -> None:
    """Show what can be done where nothing is named."""
    if context.invoked_subcommand is None:
        say(context.get_help())


@data.command("list")
def list_sets(json: Json = False) -> int:
    """List the data sets: how large they are, whose they are, and whether they are here."""
    from handgrad.data.mirrors import BUNDLED, SETS
    from handgrad.data.store import data_folder, set_folder

    rows: list[dict[str, Any]] = []
    for each in SETS.values():
        folder = set_folder(each.folder, None)
        here = [
            (folder / file.name).is_file() and (folder / file.name).stat().st_size == file.size
            for file in each.files
        ]
        rows.append(
            {
                "name": each.name,
                "title": each.title,
                "credit": each.credit,
                "bytes": each.size,
                "folder": str(folder),
                "here": all(here),
                "bundled": each.name == BUNDLED,
            }
        )
    if json:
        say_json(rows)
        return 0
    for row in rows:
        here = "here" if row["here"] else "comes with handgrad" if row["bundled"] else "not here"
        say(f"{row['name']:<16}{megabytes(row['bytes']):>9}  {here}", "bold")
        say(f"  {row['title']}")
        say(f"  {row['credit']}")
    say(f"\nThey are kept in {data_folder()}")
    say("Get one: handgrad data get NAME")
    return 0


@data.command("get")
def get(
    name: Annotated[str, typer.Argument(metavar="NAME", help="One that `data list` names.")],
    folder: Folder = None,
    timeout: Timeout = 20.0,
    json: Json = False,
) -> int:
    """Get a data set from the first mirror that has it.

    What was broken off is gone on with; what is here already is not asked for again. Every file's
    SHA-256 is checked.

    Ctrl-C keeps what has come; the same command goes on from there.
    """
    from handgrad.data.mirrors import usage
    from handgrad.data.remote import get_set

    found = checked(name, timeout)
    try:
        with progress(quiet=json) as listener:
            place = get_set(found.name, folder=folder, timeout=timeout, listener=listener)
    except Ended as stop:
        stop.told = True
        complain(
            f"stopped by {stop.cause}. What has come so far is kept; "
            "the same command goes on from there."
        )
        raise
    use = usage(found, place, folder)
    if json:
        say_json({"set": found.name, "folder": str(place), "bytes": found.size, "use": use})
        return 0
    files = "1 file" if len(found.files) == 1 else f"{len(found.files)} files"
    say(f"{found.name}: {files}, {megabytes(found.size)}, whole, in {place}")
    say(f"Use it: from handgrad.data import {use.partition('(')[0]}")
    say(f"        {use}")
    return 0


@data.command("doctor")
def doctor(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="One set; or else all.", show_default=False),
    ] = None,
    folder: Folder = None,
    timeout: Timeout = 8.0,
    json: Json = False,
) -> int:
    """Say which mirrors answer, what is here, and whether it is whole.

    Every byte that is here is looked at; of each mirror the first byte of each file is asked for.
    The exit status is 1 if something here is damaged, or if there is a file that is not here and
    that no mirror offers.
    """
    from handgrad.data.mirrors import BUNDLED, SETS
    from handgrad.data.remote import ask_mirrors, what_is_here

    sets = list(SETS.values()) if name is None else [checked(name, timeout)]
    report: dict[str, Any] = {}
    healthy = True
    for each in sets:
        files, mirrors = what_is_here(each, folder), ask_mirrors(each, timeout=timeout)
        offered = {mirror.file for mirror in mirrors if mirror.answers}
        for file in files:
            there = file.state == "whole" or file.name in offered or each.name == BUNDLED
            healthy &= there and file.state != "damaged"
        report[each.name] = {
            "files": [file._asdict() for file in files],
            "mirrors": [mirror._asdict() for mirror in mirrors],
        }
        if not json:
            tell(each, files, mirrors, folder)
    if json:
        say_json({"healthy": healthy, "sets": report})
    return 0 if healthy else 1


def checked(name: str, timeout: float) -> "RemoteSet":
    """The set of this name.

    Raises:
        UsageError: there is none; or a timeout that cannot be.
    """
    from handgrad.checks import check_number
    from handgrad.data.mirrors import find_set

    with usage_errors():
        check_number(timeout, who="data", which="--timeout", low=0, open_low=True)
        return find_set(name)


def tell(
    found: "RemoteSet",
    files: "list[FileState]",
    mirrors: "list[MirrorState]",
    folder: Path | None,
) -> None:
    """Print what is known about one set."""
    from handgrad.data.mirrors import BUNDLED
    from handgrad.data.store import how_to_get

    bundled = " (comes with handgrad; these are copies for other programs)"
    say(found.name + (bundled if found.name == BUNDLED else ""), "bold")
    for file in files:
        say(f"  {file.name}: {file.text}")
    if any(file.state != "whole" for file in files):
        say(f"  {how_to_get(found.name, folder)}")
    for base in dict.fromkeys(mirror.mirror for mirror in mirrors):
        answers = [mirror for mirror in mirrors if mirror.mirror == base]
        bad = [mirror for mirror in answers if not mirror.answers]
        seconds = max(mirror.seconds for mirror in answers)
        if not bad:
            say(f"  mirror {base} answers, in {seconds:.1f} s")
        elif len({mirror.text for mirror in bad}) == 1 and len(bad) == len(answers):
            say(f"  mirror {base} {bad[0].text}")
        else:
            say(f"  mirror {base} fails: {'; '.join(f'{m.file} {m.text}' for m in bad)}")


@contextlib.contextmanager
def progress(*, quiet: bool) -> Generator[Any]:
    """A bar on stderr, if somebody sits there; silence in a pipe."""
    from handgrad.data.download import Listener

    if quiet or not sys.stderr.isatty():
        yield Listener()
        return
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        ProgressColumn,
        TextColumn,
        TransferSpeedColumn,
    )
    from rich.table import Column

    from handgrad.cli.text import console

    def column() -> Column:
        return Column(no_wrap=True)

    terminal = console(sys.stderr)
    name = TextColumn("{task.description}", table_column=column())
    columns: list[ProgressColumn] = [name, DownloadColumn(table_column=column())]
    if terminal.width >= WIDE:
        columns[1:1] = [BarColumn(12)]
        columns.append(TransferSpeedColumn(table_column=column()))
    with Progress(*columns, console=terminal, transient=True) as bars:

        class Bar(Listener):
            def started(self, file: Any) -> None:
                self.task, self.begun = bars.add_task(file.name, total=file.size), False

            def progress(self, done: int) -> None:
                if not self.begun:  # what came at another time says nothing about the speed
                    bars.reset(self.task, completed=done)
                    self.begun = True
                bars.update(self.task, completed=done)

            def note(self, text: str) -> None:
                bars.console.print(text, style="dim")

        yield Bar()


def megabytes(size: int) -> str:
    """A number of bytes for people.

    >>> megabytes(30_878_645)
    '30.9 MB'
    """
    return f"{size / 1e6:.1f} MB"
