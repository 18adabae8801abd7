"""Layers as plain values and back: what a saved network says about its architecture."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from handgrad.checks import FileFormatError
from handgrad.layers.base import Layer


def describe(layer: Layer) -> dict[str, Any]:
    """A layer as plain values: its type, its options, whether it is frozen."""
    return {"type": type_name(type(layer)), "options": layer.config(), "frozen": layer.frozen}


def describe_all(layers: Iterable[Layer]) -> list[dict[str, Any]]:
    """Layers as plain values; one that comes again says where it came first: {"again": index}."""
    first: dict[Layer, int] = {}
    return [
        describe(layer) if first.setdefault(layer, index) == index else {"again": first[layer]}
        for index, layer in enumerate(layers)
    ]


def type_name(kind: type[Layer]) -> str:
    """How files call a layer's type: handgrad's by name, a user's own "custom:name"."""
    own = kind.__module__.partition(".")[0] == __name__.partition(".")[0]
    return kind.__name__ if own else f"custom:{kind.__name__}"


def known_layers() -> dict[str, type[Layer]]:
    """Every subclass of `Layer` in this process, by the name that files give it.

    Of two classes of one name the newer counts: a notebook's cell defines its class again.
    """
    known: dict[str, type[Layer]] = {}
    waiting: list[type[Layer]] = [Layer]
    while waiting:
        for kind in waiting.pop().__subclasses__():
            known[type_name(kind)] = kind
            waiting.append(kind)
    return known


def make_all(descriptions: Any, known: Mapping[str, type[Layer]]) -> list[Layer]:
    """The layers that `describe_all` described.

    Raises:
        FileFormatError: as for `make`; or a layer that comes again before it comes.
    """
    if not isinstance(descriptions, list):
        raise FileFormatError(f"this is not a list of layers: {descriptions!r:.200}")
    layers: list[Layer] = []
    for description in cast("list[Any]", descriptions):
        fields = cast("dict[str, Any]", description if isinstance(description, dict) else {})
        again = fields.get("again")
        if again is None:
            layers.append(make(cast("Any", description), known))
        elif isinstance(again, int) and 0 <= again < len(layers):
            layers.append(layers[again])
        else:
            raise FileFormatError(f"layer {again!r:.200} comes again before it comes.")
    return layers


def make(description: Any, known: Mapping[str, type[Layer]]) -> Layer:
    """The layer that `describe` described.

    Raises:
        FileFormatError: an unknown type, or options that it does not take.
    """
    fields = cast("dict[str, Any]", description if isinstance(description, dict) else {})
    kind, given, frozen = (fields.get(key) for key in ("type", "options", "frozen"))
    if not (isinstance(kind, str) and isinstance(given, dict) and isinstance(frozen, bool)):
        raise FileFormatError(f"this is not the description of a layer: {description!r:.200}")
    options = dict(cast("dict[str, Any]", given))
    if kind not in known:
        raise FileFormatError(
            f"the network has a layer of type {kind.removeprefix('custom:')!r:.200}, which is not "
            "known here. If it is your own, import the module that defines it before loading."
        )
    layers = make_all(options.pop("layers", []), known)
    if options.get("shortcut") is not None:
        options["shortcut"] = make(options["shortcut"], known)
    try:
        layer = known[kind](*layers, **options)
    except (TypeError, ValueError) as error:
        raise FileFormatError(f"the options of the layer {kind} are not usable: {error}") from error
    layer.frozen = frozen
    return layer
