"""What containers ask of the layers inside them: a name, one owner, one input shape."""

import re
from collections.abc import Iterable

from handgrad.checks import InvalidValueError, ShapeError, check_kind, shape_text
from handgrad.layers.base import Layer, Shape


def check_layer(layer: object, *, who: str) -> None:
    """Refuse what is no layer, or a user's own that is only half made."""
    several = isinstance(layer, list | tuple)
    cure = "Write the layers one after the other." if several else ""
    check_kind(layer, Layer, who=who, which="every layer", cure=cure)
    if not hasattr(layer, "built"):
        raise InvalidValueError(
            f"{type(layer).__name__}: the constructor must call super().__init__(name=name) first, "
            "but does not."
        )


def check_owners(container: Layer) -> None:
    """Refuse a layer that stands in two containers."""
    owners: dict[Layer, Layer] = {}
    for _, owner in container.walk():
        for child in unique(owner.children):
            other = owners.setdefault(child, owner)
            if other is not owner:
                raise InvalidValueError(
                    f"{type(container).__name__}: {child.title} must stand in one container, but "
                    f"stands in {other.title} and in {owner.title}. Make a new layer for each."
                )


def unique(layers: Iterable[Layer]) -> list[Layer]:
    """Each layer object once, in order."""
    return list(dict.fromkeys(layers))


def name_children(layers: Iterable[Layer]) -> None:
    """Name what has no name, `<type>_<number>`, and refuse two different layers of one name."""
    taken: dict[str, Layer] = {}
    layers = unique(layers)
    for layer in layers:
        if layer.name is not None:
            if not isinstance(layer.name, str) or not re.fullmatch(r"\w+", layer.name):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise InvalidValueError(
                    f"{type(layer).__name__}: name must consist of letters, digits and _, "
                    f"but is {layer.name!r}."
                )
            if layer.name in taken:
                raise InvalidValueError(
                    f"two layers are called {layer.name!r}: {taken[layer.name]!r} and {layer!r}. "
                    "Give each its own name."
                )
            taken[layer.name] = layer
    for layer in layers:
        if layer.name is None:
            kind = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(layer).__name__).lower()
            number = 1
            while f"{kind}_{number}" in taken:
                number += 1
            layer.name = f"{kind}_{number}"
            taken[layer.name] = layer


def configure_once(layer: Layer, input_shape: Shape) -> Shape:
    """Build a layer; one that stands in several places must meet the same input shape in each."""
    if layer.built and layer.input_shape != input_shape:
        raise ShapeError(
            f"{layer.title} was built for input {shape_text(('N', *layer.input_shape))} and cannot "
            f"be used again for {shape_text(('N', *input_shape))}. Make a new layer for each place."
        )
    return layer.configure(input_shape)
