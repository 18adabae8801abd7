"""Containers: layers made of layers, with the same two verbs."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeVar

import numpy as np

from handgrad.checks import Array, InvalidValueError, ShapeError, check_shape, shape_text
from handgrad.layers.base import Layer, LiveArrays, Observer, Shape
from handgrad.layers.children import (
    check_layer,
    check_owners,
    configure_once,
    name_children,
    unique,
)
from handgrad.layers.describe import describe, describe_all

Value = TypeVar("Value")


class Container(Layer):
    """A layer made of layers. Its params are theirs, under `child.param`; sharing is allowed.

    A layer object that stands in several places of one container has one set of parameters, whose
    gradient is the sum over the places. Two containers cannot share a layer, because its
    parameters would have two names; nor can a layer with running statistics stand in two places,
    because these would mix what the places see.

    Raises:
        DtypeError: something that is no layer.
        InvalidValueError: two layers of one name; a layer in two containers.
    """

    def __init__(self, *layers: Layer, name: str | None = None) -> None:
        super().__init__(name=name)
        for layer in layers:
            check_layer(layer, who=type(self).__name__)
        self.children = layers
        name_children(layers)
        check_owners(self)

    def configure(self, input_shape: Shape) -> Shape:
        shape = super().configure(input_shape)
        self.param_specs = self.merge(lambda child: child.param_specs)
        self.state_specs = self.merge(lambda child: child.state_specs)
        for child in unique(self.children):
            if child.state_specs and self.children.count(child) > 1:
                raise InvalidValueError(
                    f"{type(self).__name__} {self.name!r}: a layer with running statistics must "
                    f"stand in one place, but {child.title} stands in "
                    f"{self.children.count(child)}. Make a new layer for each place."
                )
        return shape

    def initialize(self, rng: np.random.Generator, dtype: Any, *, blank: bool = False) -> None:
        for child in unique(self.children):
            child.initialize(rng.spawn(1)[0], dtype, blank=blank)
        self.gather()

    def gather(self) -> None:
        """Collect the children's arrays (the same arrays, not copies) under their full names."""
        self.params = LiveArrays(self.merge(lambda child: child.params))
        self.state = LiveArrays(self.merge(lambda child: child.state))

    def merge(self, values: Callable[[Layer], dict[str, Value]]) -> dict[str, Value]:
        """One dict of all children's dicts, keyed `child.key`."""
        return {
            f"{child.name}.{key}": value
            for child in unique(self.children)
            for key, value in values(child).items()
        }

    def forward(
        self, x: Array, *, training: bool, observe: Observer | None = None
    ) -> tuple[Array, Any]:
        """As every layer's; `observe(layer, y)` sees the output of every layer inside."""
        raise NotImplementedError

    def backward(
        self, dy: Array, saved: Any, *, observe: Observer | None = None
    ) -> tuple[Array, dict[str, Array]]:
        """As every layer's; `observe(layer, dy)` sees the gradient of every output inside."""
        raise NotImplementedError

    def config(self) -> dict[str, Any]:
        return {"layers": describe_all(self.children), "name": self.name}

    def flops(self) -> int:
        return sum(child.flops() for child in self.children)

    def __repr__(self) -> str:
        inner = ", ".join(repr(child) for child in self.children)
        return f"{type(self).__name__}({inner})"


class SequentialSaved(NamedTuple):
    """What `Sequential.backward` needs: each layer's own `saved`, in order."""

    layers: tuple[Any, ...]
    rows: int  # of the batch

    def check_rows(self, dy: Array, *, who: str) -> None:
        """Refuse a gradient with more rows than the output, or fewer: NumPy may repeat one row."""
        cure = "Give the gradient of the output that forward returned with this saved."
        check_shape(dy, (self.rows, *dy.shape[1:]), who=who, which="dy", cure=cure)


class Sequential(Container):
    """Layers one after the other: each takes the output of the one before.

    Shapes: those of its layers. Params: `child.param` of each.
    """

    def build(self, input_shape: Shape) -> Shape:
        shape = input_shape
        chain = [f"x {shape_text(('N', *shape))}"]
        for child in self.children:
            try:
                shape = configure_once(child, shape)
            except ShapeError as error:
                raise ShapeError(f"{error}\n  The chain so far: {' -> '.join(chain)}") from None
            chain.append(f"{child.name} {shape_text(('N', *shape))}")
        return shape

    def forward(
        self, x: Array, *, training: bool, observe: Observer | None = None
    ) -> tuple[Array, SequentialSaved]:
        saved: list[Any] = []
        for child in self.children:
            x, child_saved = run_forward(child, x, training=training, observe=observe)
            saved.append(child_saved)
        return x, SequentialSaved(tuple(saved), len(x))

    def backward(
        self, dy: Array, saved: SequentialSaved, *, observe: Observer | None = None
    ) -> tuple[Array, dict[str, Array]]:
        self.check_gradient(dy, (saved.rows,))
        grads: dict[str, Array] = {}
        for child, child_saved in zip(reversed(self.children), reversed(saved.layers), strict=True):
            dy, child_grads = run_backward(child, dy, child_saved, observe=observe)
            add_grads(grads, child_grads, prefix=child.name)
        return dy, grads

    def new_state(self, saved: SequentialSaved) -> dict[str, Array]:
        return merge_states(self.children, saved.layers)


class ResidualSaved(NamedTuple):
    """What `Residual.backward` needs: the body's `saved` and the shortcut's."""

    body: Any
    shortcut: Any


class Residual(Container):
    """The body's output plus the input itself: y = body(x) + x, or body(x) + shortcut(x).

    The gradient splits the way the sum joined: dx = (through the body) + (through the shortcut).

    Args:
        layers: the body, one layer after the other.
        shortcut: a layer for the other path where the body changes the shape (a 1×1 convolution).
        name: how parameters and errors call this layer.

    He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", arXiv:1512.03385.
    """

    def __init__(
        self, *layers: Layer, shortcut: Layer | None = None, name: str | None = None
    ) -> None:
        self.layers = layers
        self.shortcut = shortcut
        body = Sequential(*layers, name="body")
        if shortcut is not None and shortcut.name is None:
            shortcut.name = "shortcut"
        super().__init__(body, *([shortcut] if shortcut is not None else []), name=name)

    def build(self, input_shape: Shape) -> Shape:
        body = configure_once(self.children[0], input_shape)
        other = configure_once(self.shortcut, input_shape) if self.shortcut else input_shape
        if body != other:
            raise ShapeError(
                f"Residual {self.name!r}: the body must keep the shape of the path it is added to, "
                f"{shape_text(('N', *other))}, but its output is {shape_text(('N', *body))}. "
                "Give shortcut= a layer that ends in the body's shape."
            )
        return body

    def forward(
        self, x: Array, *, training: bool, observe: Observer | None = None
    ) -> tuple[Array, ResidualSaved]:
        y, body_saved = run_forward(self.children[0], x, training=training, observe=observe)
        if self.shortcut is None:
            return y + x, ResidualSaved(body_saved, None)
        other, shortcut_saved = run_forward(self.shortcut, x, training=training, observe=observe)
        return y + other, ResidualSaved(body_saved, shortcut_saved)

    def backward(
        self, dy: Array, saved: ResidualSaved, *, observe: Observer | None = None
    ) -> tuple[Array, dict[str, Array]]:
        self.check_gradient(dy, (saved.body.rows,))
        grads: dict[str, Array] = {}
        dx, body_grads = run_backward(self.children[0], dy, saved.body, observe=observe)
        add_grads(grads, body_grads, prefix=self.children[0].name)
        if self.shortcut is None:
            return dx + dy, grads
        dother, other_grads = run_backward(self.shortcut, dy, saved.shortcut, observe=observe)
        add_grads(grads, other_grads, prefix=self.shortcut.name)
        return dx + dother, grads

    def new_state(self, saved: ResidualSaved) -> dict[str, Array]:
        return merge_states(self.children, (saved.body, saved.shortcut)[: len(self.children)])

    def config(self) -> dict[str, Any]:
        return {
            "layers": describe_all(self.layers),
            "shortcut": None if self.shortcut is None else describe(self.shortcut),
            "name": self.name,
        }


def run_forward(
    layer: Layer, x: Array, *, training: bool, observe: Observer | None
) -> tuple[Array, Any]:
    """Run one child forward; `observe(layer, y)` sees its output, and its own children's before."""
    options = {"observe": observe} if layer.children else {}
    y, saved = layer.forward(x, training=training, **options)
    if observe is not None:
        observe(layer, y)
    return y, saved


def run_backward(
    layer: Layer, dy: Array, saved: Any, *, observe: Observer | None
) -> tuple[Array, dict[str, Array]]:
    """Run one child backward; `observe(layer, dy)` sees the gradient of its output first."""
    if observe is not None:
        observe(layer, dy)
    options = {"observe": observe} if layer.children else {}
    return layer.backward(dy, saved, **options)


def add_grads(total: dict[str, Array], grads: dict[str, Array], *, prefix: str | None) -> None:
    """Add a child's gradients into `total`; a parameter used twice gets the sum."""
    for key, grad in grads.items():
        full = f"{prefix}.{key}"
        total[full] = total[full] + grad if full in total else grad


def merge_states(children: Iterable[Layer], saved: Iterable[Any]) -> dict[str, Array]:
    """The new states of all children, under their full names."""
    return {
        f"{child.name}.{key}": value
        for child, child_saved in zip(children, saved, strict=True)
        for key, value in child.new_state(child_saved).items()
    }
