"""Network: the outermost container, built for an input shape; what is trained and saved."""

import copy
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from typing import Any, Self

import numpy as np

from handgrad.checks import (
    Array,
    DtypeError,
    InvalidValueError,
    check_count,
    check_shape,
    shape_text,
)
from handgrad.layers.base import Layer, Observer
from handgrad.layers.containers import Sequential, SequentialSaved


class Arrays(MutableMapping[str, Array]):
    """A network's arrays by name: live views. Assigning to a name copies into its array."""

    def __init__(self, arrays: dict[str, Array], who: str) -> None:
        self._arrays = arrays
        self._who = who

    def __getitem__(self, name: str) -> Array:
        if name not in self._arrays:
            raise KeyError(f"{self._who} has no {name!r}; it has {', '.join(self._arrays)}.")
        return self._arrays[name]

    def __setitem__(self, name: str, value: Any) -> None:
        array = self[name]
        value = np.asarray(value)
        check_shape(value, array.shape, who=self._who, which=name)
        array[...] = value

    def __delitem__(self, name: str) -> None:
        raise InvalidValueError(f"{self._who}: {name!r} belongs to a layer and cannot be deleted.")

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def __repr__(self) -> str:
        inner = ", ".join(f"{k}: {shape_text(v.shape)}" for k, v in self._arrays.items())
        return f"<{self._who} {inner}>"


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
        head: what the outputs mean ("softmax", "sigmoid", "linear"), set by training.
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
        check_count(seed, who="Network", which="seed", low=0)
        self._prepare(layers, input_shape, seed, dtype)
        self.body.initialize(np.random.default_rng(seed), self.dtype)
        self._bind()

    def _prepare(self, layers: Sequence[Layer], input_shape: Any, seed: int, dtype: Any) -> None:
        """Everything of the constructor that allocates no parameter."""
        shape = (input_shape,) if isinstance(input_shape, int) else tuple(input_shape)
        for size in shape:
            check_count(size, who="Network", which="every size in input_shape")
        if isinstance(layers, Layer):
            layers = [layers]
        self.input_shape: tuple[int, ...] = tuple(int(size) for size in shape)
        self.seed = seed
        self.dtype = np.dtype(dtype)
        if self.dtype not in (np.dtype("float32"), np.dtype("float64")):
            raise DtypeError(f"Network: dtype must be float32 or float64, but is {self.dtype}.")
        self.head: str | None = None
        self.layers = tuple(layers)
        for layer in self.layers:
            if layer.output_shape:
                raise InvalidValueError(
                    f"Network: {layer.title} already belongs to a network. "
                    "Make new layers, or pass layer.copy() of an unbuilt one."
                )
        self.body = Sequential(*self.layers, name="network")
        self.output_shape = self.body.configure(self.input_shape)

    def _bind(self) -> None:
        self.params = Arrays(self.body.params, "network.params")
        self.state = Arrays(self.body.state, "network.state")

    # -- the two verbs ----------------------------------------------------------------------

    def forward(
        self, x: Any, *, training: bool = False, observe: Observer | None = None
    ) -> tuple[Array, SequentialSaved]:
        """Run a batch forward: (output, saved). Integers and floats become the network's dtype.

        Raises:
            ShapeError: x is not (N, *input_shape).
            DtypeError: x does not hold real numbers.
        """
        x = np.asarray(x)
        self.check_batch(x)
        if not np.issubdtype(x.dtype, np.complexfloating):  # complex steps pass through
            x = x.astype(self.dtype, copy=False)
        return self.body.forward(x, training=training, observe=observe)

    def backward(
        self, dy: Array, saved: SequentialSaved, *, observe: Observer | None = None
    ) -> tuple[Array, dict[str, Array]]:
        """Run a batch backward: (dx, grads), `grads` keyed like `params`."""
        return self.body.backward(dy, saved, observe=observe)

    def commit(self, saved: SequentialSaved) -> None:
        """Take over the state that a training pass computed; once per step, after the update."""
        for name, value in self.body.new_state(saved).items():
            self.state[name] = value

    def check_batch(self, x: Array, *, which: str = "x") -> None:
        """Refuse what is not a batch of real numbers of this network's input shape."""
        if not (np.issubdtype(x.dtype, np.number) or np.issubdtype(x.dtype, np.bool_)):
            raise DtypeError(f"Network: {which} must hold real numbers, but has dtype {x.dtype}.")
        cure = "For a single example, pass x[np.newaxis]." if x.shape == self.input_shape else ""
        check_shape(x, ("N", *self.input_shape), who="Network", which=which, cure=cure)

    # -- use --------------------------------------------------------------------------------

    def predict(self, x: Any, *, batch_size: int = 256) -> Array:
        """The last layer's outputs, shape (N, …): logits of a classifier, values of a regression.

        Runs in batches of `batch_size`, so that memory does not grow with N. For probabilities or
        classes see `predict_proba` and `predict_classes`.
        """
        check_count(batch_size, who="Network.predict", which="batch_size")
        x = np.asarray(x)
        outputs = [
            self.forward(x[start : start + batch_size])[0]
            for start in range(0, max(len(x) if x.ndim else 1, 1), batch_size)
        ]
        return np.concatenate(outputs)

    def trainable(self) -> dict[str, Array]:
        """The parameters that learn: all but those of frozen layers."""
        frozen = {
            f"{path}.{key}"
            for path, leaf in self.named_layers()
            if leaf.frozen
            for key in leaf.params
        }
        return {name: array for name, array in self.body.params.items() if name not in frozen}

    def decayed(self) -> set[str]:
        """The names that weight decay applies to: weights, not biases and not norms."""
        return {f"{path}.{key}" for path, leaf in self.named_layers() for key in leaf.decayed}

    def named_layers(self) -> Iterator[tuple[str, Layer]]:
        """Every layer with its full name ("residual_1.body.conv2d_1"), parents first."""
        for path, layer in self.body.walk():
            if path:
                yield path, layer

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
