"""Check every parameter's gradient of a whole network. It imports no network: it is handed one."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from handgrad.checks import Array, InvalidValueError, ShapeError, check_count
from handgrad.gradcheck.compare import Target, check_gradient
from handgrad.gradcheck.report import GradientReport, GradientRow


def check_network(
    network: Any,
    x: Any,
    labels: Any,
    loss: Any,
    *,
    entries: int | None = 20,
    training: bool = True,
    seed: int = 0,
) -> GradientReport:
    """Compare the gradient of every parameter with numerical ones.

    A copy of the network is checked, in float64, whatever precision the network has. Its random
    layers draw the same numbers in every evaluation (dropout keeps its mask), so the loss is one
    function; batch norm's running statistics stay as they are. The network itself is not changed.

    Args:
        network: a Network.
        x: a small batch: each entry checked costs at least two forward passes.
        labels: what the loss compares with.
        loss: a Loss.
        entries: how many random entries of each parameter to check; None checks all.
        training: check the pass that training makes (dropout, batch statistics), or, if False, the
            one that prediction makes.
        seed: the choice of the entries follows from it.

    Returns:
        A report with one row per parameter.

    Raises:
        ShapeError, DtypeError, InvalidValueError: arguments that do not fit the network or loss.

    >>> from handgrad import Affine, Network, Relu, SoftmaxCrossEntropy
    >>> network = Network([Affine(4), Relu(), Affine(3)], input_shape=(2,))
    >>> x = np.random.default_rng(0).normal(size=(5, 2))
    >>> check_network(network, x, [0, 1, 2, 0, 1], SoftmaxCrossEntropy()).ok
    True
    """
    if entries is not None:
        check_count(entries, who="check_network", which="entries")
    check_count(seed, who="check_network", which="seed", low=0)
    wide = in_float64(network)
    labels = loss.prepare(labels, wide.output_shape, np.float64)
    if len(labels) != len(x):
        raise ShapeError(
            "check_network: x and labels must have the same number of rows, but have "
            f"{len(x)} and {len(labels)}."
        )
    generators = wide.generators()

    def run() -> Pass:
        wide.set_generators(generators)
        outputs, saved = wide.forward(x, training=training)
        return Pass(outputs, saved, *loss.forward(outputs, labels=labels))

    first = run()
    if run().loss != first.loss:
        raise InvalidValueError(
            "check_network: the network gives another loss each time, although its generators were "
            "put back. A layer that draws random numbers must set random = True and use self.rng."
        )
    (d_outputs,) = loss.backward(first.loss.dtype.type(1), first.loss_saved)
    _, grads = wide.backward(d_outputs, first.saved)
    rows = check_parameters(wide, grads, first, run, entries, np.random.default_rng(seed))
    report = GradientReport("Gradients of the network", tuple(rows))
    return replace(report, note=where_to_look(report))


class Pass(NamedTuple):
    """One forward pass through network and loss."""

    outputs: Array
    saved: Any
    loss: Array
    loss_saved: Any


def check_parameters(
    wide: Any,
    grads: Mapping[str, Array],
    first: Pass,
    run: Callable[[], Pass],
    entries: int | None,
    rng: np.random.Generator,
) -> Iterator[GradientRow]:
    """One row per parameter, in the order of the layers."""
    base = float(first.loss)
    magnitude = max(abs(base), float(np.abs(first.outputs).max(initial=0)))
    batch = len(first.outputs)
    for name, array in parameters(wide):
        if name in grads:
            target = Target(array, lambda: float(run().loss), base, magnitude)
            yield check_gradient(name, grads[name], target, batch=batch, entries=entries, rng=rng)
        else:
            yield GradientRow(name, array.shape, 0, 0, np.inf, "missing", None)


def where_to_look(report: GradientReport) -> str:
    """A wrong gradient makes those of all layers before it wrong too: name the last one."""
    if not report.wrong:
        return ""
    return (
        f"Backward runs from the output to the input, and {report.wrong[-1].name} is the first "
        "that it gets wrong: look at the backward of that layer and of the layers after it."
    )


def in_float64(network: Any) -> Any:
    """A copy of the network whose parameters, state and computations are float64."""
    wide = network.copy()
    wide.dtype = np.dtype(np.float64)
    for _, layer in leaves(wide):
        for arrays in (layer.params, layer.state):
            wider = {key: array.astype(np.float64) for key, array in arrays.items()}
            arrays.clear()  # assigning copies into the arrays that are there
            arrays.update(wider)
    return wide


def leaves(network: Any) -> Iterator[tuple[str, Any]]:
    """The layers that are no containers, with their full names."""
    return ((path, layer) for path, layer in network.named_layers() if not layer.children)


def parameters(network: Any) -> Iterator[tuple[str, Array]]:
    """Every parameter's full name and the array that its layer reads."""
    for path, layer in leaves(network):
        for key, array in layer.params.items():
            yield f"{path}.{key}", array
