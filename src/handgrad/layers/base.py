"""What every layer is: an op with parameters, built for an input shape."""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Self, cast

import numpy as np

from handgrad.checks import (
    Array,
    DtypeError,
    InvalidValueError,
    ShapeError,
    as_numbers,
    check_shape,
    shape_text,
)
from handgrad.initializers import Initializer

Shape = tuple[int, ...]  # of one example, without the batch axis N
Observer = Callable[["Layer", Array], None]


class ParamSpec(NamedTuple):
    """A parameter that `build` asks for; `initialize` makes it."""

    shape: Shape
    init: Initializer


class LiveArrays(dict[str, Array]):
    """A layer's arrays by name. Its network and its optimizer hold the same: assigning copies.

    Complex numbers, with which derivations are checked, take an array's place for a while.
    """

    def __setitem__(self, name: str, value: Any) -> None:
        now = self.get(name)
        if now is None or now.dtype.kind == "c" or np.asarray(value).dtype.kind == "c":
            super().__setitem__(name, value)
            return
        value = as_numbers(value, who="Layer.params", which=name)
        check_shape(value, now.shape, who="Layer.params", which=name)
        now[...] = value

    def update(self, *arrays: Any, **named: Any) -> None:
        for name, value in dict(*arrays, **named).items():
            self[name] = value

    def __ior__(self, arrays: Any) -> Self:
        self.update(arrays)
        return self


class Layer:
    """One op with parameters.

    A subclass sets its options in `__init__` (each stored under its argument's name, so that
    `config` finds it), says in `build` which output shape and parameters an input shape leads to,
    and writes `forward` and `backward`. Everything else is here.

    Attributes:
        name: unique within its container; made from the type where the user gives none.
        params: the parameters' arrays, by name. The layer's own: they change as it learns, and
            assigning copies.
        state: arrays that are kept but not learned by gradients (running statistics).
        frozen: a frozen layer's parameters and state are left as they are.
        decayed: the parameters that weight decay and penalties apply to (weights, not biases).
        random: whether the layer draws random numbers in training.
        rng: the generator that a random layer draws from; the network gives each its own.
        built: whether the layer knows its shapes.
    """

    decayed: tuple[str, ...] = ()
    random = False
    children: tuple["Layer", ...] = ()

    def __init__(self, *, name: str | None = None) -> None:
        self.name = name
        self.params: dict[str, Array] = LiveArrays()
        self.state: dict[str, Array] = LiveArrays()
        self.param_specs: dict[str, ParamSpec] = {}
        self.state_specs: dict[str, ParamSpec] = {}
        self.frozen = False
        self.rng: np.random.Generator | None = None
        self.input_shape: Shape = ()
        self.output_shape: Shape = ()
        self.built = False

    # -- what a subclass writes -------------------------------------------------------------

    def build(self, input_shape: Shape) -> Shape:
        """Take one example's shape: fill `param_specs`, `state_specs`; return the output's shape.

        Raises:
            ShapeError: the layer cannot follow an input of that shape.
        """
        raise NotImplementedError(f"{type(self).__name__} must define build(input_shape)")

    def forward(self, x: Array, *, training: bool) -> tuple[Array, Any]:
        """Return the output and `saved`, which is what `backward` needs; change nothing."""
        raise NotImplementedError(f"{type(self).__name__} must define forward(x, training=...)")

    def backward(self, dy: Array, saved: Any) -> tuple[Array, dict[str, Array]]:
        """Return the input's gradient, and those of `params` under the same keys."""
        raise NotImplementedError(f"{type(self).__name__} must define backward(dy, saved)")

    def new_state(self, saved: Any) -> dict[str, Array]:
        """The state after the forward pass that gave `saved`; empty where a pass leaves none."""
        del saved
        return {}

    def flops(self) -> int:
        """Floating-point operations of one example's forward pass (a multiply-add counts two)."""
        return 0

    # -- what every layer has ---------------------------------------------------------------

    def configure(self, input_shape: Shape) -> Shape:
        """Build for `input_shape` and remember both shapes; called once, by the container."""
        self.input_shape = input_shape
        shape: Any = self.build(input_shape)  # a user's own layer may return anything
        if not isinstance(shape, tuple | list) or not all(
            isinstance(size, int | np.integer) for size in cast("Sequence[Any]", shape)
        ):
            raise DtypeError(
                f"{type(self).__name__} {self.name!r}: build must return the output's shape as a "
                f"tuple of whole numbers, without the batch axis, but returned {shape!r}."
            )
        self.output_shape = tuple(int(size) for size in cast("Sequence[Any]", shape))
        self.built = True
        return self.output_shape

    def initialize(self, rng: np.random.Generator, dtype: Any, *, blank: bool = False) -> None:
        """Make parameters and state, and the layer's own generator, from `rng`.

        With `blank` all arrays are zero: their values are about to be read from a file.
        """
        own, self.rng = rng.spawn(2)
        for specs, arrays in ((self.param_specs, self.params), (self.state_specs, self.state)):
            arrays.clear()
            for name, (shape, init) in specs.items():
                values = np.zeros(shape) if blank else init(own, shape, dtype)
                check_shape(values, shape, who=self.title, which=f"the initial {name}")
                # In rows, whatever the initializer made: who shares an array cuts it so.
                arrays[name] = np.array(values, dtype, order="C")

    def config(self) -> dict[str, Any]:
        """The constructor's arguments, as plain values that JSON can hold."""
        import inspect

        names = [key for key in inspect.signature(type(self).__init__).parameters if key != "self"]
        missing = [key for key in names if not hasattr(self, key)]
        if missing:
            raise InvalidValueError(
                f"{type(self).__name__}: every argument of the constructor must be stored under "
                f"its name, but {', '.join(missing)} is not. Write self.{missing[0]} = {missing[0]}"
                " in __init__, or define config()."
            )
        return {key: plain(getattr(self, key)) for key in names}

    def freeze(self, frozen: bool = True) -> Self:  # noqa: FBT001, FBT002  (reads as a switch)
        """Keep parameters and state as they are from now on; with False, let them learn again."""
        self.frozen = frozen
        for child in self.children:
            child.freeze(frozen)
        return self

    def walk(self, path: str = "") -> Iterator[tuple[str, "Layer"]]:
        """This layer and all below it with their full names, each layer object once."""
        yield path, self
        for child in dict.fromkeys(self.children):
            yield from child.walk(f"{path}.{child.name}" if path else f"{child.name}")

    def copy(self) -> Self:
        """An independent layer with equal options, parameters, state and generator."""
        return copy.deepcopy(self)

    @property
    def title(self) -> str:
        """How errors and tables name this layer: type, name and sizes."""
        sizes = f" ({self._sizes()})" if self.built else ""
        return f"{type(self).__name__} {self.name!r}{sizes}"

    def _sizes(self) -> str:
        def side(shape: Shape) -> str:
            return str(shape[0]) if len(shape) == 1 else shape_text(shape)

        return f"{side(self.input_shape)} -> {side(self.output_shape)}"

    def check_input(self, x: Array, *, cure: str = "") -> None:
        """Refuse a batch that this layer was not built for."""
        if not self.built:
            raise InvalidValueError(
                f"{type(self).__name__}: the layer must be built for an input shape before it is "
                "used, but is not. Put it into a Network."
            )
        check_shape(x, ("N", *self.input_shape), who=self.title, which="x", cure=cure)

    def check_gradient(self, dy: Array, batch: Sequence[int] | None = None) -> None:
        """Refuse a gradient that is not of the output's shape: NumPy might repeat a row of it.

        Args:
            dy: the gradient that `backward` was given.
            batch: a shape whose first size is the number of examples, where `saved` has one.
        """
        came = np.shape(dy)
        rows = tuple((came if batch is None else batch)[:1])
        if self.built and came != rows + self.output_shape:
            wanted = (*(("N",) if batch is None else rows), *self.output_shape)
            cure = "Give the gradient of the output that forward returned with this saved."
            check_shape(dy, wanted, who=self.title, which="dy", cure=cure)

    def check_axes(self, input_shape: Shape, axes: Sequence[str], *, cure: str = "") -> None:
        """Refuse, at build time, an input with another number of axes than `axes` names."""
        if len(input_shape) != len(axes):
            raise ShapeError(
                f"{type(self).__name__} {self.name!r}: x must have shape "
                f"{shape_text(('N', *axes))}, but has shape {shape_text(('N', *input_shape))}."
                f"{' ' if cure else ''}{cure}"
            )

    def __repr__(self) -> str:
        import inspect

        signature = inspect.signature(type(self).__init__).parameters
        given = [
            f"{key}={value!r}"
            for key, value in self.config().items()
            if key in signature and value != plain(signature[key].default)
        ]
        return f"{type(self).__name__}({', '.join(given)})"


def plain(value: Any) -> Any:
    """Turn an option into what JSON holds; of a function only its name stays, after "custom:"."""
    if isinstance(value, np.ndarray | np.generic):
        return cast("Any", value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in cast("list[Any]", value)]
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in cast("dict[Any, Any]", value).items()}
    if callable(value):
        return f"custom:{getattr(value, '__name__', type(value).__name__)}"
    return value
