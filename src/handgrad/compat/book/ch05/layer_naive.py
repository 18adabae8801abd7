"""`layer_naive` of chapter 5: the two nodes of the apple shop's graph."""

from typing import Any

__all__ = ["AddLayer", "MulLayer"]


class MulLayer:
    """A product of two values, which it keeps: each is the other's slope."""

    def __init__(self) -> None:
        self.x: Any = None
        self.y: Any = None

    def forward(self, x: Any, y: Any) -> Any:
        """Their product."""
        self.x, self.y = x, y
        return x * y

    def backward(self, dout: Any) -> tuple[Any, Any]:
        """Each value's gradient: `dout` times the other."""
        return dout * self.y, dout * self.x


class AddLayer:
    """A sum of two values."""

    def forward(self, x: Any, y: Any) -> Any:
        """Their sum."""
        return x + y

    def backward(self, dout: Any) -> tuple[Any, Any]:
        """`dout` for both."""
        return dout, dout
