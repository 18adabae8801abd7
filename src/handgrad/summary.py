"""What a network is made of, as a table: layers, shapes, parameters, operations, memory."""

import math
from typing import NamedTuple

from handgrad.checks import shape_text
from handgrad.layers.base import Layer
from handgrad.memory import Memory


class Row(NamedTuple):
    """One layer's line of a summary."""

    name: str  # full name, "residual_1.body.conv2d_1"
    kind: str  # the layer's type
    output_shape: tuple[int, ...]  # of one example
    parameters: int
    flops: int  # of one example's forward pass; a multiply-add counts two
    bytes: int  # of one example's output
    frozen: bool


class Summary(NamedTuple):
    """A network's layers and totals; `str(summary)` is a table.

    Floating-point operations are those of one example's forward pass (a backward pass takes about
    twice as many). Output bytes are what the outputs of all layers of one example take. What
    training takes (parameters, gradients and optimizer included) is known where the batch size was
    given.
    """

    input_shape: tuple[int, ...]
    rows: tuple[Row, ...]  # the layers that compute; containers are seen in their names
    parameters: int
    trainable: int
    parameter_bytes: int
    flops: int
    output_bytes: int
    memory: Memory | None = None

    def __str__(self) -> str:
        header = ("layer", "type", "output shape", "parameters", "FLOPs")
        lines = [("input", "", shape_text(("N", *self.input_shape)), "", "")]
        lines += [
            (
                row.name + (" (frozen)" if row.frozen else ""),
                row.kind,
                shape_text(("N", *row.output_shape)),
                f"{row.parameters:,}",
                f"{row.flops:,}",
            )
            for row in self.rows
        ]
        lines.append(("total", "", "", f"{self.parameters:,}", f"{self.flops:,}"))
        columns = zip(header, *lines, strict=True)
        widths = [max(len(cell) for cell in column) for column in columns]
        rule = "  ".join("-" * width for width in widths)

        def line(cells: tuple[str, ...]) -> str:
            left = [f"{cell:<{width}}" for cell, width in zip(cells[:3], widths[:3], strict=True)]
            right = [f"{cell:>{width}}" for cell, width in zip(cells[3:], widths[3:], strict=True)]
            return "  ".join(left + right).rstrip()

        table = [line(header), rule, *map(line, lines[:-1]), rule, line(lines[-1])]
        frozen = self.parameters - self.trainable
        learning = f"{self.trainable:,} parameters learn, {frozen:,} are frozen"
        table.append(f"{learning}; they take {size_text(self.parameter_bytes)}.")
        work = f"One example: {self.flops:,} floating-point operations forward"
        table.append(f"{work}, {size_text(self.output_bytes)} of outputs.")
        if self.memory is not None:
            table.append(memory_text(self.memory))
        return "\n".join(table)


def summarize(
    input_shape: tuple[int, ...], body: Layer, itemsize: int, memory: Memory | None = None
) -> Summary:
    """The summary of a built layer and all below it; numbers take `itemsize` bytes each."""
    rows: list[Row] = []
    for path, layer in body.walk():
        if layer.children:
            continue
        parameters = sum(array.size for array in layer.params.values())
        outputs = math.prod(layer.output_shape) * itemsize
        kind = type(layer).__name__
        shape = layer.output_shape
        rows.append(Row(path, kind, shape, parameters, layer.flops(), outputs, layer.frozen))
    total = sum(row.parameters for row in rows)
    return Summary(
        input_shape=input_shape,
        rows=tuple(rows),
        parameters=total,
        trainable=sum(row.parameters for row in rows if not row.frozen),
        parameter_bytes=total * itemsize,
        flops=body.flops(),
        output_bytes=sum(row.bytes for row in rows),
        memory=memory,
    )


def memory_text(memory: Memory) -> str:
    """What training takes, in a line.

    >>> memory_text(Memory(100, 180_000_000, 55_000_000))
    'Training in batches of 100 takes about 55.0 MB (180.0 MB by the reference).'
    """
    start = f"Training in batches of {memory.batch_size:,} takes about"
    if memory.compiled is None:
        return f"{start} {size_text(memory.reference)}."
    reference = f"({size_text(memory.reference)} by the reference)"
    return f"{start} {size_text(memory.compiled)} {reference}."


def size_text(count: int) -> str:
    """Bytes for people.

    >>> size_text(999), size_text(318_040), size_text(5_000_000)
    ('999 B', '318 kB', '5.0 MB')
    """
    if count < 1000:
        return f"{count} B"
    if count < 1_000_000:
        return f"{count / 1000:.0f} kB"
    if count < 1_000_000_000:
        return f"{count / 1_000_000:.1f} MB"
    return f"{count / 1_000_000_000:.1f} GB"
