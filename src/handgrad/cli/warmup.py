"""`handgrad warmup`: compile ahead what the networks of `handgrad train` need."""

import subprocess
import sys
import time
from collections.abc import Callable, Generator
from json import dumps, loads
from typing import Any, NamedTuple

import numpy as np

from handgrad import backend, models
from handgrad.backend import events
from handgrad.cli.text import say, say_json
from handgrad.losses import SoftmaxCrossEntropy
from handgrad.models import RECIPES
from handgrad.network import Network
from handgrad.optimizers import OPTIMIZERS, by_name
from handgrad.threads import allowed
from handgrad.training import Trainer

# What people train first in their own programs.
BOOK: dict[str, Callable[[], Network]] = {
    "two_layer_net": lambda: models.two_layer_net(784, 50, 10),
    "simple_conv_net": models.simple_conv_net,
    "deep_conv_net": models.deep_conv_net,
}
LAYERS, OPTIMIZED = "layer by layer", "optimizers"  # the rows that are no network
BATCHES = (256, 136, 16, 1)  # what is predicted: whole batches, the last of 5,000, of 10,000, one


class Row(NamedTuple):
    """What one network needed."""

    name: str
    kernels: int
    seconds: float


def run_warmup(*, json: bool) -> int:
    """Train and predict a little with each network; tell what was compiled, and where it is."""
    if events is None or not backend.compiled():
        return tell([], backend.active(), json=json)
    if not json:
        say(backend.active())
    rows, started = list[Row](), time.perf_counter()
    for row in by_two([*RECIPES, *BOOK, LAYERS, OPTIMIZED]):
        if not json and row.kernels:
            say(f"  {row.name:<16}{row.kernels:>4} compiled{row.seconds:>7.1f} s")
        rows.append(row)
    from handgrad.kernels.kept import where

    return tell(rows, where(), json=json, seconds=time.perf_counter() - started)


def by_two(names: list[str]) -> Generator[Row]:
    """A row for each name: the first here, and meanwhile the others in a second process.

    Compiling keeps one thread busy, and the first network takes as long as the others together.
    Where nothing is kept on disk, or with one thread, a second process is of no use; what it does
    not do, for whatever reason, is done here.
    """
    from handgrad.kernels.kept import place

    other = second_process(names[1:]) if allowed() > 1 and place() is not None else None
    try:
        yield compile_for(names.pop(0))
        for line in (other and other.stdout) or ():
            yield Row(*loads(line))
            names.pop(0)
    finally:
        if other is not None:
            other.kill()
            other.communicate()
    yield from map(compile_for, names)


def second_process(names: list[str]) -> "subprocess.Popen[str] | None":
    """A process that compiles for these networks, and writes their rows, each in a line.

    None where the system allows no more processes.
    """
    program = f"from handgrad.cli.warmup import print_rows; print_rows({names})"
    # -P: what lies in the current folder is not imported. Ctrl-C is for this process, which ends
    # the other.
    try:
        return subprocess.Popen(  # noqa: S603  (this Python, and nothing from outside)
            [sys.executable, "-P", "-c", program],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,
            text=True,
        )
    except OSError:
        return None


def print_rows(names: list[str]) -> None:
    """What the second process does."""
    for name in names:
        sys.stdout.write(dumps(compile_for(name)) + "\n")
        sys.stdout.flush()


def compile_for(name: str) -> Row:
    """Run what `name` stands for, a little, and count what had to be compiled."""
    so_far = events.SO_FAR
    before, seconds = so_far.count, so_far.seconds
    if name == OPTIMIZED:
        use_optimizers()
    elif name == LAYERS:
        use_layers()
    else:
        make = BOOK.get(name) or RECIPES[name].network
        use_network(make(), *recipe(name))
    return Row(name, so_far.count - before, so_far.seconds - seconds)


def recipe(name: str) -> tuple[str, int]:
    """The optimizer and the batch size that a network is trained with."""
    if name in RECIPES:
        return RECIPES[name].optimizer, RECIPES[name].batch_size
    return "adam", 100


def use_network(network: Network, optimizer: str, batch_size: int) -> None:
    """Everything that training and use call, once."""
    images = np.zeros((max(BATCHES), *network.input_shape), np.uint8)
    labels = np.arange(len(images)) % network.output_shape[0]
    trainer = Trainer(network, SoftmaxCrossEntropy(), by_name(optimizer))
    trainer.fit(images[:batch_size], labels[:batch_size], epochs=1, batch_size=batch_size)
    for rows in BATCHES:
        trainer.evaluate(images[:rows], labels[:rows])


def use_layers() -> None:
    """A step of a training loop of one's own, which no plan makes: convolution's twin, and others.

    The batch is so large that convolution's twin takes all three layers.
    """
    network, loss = models.convnet(), SoftmaxCrossEntropy()
    images = np.zeros((100, *network.input_shape), np.uint8)
    labels = np.arange(len(images)) % network.output_shape[0]
    logits, saved = network.forward(images, training=True)
    network.backward(*loss.backward(1.0, loss.forward(logits, labels=labels)[1]), saved)


def use_optimizers() -> None:
    """A step of every optimizer, on a network of one layer."""
    for name in OPTIMIZERS:
        network = models.logistic_regression(2)
        _, grads = network.backward(np.ones((1, 1)), network.forward(np.ones((1, 2)))[1])
        by_name(name).step(network.trainable(), grads)


def tell(rows: list[Row], where: str, *, json: bool, seconds: float = 0) -> int:
    """Print the sum of it all, and how long it took: less than the rows together."""
    count = sum(row.kernels for row in rows)
    seconds = seconds if count else 0
    if json:
        plain: list[dict[str, Any]] = [row._asdict() for row in rows]
        say_json({"kernels": count, "seconds": round(seconds, 3), "where": where, "rows": plain})
    elif not rows:
        say(f"Nothing to compile. {where}")
    elif not count:
        say(f"Everything was compiled before; {where}")
    else:
        say(f"Kernels compiled: {count}, in {seconds:.1f} s; {where}")
    return 0
