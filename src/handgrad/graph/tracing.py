"""Both passes written down step by step, so that a reader can follow with a pencil."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from html import escape
from typing import NamedTuple

import numpy as np

from handgrad.checks import Array, InvalidValueError, shape_text
from handgrad.graph.passes import Made, Node, history, inputs_of
from handgrad.graph.rules import options_text, rule_of
from handgrad.graph.text import array_text
from handgrad.graph.variable import Variable

MOST_STEPS = 1000


class Way(NamedTuple):
    """What one input of an operation got back, as texts."""

    slope: str  # ∂price/∂fruit = tax = 1.1; empty where every entry reaches many
    gradient: str  # dfruit = dprice × 1.1 = 1 × 1.1 = 1.1
    total: str  # where the input was used before: the sum of its gradients so far


@dataclass
class Step:
    """One operation, as texts: what it made and, for each input, the way back."""

    number: int
    formula: str  # price = fruit × tax
    numbers: str  # 200 × 1.1 = 220
    ways: list[Way] = field(default_factory=list[Way])


@dataclass(repr=False)
class Trace:
    """Both passes of a graph: `print` it, or let a notebook show it as tables.

    Attributes:
        given: the inputs, one line each.
        steps: the operations, in the order of the forward pass.
        seed: the gradient that the backward pass began with; empty, if there was none.
    """

    given: list[str]
    steps: list[Step]
    seed: str

    def __str__(self) -> str:
        lines = ["Forward", *(f"     {line}" for line in self.given)]
        for step in self.steps:
            lines += [f"{step.number:>3}. {step.formula}", f"     {step.numbers}"]
        lines += ["", "Backward", f"     {self.seed or 'not yet: call backward()'}"]
        for step in reversed(self.steps if self.seed else []):
            lines.append(f"{step.number:>3}. {step.formula}")
            for way in step.ways:
                lines += [f"     {way.slope}"] * bool(way.slope) + [f"       {way.gradient}"]
                lines += [f"       {way.total}"] * bool(way.total)
        return "\n".join(lines)

    __repr__ = __str__

    def html(self) -> str:
        """Both passes as two tables."""
        forward = [("", line, "") for line in self.given]
        forward += [(str(s.number), s.formula, s.numbers) for s in self.steps]
        backward = [("", self.seed or "not yet: call backward()", "", "")]
        for step in reversed(self.steps if self.seed else []):
            for place, way in enumerate(step.ways):
                number, formula = ("", "") if place else (str(step.number), step.formula)
                backward.append((number, formula, way.slope, f"{way.gradient} {way.total}".strip()))
        return "\n".join(
            [
                '<div style="overflow-x: auto">',
                table("Forward", ("", "step", "in numbers"), forward),
                table("Backward", ("", "step", "local derivative", "gradient"), backward),
                "</div>",
            ]
        )

    def _repr_html_(self) -> str:
        return self.html()


def table(title: str, head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """An HTML table that takes its colours from the page."""

    def cells(kind: str, row: tuple[str, ...]) -> str:
        style = 'style="text-align: left; padding: 2px 12px; white-space: nowrap"'
        return "".join(f"<{kind} {style}>{escape(text)}</{kind}>" for text in row)

    body = "\n".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    caption = f'<caption style="text-align: left; font-weight: bold">{title}</caption>'
    return f"<table>{caption}\n<tr>{cells('th', head)}</tr>\n{body}\n</table>"


def trace(output: Variable, *, digits: int = 6) -> Trace:
    """Write down every step that led to `output`, forward and (after `backward()`) backward.

    A step backward shows, for each input, the local derivative, first as a formula and then as a
    number, and the gradient that follows by the chain rule. What has no name is called v1, v2 and
    so on, by its step; arrays are shown by their shapes, short vectors in full.

    Args:
        output: where the graph ends.
        digits: how many digits of each number count.

    Raises:
        InvalidValueError: there are more steps than anybody would read.

    >>> apple, count = Variable(100, name="apple"), Variable(2, name="count")
    >>> price = (apple * count).named("price")
    >>> price.backward()
    >>> print(price.trace())
    Forward
         apple = 100
         count = 2
      1. price = apple × count
         = 100 × 2 = 200
    <BLANKLINE>
    Backward
         dprice = 1
      1. price = apple × count
         ∂price/∂apple = count = 2
           dapple = dprice × 2 = 1 × 2 = 2
         ∂price/∂count = apple = 100
           dcount = dprice × 100 = 1 × 100 = 100
    """
    made = history(output)
    if len(made) > MOST_STEPS:
        raise InvalidValueError(
            f"trace: the graph must have at most {MOST_STEPS} steps to be read, but has "
            f"{len(made)}. Trace an intermediate result, which has a part of them."
        )
    return Writer(output, made, digits).trace()


class Writer:
    """Turns a graph into texts."""

    def __init__(self, output: Variable, made: list[Made], digits: int) -> None:
        self.output = output
        self.made = made
        self.digits = digits
        self.inputs = [x for x in inputs_of(made) if x.node is None]
        if output.node is None:
            self.inputs.append(output)
        self.names = names_of(self.inputs, [variable for variable, _ in made])
        self.uses = Counter(id(x) for _, node in made for x in node.inputs)
        self.received: dict[int, list[Array]] = {}  # the gradients that each variable got so far

    def trace(self) -> Trace:
        """Both passes."""
        shown = [x for x in self.inputs if not x.constant or x.value.ndim]
        given = [f"{self.name(x)} {self.value(x.value)}" for x in shown]
        steps = [self.step(number, *made) for number, made in enumerate(self.made, start=1)]
        grad, seed = self.output.grad, ""
        if grad is not None:
            seed = f"d{self.name(self.output)} {self.value(grad)}"
            for step, (variable, node) in zip(reversed(steps), reversed(self.made), strict=True):
                step.ways = self.ways(variable, node)
        return Trace(given, steps, seed)

    def step(self, number: int, variable: Variable, node: Node) -> Step:
        """What the forward pass did."""
        rule, y = rule_of(node.op, len(node.inputs)), self.name(variable)
        formula = f"{y} = {filled(rule.formula, map(self.name, node.inputs))}"
        numbers = self.value(variable.value)
        if all(x.value.ndim == 0 for x in node.inputs):
            numbers = f"= {filled(rule.formula, map(self.number, node.inputs))} {numbers}"
        options = options_text(node)
        return Step(number, f"{formula}, with {options}" if options else formula, numbers)

    def ways(self, variable: Variable, node: Node) -> list[Way]:
        """What the backward pass did, for each input."""
        rule, y = rule_of(node.op, len(node.inputs)), self.name(variable)
        names = [self.name(x) for x in node.inputs]
        ways: list[Way] = []
        for place, (x, gradient) in enumerate(zip(node.inputs, node.d_inputs, strict=True)):
            if gradient is None:
                continue
            if rule.slopes:
                formula = filled(rule.slopes[place], names, y=y)
                slope, product = self.chain_rule(variable, node, place, formula)
            else:
                slope, product = "", filled(rule.gradients[place], names, y=y, dy=f"d{y}")
            text = f"d{self.name(x)} = {product}{self.result(gradient)}"
            ways.append(Way(slope, text, self.total(x, gradient)))
        return ways

    def chain_rule(
        self, variable: Variable, node: Node, place: int, formula: str
    ) -> tuple[str, str]:
        """Where one entry makes one entry: the slope, and the product of dy and the slope."""
        x, y = node.inputs[place], self.name(variable)
        local = f"∂{y}/∂{self.name(x)}"
        slope = f"{local} = {formula}"
        if x.shape != variable.shape:  # x was broadcast: the op's gradient is summed already
            return slope, f"d{y} × {local}, summed to shape {shape_text(x.shape)}"
        ones = np.ones(variable.shape, variable.value.dtype)
        number = np.asarray(node.op_backward(ones, node.saved)[place])
        if self.text(number) != formula:
            slope += self.result(number)
        if number.ndim or variable.grad is None:
            return slope, f"d{y} × {local}"
        factor = bracketed(self.text(number))
        return slope, f"d{y} × {factor} = {bracketed(self.text(variable.grad))} × {factor}"

    def total(self, x: Variable, gradient: Array) -> str:
        """The sum of what x received, when this is the last of several gradients."""
        parts = self.received.setdefault(id(x), [])
        parts.append(gradient)
        if len(parts) < self.uses[id(x)] or len(parts) == 1:
            return ""
        if gradient.ndim:
            return f"in all, d{self.name(x)} is the sum of these {len(parts)} gradients"
        inner = " + ".join(bracketed(self.text(part)) for part in parts)
        return f"in all, d{self.name(x)} = {inner} = {self.text(np.asarray(sum(parts)))}"

    def name(self, variable: Variable) -> str:
        """A variable's name; a number that was written into the formula is its own."""
        if variable.constant and variable.value.ndim == 0:
            return self.number(variable)
        return self.names[id(variable)]

    def text(self, array: Array) -> str:
        """An array, with real minus signs."""
        return array_text(array, self.digits).replace("-", "−")

    def number(self, variable: Variable) -> str:
        """The value, as it is written inside a formula."""
        return bracketed(self.text(variable.value))

    def value(self, array: Array) -> str:
        """The value, as it is written after a name."""
        text = self.text(array)
        return f"has shape {text}" if text.startswith("(") else f"= {text}"

    def result(self, array: Array) -> str:
        """The value, as it is written after a formula."""
        text = self.text(array)
        return f", of shape {text}" if text.startswith("(") else f" = {text}"


def names_of(inputs: list[Variable], made: list[Variable]) -> dict[int, str]:
    """A name for every variable, all different: its own, or a letter and a number."""
    names: dict[int, str] = {}
    taken: set[str] = set()

    def give(variable: Variable, name: str) -> None:
        while name in taken:
            name += "′"
        taken.add(name)
        names[id(variable)] = name

    for variable in [*inputs, *made]:
        if variable.name:
            give(variable, variable.name)
    for letter, variables in (("u", inputs), ("v", made)):
        for number, variable in enumerate(variables, start=1):
            if id(variable) not in names:
                give(variable, f"c{number}" if variable.constant else f"{letter}{number}")
    return names


def filled(template: str, names: Iterable[str], **others: str) -> str:
    """A formula with its names; a negative number that stands alone in brackets has one pair."""
    text = template.format(*names, **others)
    text = re.sub(r"\((\(−[^()]*\))\)", r"\1", text)
    return re.sub(r"^\((−[^()]*)\)$", r"\1", text)


def bracketed(text: str) -> str:
    """A negative number in brackets, so that no two signs meet."""
    return f"({text})" if text.startswith("−") else text
