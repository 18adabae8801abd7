"""What training takes is known before, and stays what it was; predicting does not grow."""

import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from handgrad import (
    SGD,
    Adam,
    Affine,
    Conv2d,
    Momentum,
    Network,
    Relu,
    Rescale,
    Residual,
    Sequential,
    SoftmaxCrossEntropy,
    Trainer,
    models,
    use,
)
from handgrad.backend import available
from handgrad.checks import DtypeError, InvalidValueError, NonFiniteError, check_finite
from handgrad.memory import MORE, Memory, example_bytes, training_memory

STATUS = Path("/proc/self/status")
needs_proc = pytest.mark.skipif(
    not STATUS.exists(), reason="this system does not tell a process's peak memory"
)
BACKENDS = [
    "reference",
    pytest.param(
        "compiled", marks=pytest.mark.skipif(not available(), reason="no Numba, no plans")
    ),
]

# Small programs: what a batch takes above what the program itself takes, in bytes.
START = """
import ctypes
import gc
import sys
from pathlib import Path

import numpy as np

from handgrad import (
    SGD, Adam, Affine, BatchNorm, Network, Relu, SoftmaxCrossEntropy, Trainer, models
)

def status(name):
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024

def peak(work):
    gc.collect()  # what is no longer used must not make room
    getattr(ctypes.CDLL(None), "malloc_trim", int)(0)
    before = status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    work()
    return status("VmHWM") - before

def norms():
    hidden = [layer for _ in range(5) for layer in (Affine(100), BatchNorm(), Relu())]
    return Network([*hidden, Affine(10)], 784)

name, rows = sys.argv[1], int(sys.argv[2])
layers = [int(features) for features in name.split("-")[1:]]
network = norms() if name == "norms" else getattr(models, name.partition("-")[0])(*layers)
x = np.random.default_rng(0).integers(0, 256, (rows, *network.input_shape), dtype=np.uint8)
labels = np.arange(rows) % 10
"""
TRAIN = (
    START
    + """
batch, rule = int(sys.argv[3]), {"Adam": Adam, "SGD": SGD}[sys.argv[4]](0.001)

def train(network, count, rows):
    trainer = Trainer(network, SoftmaxCrossEntropy(), type(rule)(0.001))
    trainer.fit(x[:rows], labels[:rows], epochs=2, batch_size=count)

told = network.summary(batch_size=batch, optimizer=rule).memory
train(network.copy(), 2, 4)  # libraries are loaded, kernels compiled
train(network.copy(), 32, 64)
own = sum(array.nbytes for array in (*network.params.values(), *network.state.values()))
took = own + peak(lambda: train(network, batch, rows))
print(took, told.reference, told.compiled)
"""
)
PREDICT = (
    START
    + """
network.predict(x[:300])
print(peak(lambda: network.predict(x)))
"""
)


def child(code: str, *arguments: object, backend: str) -> list[int]:
    """The numbers that such a program prints."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
        # glibc would keep pieces of up to 32 MB for later use, and they would count.
        env={
            **os.environ,
            "HANDGRAD_BACKEND": backend,
            "MALLOC_MMAP_THRESHOLD_": "65536",
            "OPENBLAS_NUM_THREADS": "1",
        },
    )
    return [0 if word == "None" else int(word) for word in done.stdout.split()]


@needs_proc
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "name",
    ["deep_conv_net", "deep", "convnet", "simple_conv_net", "mlp", "two_layer_net-784-1000-10"],
)
def test_the_summary_knows_what_training_will_take(name: str, backend: str) -> None:
    took, reference, compiled = child(TRAIN, name, 200, 100, "Adam", backend=backend)
    assert took == pytest.approx(compiled or reference, rel=0.1)
    assert bool(compiled) == (backend == "compiled")


@needs_proc
@pytest.mark.skipif(not available(), reason="no Numba, no plans")
@pytest.mark.parametrize(
    ("name", "rows", "batch", "rule"),
    [
        ("mlp", 2000, 1, "SGD"),  # a megabyte of masks
        ("mlp", 2000, 100, "SGD"),
        ("mlp", 4000, 1000, "Adam"),
        ("norms", 2000, 100, "SGD"),
        ("norms", 2000, 1000, "Adam"),
        ("two_layer_net-3072-1000-10", 400, 100, "SGD"),
        ("simple_conv_net", 200, 100, "SGD"),
        ("simple_conv_net", 100, 1, "Adam"),
        ("deep_conv_net", 2000, 1000, "Adam"),  # more are bytes than buffers
        ("convnet", 400, 200, "SGD"),
    ],
)
def test_with_any_optimizer_and_batch(name: str, rows: int, batch: int, rule: str) -> None:
    took, _, compiled = child(TRAIN, name, rows, batch, rule, backend="compiled")
    assert took == pytest.approx(compiled, rel=0.1)


@needs_proc
@pytest.mark.parametrize("backend", BACKENDS)
def test_predicting_60000_images_streams(backend: str) -> None:
    ((few,), (many,)) = (child(PREDICT, "mlp", rows, backend=backend) for rows in (600, 60_000))
    assert many - few < 8_000_000  # outputs take 2.4 MB, twice when they are joined; a layer 61 MB


@needs_proc
@pytest.mark.skipif(not available(), reason="no Numba, no plans")
def test_predicting_images_by_convolutions_streams() -> None:
    few, many = (
        child(PREDICT, "simple_conv_net", rows, backend="compiled")[0] for rows in (600, 6000)
    )
    assert many - few < 1_000_000  # outputs take 0.24 MB; the images of a layer 415 MB


@pytest.mark.parametrize("backend", BACKENDS)
def test_of_each_example_its_label_and_its_place_are_kept(backend: str) -> None:
    def train(rows: int) -> int:
        network, x = models.two_layer_net(4, 8, 3), np.zeros((rows, 4), np.float32)
        trainer = Trainer(network, SoftmaxCrossEntropy(), SGD(0.1))
        labels = np.zeros(rows, np.uint8)
        return peak(lambda: trainer.fit(x, labels, epochs=2, batch_size=1000))

    with use(backend):
        train(1000)  # imports what it needs
        few, many = train(100_000), train(200_000)  # epochs of more steps than are made at once
    assert many - few == pytest.approx(16 * 100_000, rel=0.1)


def network() -> Network:
    skip = Residual(Sequential(Affine(40), Relu(), Affine(40)))
    return Network([Affine(40), Relu(), skip, Affine(3)], 30)


def peak(work: Callable[[], Any]) -> int:
    tracemalloc.start()
    work()
    top = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return top


def step(net: Network, rows: int) -> None:
    y, saved = net.forward(np.zeros((rows, 30), np.float32), training=True)
    _, grads = net.backward(np.ones_like(y), saved)
    Adam().step(net.trainable(), grads)


def test_looking_at_data_takes_no_memory_that_grows_with_it() -> None:
    x = np.ones((3000, 10, 100))
    assert peak(lambda: check_finite(x, who="Trainer", which="x")) < 0.05 * x.size
    x[-1, -1, -1] = np.nan
    message = r"x must be finite, but x\[2999, 9, 99\] is nan \(1 of 3000000 entries\)"
    with pytest.raises(NonFiniteError, match=message):
        check_finite(x, who="Trainer", which="x")


@pytest.mark.parametrize("rows", [3, MORE, 1000])
def test_a_straight_line_through_small_batches(rows: int) -> None:
    memory = training_memory(network(), rows)
    assert memory is not None
    assert memory.batch_size == rows
    net = network()
    with use("reference"):
        step(net, rows)  # imports what it needs
        assert memory.reference == pytest.approx(peak(lambda: step(net, rows)), rel=0.2)


def test_the_optimizer_counts_and_stays_as_it_was() -> None:
    net, momentum = network(), Momentum(0.1)
    momentum.step(net.trainable(), {name: np.ones_like(a) for name, a in net.trainable().items()})
    kept = {name: dict(slots) for name, slots in momentum.state.items()}
    rules = (SGD(0.1), momentum, Adam())
    told = [net.summary(batch_size=100, optimizer=rule).memory for rule in rules]
    learning = sum(array.nbytes for array in net.trainable().values())
    for less, more in pairwise(each for each in told if each is not None):
        for one, other in zip(less[1:], more[1:], strict=True):
            assert one is None or 0.5 * learning < (other or 0) - one < 2.5 * learning
    with_adam = net.summary(batch_size=100).memory
    assert with_adam == pytest.approx(told[2], rel=0.05)
    assert momentum.steps == 1
    assert momentum.state == kept
    with pytest.raises(DtypeError, match=r"^Network.summary: optimizer must be an? Optimizer"):
        net.summary(batch_size=100, optimizer="adam")  # pyright: ignore[reportArgumentType]


def test_examples_of_a_network_that_rescales_are_bytes() -> None:
    bare = Network([Conv2d(4, 3)], (1, 8, 8))
    rescaling = Network([Rescale(1 / 255), Conv2d(4, 3)], (1, 8, 8))
    assert (example_bytes(bare), example_bytes(rescaling)) == (4 * 64, 64)


def test_looking_changes_nothing_and_may_happen_while_others_look() -> None:
    net = network()
    before = {name: array.copy() for name, array in net.params.items()}
    tracemalloc.start()
    try:
        summary = net.summary(batch_size=10)
        assert tracemalloc.is_tracing()
    finally:
        tracemalloc.stop()
    assert not net.copy().summary().memory
    assert summary.memory is not None
    assert summary.memory.reference > 0
    assert all(np.array_equal(array, before[name]) for name, array in net.params.items())
    text = "Training in batches of 10 takes about "
    assert text in str(summary)
    assert text not in str(net.summary())


def test_layers_that_run_by_themselves_inside_a_plan_count() -> None:
    if not available():
        pytest.skip("no plans")
    body = [Affine(400), Relu(), Affine(400)]
    plain = Network([*body, Affine(3)], 30)
    skip = Residual(Sequential(Affine(400), Relu(), Affine(400)))
    skipping = Network([Affine(400), Relu(), skip], 30)
    one, two = (net.summary(batch_size=500).memory for net in (plain, skipping))
    assert one is not None
    assert two is not None
    assert (one.compiled or 0) < (two.compiled or 0)


def test_without_compiled_code_the_reference_alone_is_told() -> None:
    with use("reference"):
        memory = network().summary(batch_size=100).memory
    assert memory is not None
    assert memory.compiled is None
    assert Memory(100, 1, None) < Memory(100, memory.reference, None)


def test_a_batch_has_rows() -> None:
    with pytest.raises(
        InvalidValueError, match=r"^Network.summary: batch_size must be .* but is 0"
    ):
        network().summary(batch_size=0)


@pytest.mark.parametrize("backend", BACKENDS)
def test_training_allocates_nothing_that_grows(backend: str) -> None:
    x = np.random.default_rng(0).integers(0, 256, (96, 1, 28, 28), dtype=np.uint8)
    with use(backend):
        trainer = Trainer(models.convnet(), SoftmaxCrossEntropy(), Adam())
        trainer.fit(x, np.arange(96) % 10, epochs=2, batch_size=32)
        tracemalloc.start()
        sizes: list[int] = []
        for _ in range(3):
            trainer.fit(x, np.arange(96) % 10, epochs=2, batch_size=32)
            sizes.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
    assert sizes[2] - sizes[1] < 50_000  # the history grows by two rows
