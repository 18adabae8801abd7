"""A network's arrays by name, as its users see them."""

from collections.abc import Iterator, MutableMapping
from typing import Any

import numpy as np

from handgrad.checks import Array, InvalidValueError, check_shape, shape_text


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
