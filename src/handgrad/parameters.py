"""A network's arrays by name, as its users see them."""

import re
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from typing import Any, cast

from handgrad.checks import (
    Array,
    DtypeError,
    InvalidValueError,
    UnknownNameError,
    as_numbers,
    check_shape,
    shape_text,
)


class Arrays(MutableMapping[str, Array]):
    """A network's arrays by name: live views. Assigning to a name copies into its array."""

    def __init__(self, arrays: dict[str, Array], who: str) -> None:
        self._arrays = arrays
        self._who = who

    def __getitem__(self, name: str) -> Array:
        if name not in self._arrays:
            names = ", ".join(self._arrays) or "nothing"
            raise UnknownNameError(f"{self._who} has no {name!r}; it has {names}.")
        return self._arrays[name]

    def __setitem__(self, name: str, value: Any) -> None:
        array = self[name]
        value = as_numbers(value, who=self._who, which=name)
        check_shape(value, array.shape, who=self._who, which=name)
        array[...] = value

    def load(self, arrays: Mapping[str, Any] | Sequence[Any]) -> None:
        """Copy in all arrays of a network that was stored elsewhere; all of them, or none.

        Args:
            arrays: a list in the order of the names here (weight, bias, weight, bias, …), or a
                dict by name. Its names may be those here; or W1, b1, W2, b2, … for the first,
                second, … layer with a weight matrix or filters, and gamma1, beta1, … for the
                normalization layers, as the textbooks number them. Affine weights are
                (in, out), filters (out, in, height, width).

        Raises:
            UnknownNameError: a name is missing, or there is one too many.
            InvalidValueError: a list of another length.
            ShapeError, DtypeError: an array does not fit into its place.

        >>> import numpy as np
        >>> from handgrad import Affine, Network
        >>> network = Network([Affine(1)], 2)
        >>> network.params.load({"W1": [[3.0], [4.0]], "b1": [5.0]})
        >>> network.predict(np.ones((1, 2)))
        array([[12.]], dtype=float32)
        """
        named = self._by_name(arrays) if isinstance(arrays, Mapping) else self._in_order(arrays)
        for name, value in named.items():
            array = as_numbers(value, who=f"{self._who}.load", which=name)
            check_shape(array, self._arrays[name].shape, who=f"{self._who}.load", which=name)
        for name, value in named.items():
            self[name] = value

    def _in_order(self, arrays: Any) -> dict[str, Any]:
        """Arrays of a list by their names here."""
        if not isinstance(arrays, list | tuple):
            raise DtypeError(
                f"{self._who}.load: arrays must be a dict or a list of arrays, but is of type "
                f"{type(arrays).__name__}."
            )
        given = cast("Sequence[Any]", arrays)
        if len(given) != len(self):
            raise InvalidValueError(
                f"{self._who}.load: the list must hold {len(self)} arrays, for {', '.join(self)}, "
                f"but holds {len(given)}."
            )
        return dict(zip(self, given, strict=True))

    def _by_name(self, arrays: Mapping[str, Any]) -> dict[str, Any]:
        """Arrays of a dict by their names here, from these or from textbooks' names."""
        places = {name: name for name in self}
        if arrays and all(re.fullmatch(r"(W|b|gamma|beta)\d+", str(name)) for name in arrays):
            places = self._textbook_names()
        for problem, names in (
            ("has no", [name for name in places if name not in arrays]),
            ("has also", [name for name in arrays if name not in places]),
        ):
            if names:
                raise UnknownNameError(
                    f"{self._who}.load: the dict must hold {', '.join(places)}, but {problem} "
                    f"{', '.join(map(str, names))}."
                )
        return {place: arrays[name] for name, place in places.items()}

    def _textbook_names(self) -> dict[str, str]:
        """{"W1": "affine_1.weight", …}: layers counted by kind, from 1."""
        counts = {"W": 0, "gamma": 0}
        places: dict[str, str] = {}
        for name, array in self._arrays.items():
            if name.endswith(".weight"):
                kind, offset = ("gamma", "beta") if array.ndim == 1 else ("W", "b")
                counts[kind] += 1
                places[f"{kind}{counts[kind]}"] = name
                bias = f"{name.removesuffix('weight')}bias"
                if bias in self._arrays:
                    places[f"{offset}{counts[kind]}"] = bias
        return places

    def __delitem__(self, name: str) -> None:
        raise InvalidValueError(f"{self._who}: {name!r} belongs to a layer and cannot be deleted.")

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def __repr__(self) -> str:
        inner = ", ".join(f"{k}: {shape_text(v.shape)}" for k, v in self._arrays.items())
        return f"<{self._who} {inner}>"
