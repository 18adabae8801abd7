"""The commands and their options; what they do is in the modules beside this one."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from handgrad.cli.book import SCRIPTS, book
from handgrad.cli.cs231n import cs231n
from handgrad.cli.data import data
from handgrad.cli.examples import examples
from handgrad.cli.options import Deterministic, Json, Run, Threads
from handgrad.cli.text import say

COMMANDS = [
    *("train", "evaluate", "predict", "summary", "gradcheck"),
    *("selftest", "warmup", "data", "examples", "book", "cs231n"),
]


class InOrder(TyperGroup):
    """A group whose help lists the commands in the order in which people meet them."""

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(super().list_commands(ctx), key=COMMANDS.index)


app = typer.Typer(
    name="handgrad",
    cls=InOrder,
    add_completion=False,
    no_args_is_help=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Neural networks whose forward and backward passes are written by hand "
    "and proved by machine.\n\nBegin with `handgrad train mnist`; it needs nothing else.",
    epilog="Exit status: 0 done, 1 failed, 2 used wrongly, 130 ended by Ctrl-C.",
)
train = typer.Typer(
    no_args_is_help=False,
    invoke_without_command=True,
    rich_markup_mode="markdown",
    help="Train a network and keep everything about it in a run folder.",
)
app.add_typer(train, name="train")
app.add_typer(data, name="data")
app.add_typer(examples, name="examples")


def plain_help() -> None:
    """Write help without boxes: in a narrow terminal they would cut off the options' names."""
    for group in (app, train, data, examples):
        group.rich_markup_mode = None


def show_version(wanted: bool) -> None:  # noqa: FBT001  (Typer's form of a callback)
    """Print the versions that matter, and end."""
    if wanted:
        import platform

        import numpy as np

        from handgrad.cli.environment import blas, version

        say(
            f"handgrad {version()} (Python {platform.python_version()}, "
            f"NumPy {np.__version__}, {blas()})"
        )
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=show_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
    debug: Annotated[
        bool,
        typer.Option(
            "--debug", help="After an error, show the traceback. Works with every command."
        ),
    ] = False,
) -> None:
    """Take the options that come before a command (`--debug` is taken earlier, from anywhere)."""


@train.callback()
def train_options(context: typer.Context) -> None:
    """Show what can be trained where nothing is named."""
    if context.invoked_subcommand is None:
        say(context.get_help())


@train.command("mnist")
def train_mnist(
    model: Annotated[
        str, typer.Option(metavar="NAME", help="The network: mlp, convnet or deep.")
    ] = "convnet",
    epochs: Annotated[
        int | None,
        typer.Option(metavar="N", help="Passes over the training images.", show_default="model's"),
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(metavar="N", help="Images of one step.", show_default="model's")
    ] = None,
    optimizer: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="sgd, momentum, nesterov, adagrad, rmsprop, adadelta, adam or adamw.",
            show_default="model's",
        ),
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(
            metavar="X", help="How far a step goes.", show_default="model's or optimizer's"
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="Initial values, the choice of the held-out images and the order follow from it.",
        ),
    ] = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="The run folder; must not exist.",
            show_default="runs/mnist-MODEL-NUMBER",
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Learn from so many images only: a quick trial.",
            show_default="55,000",
        ),
    ] = None,
    augment: Annotated[
        bool, typer.Option("--augment", help="Change every image a little each time it is seen.")
    ] = False,
    threads: Threads = None,
    deterministic: Deterministic = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    json: Json = False,
) -> int:
    """Train a network to read handwritten digits.

    5,000 of the 60,000 training images are held out. The network that reads these best, of all
    epochs, is the one that is kept; the 10,000 test images are looked at once, at the end.

    The run folder holds the network, its configuration, the history, the test results and four
    pictures. Ctrl-C ends the training and keeps the best network so far.

    Try `handgrad train mnist --model mlp --epochs 3` for a first result within a minute.
    """
    from handgrad.cli.train import Choices, run_training

    plan = model, epochs, batch_size, optimizer, learning_rate, seed, out, limit, augment
    return run_training(Choices(*plan, threads, deterministic), quiet=quiet, json=json)


@app.command()
def evaluate(run: Run, json: Json = False) -> int:
    """Measure a network on the 10,000 test images of MNIST.

    Accuracy, loss, and for each digit: precision (how many of those it called a 7 are), recall
    (how many of the 7s it found), F1 (between the two), and which digits it takes for which.
    """
    from handgrad.cli.evaluate import run_evaluation

    return run_evaluation(run, json=json)


@app.command()
def predict(
    run: Run,
    images: Annotated[
        list[Path],
        typer.Argument(
            metavar="IMAGE...", help="PNG or JPEG files, one digit each.", show_default=False
        ),
    ],
    show_steps: Annotated[
        bool,
        typer.Option(
            "--show-steps", help="Save a picture of how each image was brought into MNIST's form."
        ),
    ] = False,
    steps_dir: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where these pictures go (implies --show-steps).",
            show_default="current folder",
        ),
    ] = None,
    top: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Show the N most probable digits.",
            show_default="10; 3 for several images",
        ),
    ] = None,
    json: Json = False,
) -> int:
    """Say which digit an image shows.

    The image may have any size, dark ink on light paper or light on dark, anywhere in the picture.
    It is cropped, scaled and centred the way the images of MNIST were.
    """
    from handgrad.cli.predict import run_prediction

    return run_prediction(
        run, images, steps_dir=steps_dir, show_steps=show_steps, top=top, json=json
    )


@app.command()
def summary(
    run: Run,
    batch_size: Annotated[
        int, typer.Option(metavar="N", help="Tell what training takes in batches of N.")
    ] = 100,
    json: Json = False,
) -> int:
    """Show a network's layers, shapes, parameters, operations and memory."""
    from handgrad.cli.inspect import run_summary

    return run_summary(run, batch_size=batch_size, json=json)


@app.command()
def gradcheck(
    run: Run,
    images: Annotated[
        int, typer.Option(metavar="N", help="How many training images make the batch.")
    ] = 8,
    entries: Annotated[
        int, typer.Option(metavar="N", help="How many entries of each parameter are checked.")
    ] = 20,
    seed: Annotated[
        int, typer.Option(metavar="N", help="Which entries: they are drawn at random.")
    ] = 0,
    json: Json = False,
) -> int:
    """Check every parameter's gradient against numerical ones, in float64.

    Prints a verdict per parameter; the exit status is 1 if any fails.
    """
    from handgrad.cli.inspect import run_gradcheck

    return run_gradcheck(run, images=images, entries=entries, seed=seed, json=json)


@app.command()
def selftest(json: Json = False) -> int:
    """Compare everything that is compiled on this machine with the reference.

    Prints the largest difference and the speed-up of each compiled function; the exit status is 1
    if any gives another result. Without Numba nothing is compiled, and it says so.
    """
    from handgrad.cli.selftest import run_selftest

    return run_selftest(json=json)


@app.command()
def warmup(json: Json = False) -> int:
    """Compile ahead what `handgrad train` and usual networks need: once per machine.

    Without it the first training does so, and takes 10 to 30 seconds longer.
    """
    from handgrad.cli.warmup import run_warmup

    return run_warmup(json=json)


app.command(context_settings=SCRIPTS)(book)
app.command(context_settings=SCRIPTS)(cs231n)
