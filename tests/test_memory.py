"""What training takes is known before, and stays what it was; predicting does not grow."""

import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from handgrad import (
    Adam,
    Affine,
    Network,
    Relu,
    Residual,
    Sequential,
    SoftmaxCrossEntropy,
    Trainer,
    models,
    use,
)
from handgrad.backend import available
from handgrad.checks import InvalidValueError, NonFiniteError, check_finite
from handgrad.memory import MORE, Memory, training_memory

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

from handgrad import Adam, SoftmaxCrossEntropy, Trainer, models

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

name, rows = sys.argv[1], int(sys.argv[2])
layers = [int(features) for features in name.split("-")[1:]]
network = getattr(models, name.partition("-")[0])(*layers)
x = np.random.default_rng(0).integers(0, 256, (rows, *network.input_shape), dtype=np.uint8)
labels = np.arange(rows) % 10
"""
TRAIN = (
    START
    + """
def train(network, count):
    trainer = Trainer(network, SoftmaxCrossEntropy(), Adam())
    trainer.fit(x[: 2 * count], labels[: 2 * count], epochs=2, batch_size=count)

train(network.copy(), 2)  # libraries are loaded, kernels compiled
train(network.copy(), 32)
own = sum(array.nbytes for array in (*network.params.values(), *network.state.values()))
print(own + peak(lambda: train(network, rows // 2)))
"""
)
PREDICT = (
    START
    + """
network.predict(x[:300])
print(peak(lambda: network.predict(x)))
"""
)


def child(code: str, *arguments: object, backend: str) -> int:
    """What such a program prints."""
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
    return int(done.stdout)


@needs_proc
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "name",
    ["deep_conv_net", "deep", "convnet", "simple_conv_net", "mlp", "two_layer_net-784-1000-10"],
)
def test_the_summary_knows_what_training_will_take(name: str, backend: str) -> None:
    model, *layers = name.split("-")
    memory = getattr(models, model)(*map(int, layers)).summary(batch_size=100).memory
    assert memory is not None
    assert child(TRAIN, name, 200, backend=backend) == pytest.approx(
        getattr(memory, backend), rel=0.1
    )


@needs_proc
@pytest.mark.parametrize("backend", BACKENDS)
def test_predicting_60000_images_streams(backend: str) -> None:
    few, many = (child(PREDICT, "mlp", rows, backend=backend) for rows in (600, 60_000))
    assert many - few < 8_000_000  # outputs take 2.4 MB, twice when they are joined; a layer 61 MB


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
