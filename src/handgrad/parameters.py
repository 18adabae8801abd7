"""A network's arrays by name, as its users see them."""

from collections.abc import Iterator, MutableMapping
from typing import Any

from handgrad.checks import (
    Array,
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

    def __delitem__(self, name: str) -> None:
        raise InvalidValueError(f"{self._who}: {name!r} belongs to a layer and cannot be deleted.")

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def __repr__(self) -> str:
        inner = ", ".join(f"{k}: {shape_text(v.shape)}" for k, v in self._arrays.items())
        return f"<{self._who} {inner}>"
