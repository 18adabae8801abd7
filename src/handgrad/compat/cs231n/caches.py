"""Caches: the tuples that the course documents, which also carry what the ops saved."""

from collections.abc import Iterable
from typing import Any, Self


class Cache(tuple[Any, ...]):  # noqa: SLOT001  (a tuple's size varies, so it can have no slots)
    """A cache that unpacks as the course's (`x, w, b = cache`) and remembers the op's `saved`."""

    saved: Any

    @classmethod
    def of(cls, parts: Iterable[Any], saved: Any) -> Self:
        """A cache with these parts."""
        cache = cls(parts)
        cache.saved = saved
        return cache
