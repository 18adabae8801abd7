"""Network: the outermost container, built for an input shape; what is trained and saved."""

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, cast

import numpy as np

from handgrad.backend import compiled, planned
from handgrad.checks import (
    Array,
    DtypeError,
    FileFormatError,
    HandgradError,
    InvalidValueError,
    as_numbers,
    as_shape,
    check_choice,
    check_count,
    check_shape,
)
from handgrad.heads import HEADS, probabilities, require_classes
from handgrad.inspection import Inspection, inspect_container, usual_loss
from handgrad.layers.base import Layer, Observer
from handgrad.layers.containers import Sequential, SequentialSaved
from handgrad.layers.describe import describe_all, known_layers, make_all
from handgrad.losses import Loss
from handgrad.memory import training_memory
from handgrad.metrics import classes_of
from handgrad.network_file import check_arrays, read_network, write_network
from handgrad.optimizers import Optimizer
from handgrad.parameters import Arrays
from handgrad.summary import Summary, summarize
from handgrad.threads import check_threads, deterministic, limited


class Network:
    """Layers built for one input shape.

    Args:
        layers: the layers, first to last.
        input_shape: the shape of one example, without the batch axis: (784,), (1, 28, 28).
        seed: every initial value and every random layer follows from it.
        dtype: "float32" or "float64": of parameters and of all that is computed.

    Attributes:
        params: the parameters by name ("affine_1.weight"), live: assigning copies.
        state: what is kept but not learned by gradients (batch norm's running statistics).
        head: what the outputs mean (see `Loss.head`), set by training; None before.
        input_shape, output_shape: of one example.

    Raises:
        ShapeError: a layer cannot follow the one before it; the message shows the chain of shapes.

    >>> from handgrad import Affine, Network, Relu
    >>> network = Network([Affine(100), Relu(), Affine(10)], input_shape=(784,))
    >>> network.predict(np.zeros((2, 784))).shape
    (2, 10)
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        input_shape: Sequence[int] | int,
        *,
        seed: int = 0,
        dtype: Any = "float32",
    ) -> None:
        self._prepare(layers, input_shape, seed, dtype)
        self.body.initialize(np.random.default_rng(seed), self.dtype)
        self._bind()

    def _prepare(self, layers: Sequence[Layer], input_shape: Any, seed: int, dtype: Any) -> None:
        """Everything of the constructor that allocates no parameter."""
        self.input_shape = as_shape(input_shape, who="Network", which="input_shape")
        check_count(seed, who="Network", which="seed", low=0)
        self.seed = seed
        if dtype not in ("float32", "float64", np.float32, np.float64):
            raise DtypeError(f"Network: dtype must be float32 or float64, but is {dtype!r}.")
        self.dtype = np.dtype(dtype)
        self.head: str | None = None
        given: Any = [layers] if isinstance(layers, Layer) else layers
        if not isinstance(given, Iterable):
            raise DtypeError(f"Network: layers must be a list of layers, but is {given!r}.")
        self.layers: tuple[Layer, ...] = tuple(cast("Iterable[Layer]", given))
        self.body = Sequential(*self.layers, name="network")
        for _, layer in self.body.walk():
            if layer.rng is not None:
                raise InvalidValueError(
                    f"Network: {layer.title} already belongs to a network. Make new layers; what "
                    "one has learned is copied by new.params[name] = old.params[name]."
                )
            layer.built = False  # an attempt that failed has left its shapes
        self.output_shape = self.body.configure(self.input_shape)

    def _bind(self) -> None:
        self.params = Arrays(self.body.params, "network.params")
        self.state = Arrays(self.body.state, "network.state")

    # -- the two verbs ----------------------------------------------------------------------

    def forward(
        self, x: Any, *, training: bool = False, observe: Observer | None = None
    ) -> tuple[Array, SequentialSaved]:
        """Run a batch forward: (output, saved). Any real dtype becomes the network's.

        Raises:
            ShapeError, DtypeError: x is not (N, *input_shape), or holds no real numbers.
        """
        return self.body.forward(self._batch(x), training=training, observe=observe)

    def backward(
        self, dy: Array, saved: SequentialSaved, *, observe: Observer | None = None
    ) -> tuple[Array, dict[str, Array]]:
        """Run a batch backward: (dx, grads), `grads` keyed like `params`.

        Raises:
            ShapeError: dy has not the shape of the output.
        """
        dy = np.asarray(dy)
        check_shape(dy, ("N", *self.output_shape), who="Network.backward", which="dy")
        saved.check_rows(dy, who="Network.backward")
        dy = dy if dy.dtype.kind == "c" else dy.astype(self.dtype, copy=False)
        return self.body.backward(dy, saved, observe=observe)

    def commit(self, saved: SequentialSaved) -> None:
        """Take over the state that a training pass computed; once per step, after the update."""
        for name, value in self.body.new_state(saved).items():
            self.state[name] = value

    def _batch(self, x: Any) -> Array:
        x = self.check_batch(x)
        return x if x.dtype.kind == "c" else x.astype(self.dtype, copy=False)

    def check_batch(self, x: Any, *, which: str = "x") -> Array:
        """Take `x` as an array; refuse what is not a batch of this network's input shape."""
        x = as_numbers(x, who="Network", which=which, kinds="biufc")  # complex steps pass
        cure = "For a single example, pass x[np.newaxis]." if x.shape == self.input_shape else ""
        check_shape(x, ("N", *self.input_shape), who="Network", which=which, cure=cure)
        return x

    # -- use --------------------------------------------------------------------------------

    def predict(self, x: Any, *, batch_size: int = 256, threads: int | None = None) -> Array:
        """The last layer's outputs, shape (N, …): logits of a classifier, values of a regression.

        Runs in batches of `batch_size`, so that memory does not grow with N, on so many `threads`.
        """
        check_count(batch_size, who="Network.predict", which="batch_size")
        check_threads(threads, who="Network.predict")
        x = self.check_batch(x)
        starts = range(0, max(len(x), 1), batch_size)
        with limited(threads, deterministic=deterministic()):
            batches = [self._predict_batch(x[i : i + batch_size], batch_size) for i in starts]
        return np.concatenate(batches)

    def _predict_batch(self, x: Array, batch_size: int) -> Array:
        """The outputs of one batch, by a plan where there is one for this network."""

        def by_plan() -> Array | None:
            from handgrad.plans import predict

            return predict(self, x, min(batch_size, max(len(x), 1)))

        real = x.dtype.kind != "c"  # complex steps go layer by layer
        outputs = planned(by_plan, lambda: self.forward(x)[0]) if real and compiled() else None
        return self.forward(x)[0] if outputs is None else outputs

    def predict_proba(self, x: Any, *, batch_size: int = 256) -> Array:
        """Probabilities: softmax of K logits, (N, K); or, for one logit, (N, 2): of class 0 and 1.

        A network trained with BinaryCrossEntropy on several outputs (labels that do not exclude
        each other) gives each its own probability, (N, K).

        Raises:
            InvalidValueError: the network was trained with a loss whose outputs are no logits.
        """
        return probabilities(self.predict(x, batch_size=batch_size), self.head, self.layers)

    def predict_classes(self, x: Any, *, batch_size: int = 256) -> Array:
        """The most probable class of each row, (N,) integers."""
        require_classes(self.head, self.output_shape)
        return classes_of(self.predict(x, batch_size=batch_size))

    def summary(
        self, *, batch_size: int | None = None, optimizer: Optimizer | None = None
    ) -> Summary:
        """Layers, shapes, parameters, operations; with `batch_size`, what training takes.

        With Adam, if no other `optimizer` is given.
        """
        memory = training_memory(self, batch_size, optimizer)
        return summarize(self.input_shape, self.body, self.dtype.itemsize, memory)

    def inspect(
        self, x: Any, *, labels: Any = None, loss: Loss | None = None, training: bool = False
    ) -> Inspection:
        """Every intermediate value of a batch: each layer's output, and with labels each gradient.

        The loss is by default the usual one of the network's head: softmax-cross-entropy for a
        classifier, the mean squared error for a regression. `training=True` shows what a training
        step computes (batch statistics, dropout); looking changes nothing.
        """
        loss = loss or usual_loss(self.head)
        if labels is not None:
            labels = loss.prepare(labels, self.output_shape, self.dtype)
        generators = self.generators()
        try:
            return inspect_container(
                self.body, self._batch(x), labels=labels, loss=loss, training=training
            )
        finally:
            self.set_generators(generators)

    # -- files ------------------------------------------------------------------------------

    def save(self, path: str | Path) -> None:
        """Write weights, architecture and preprocessing into one safetensors file.

        Raises:
            FileAccessError: the folder cannot be written.
        """
        arrays = {f"params/{name}": array for name, array in self.params.items()}
        arrays |= {f"state/{name}": array for name, array in self.state.items()}
        description = {
            "layers": describe_all(self.layers),
            "input_shape": self.input_shape,
            "dtype": self.dtype.name,
            "seed": self.seed,
            "head": self.head,
        }
        write_network(path, arrays, description)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a network that `save` wrote; it predicts the same bits. Nothing in it is executed.

        Layers of your own are found if the module that defines them has been imported.

        Raises:
            FileAccessError: the file cannot be read.
            FileFormatError: it is not a network that handgrad saved, or it was damaged.
        """
        arrays, description = read_network(path)
        network = cls.__new__(cls)
        try:
            layers = make_all(description["layers"], known_layers())
            shape, seed, dtype = (description[key] for key in ("input_shape", "seed", "dtype"))
            network._prepare(layers, shape, seed, dtype)  # noqa: SLF001  (its own class)
            network.head = description["head"]
            if network.head is not None:
                check_choice(network.head, HEADS, who="Network.load", which="head")
        except (HandgradError, KeyError, TypeError, RecursionError) as error:
            raise FileFormatError(f"{path}: the network cannot be built: {error}") from error
        kinds = {"params": network.body.param_specs, "state": network.body.state_specs}
        wanted = {
            f"{kind}/{key}": spec.shape for kind, s in kinds.items() for key, spec in s.items()
        }
        check_arrays(path, wanted, arrays, network.dtype)
        network.body.initialize(np.random.default_rng(seed), network.dtype, blank=True)
        network._bind()  # noqa: SLF001  (its own class)
        for name, array in arrays.items():
            kind, _, key = name.partition("/")
            (network.params if kind == "params" else network.state)[key] = array
        return network

    # -- what training needs ----------------------------------------------------------------

    def trainable(self) -> dict[str, Array]:
        """The parameters that learn: all but those of frozen layers."""
        layers = self.named_layers()
        frozen = {f"{path}.{key}" for path, leaf in layers if leaf.frozen for key in leaf.params}
        return {name: array for name, array in self.body.params.items() if name not in frozen}

    def decayed(self) -> set[str]:
        """The names that weight decay applies to: weights, not biases and not norms."""
        return {f"{path}.{key}" for path, leaf in self.named_layers() for key in leaf.decayed}

    def named_layers(self) -> Iterator[tuple[str, Layer]]:
        """Every layer with its full name ("residual_1.body.conv2d_1"), parents first."""
        return ((path, layer) for path, layer in self.body.walk() if path)

    def generators(self) -> dict[str, Any]:
        """The states of the random layers' generators, by layer: plain values."""
        return {
            path: layer.rng.bit_generator.state
            for path, layer in self.named_layers()
            if layer.random and layer.rng is not None
        }

    def set_generators(self, states: Mapping[str, Any]) -> None:
        """Take back what `generators` returned."""
        for path, layer in self.named_layers():
            if path in states and layer.rng is not None:
                layer.rng.bit_generator.state = states[path]

    def copy(self) -> Self:
        """An independent network with equal layers, parameters, state and generators."""
        return copy.deepcopy(self)
