"""Layers as plain values and back: what a saved network says about its architecture."""

from collections.abc import Mapping
from typing import Any, cast

from handgrad.checks import FileFormatError
from handgrad.layers.base import Layer


def describe(layer: Layer) -> dict[str, Any]:
    """A layer as plain values: its type, its options, whether it is frozen."""
    return {"type": type(layer).__name__, "options": layer.config(), "frozen": layer.frozen}


def known_layers() -> dict[str, type[Layer]]:
    """Every subclass of `Layer` in this process by its name: handgrad's, and users' own."""
    known: dict[str, type[Layer]] = {}
    waiting: list[type[Layer]] = [Layer]
    while waiting:
        for kind in waiting.pop().__subclasses__():
            known.setdefault(kind.__name__, kind)
            waiting.append(kind)
    return known


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
            f"the network has a layer of type {kind!r}, which is not known here. If it is your "
            "own, import the module that defines it before loading."
        )
    layers = [make(child, known) for child in options.pop("layers", [])]
    if options.get("shortcut") is not None:
        options["shortcut"] = make(options["shortcut"], known)
    try:
        layer = known[kind](*layers, **options)
    except (TypeError, ValueError) as error:
        raise FileFormatError(f"the options of the layer {kind} are not usable: {error}") from error
    layer.frozen = frozen
    return layer
