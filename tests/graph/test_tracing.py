"""Traces: every step of both passes in words that can be followed with a pencil."""

import xml.etree.ElementTree as ET
from typing import Any

import numpy as np

from handgrad import graph, ops
from handgrad.graph import Variable
from handgrad.graph.rules import RULES
from handgrad.graph.text import array_text, number_text


def lines(variable: Variable) -> list[str]:
    return [line.strip() for line in str(variable.trace()).splitlines()]


def test_apples() -> None:
    apple, count, tax = Variable(100, "apple"), Variable(2, "count"), Variable(1.1, "tax")
    price = (apple * count * tax).named("price")
    assert "not yet: call backward()" in str(price.trace())
    price.backward()
    assert str(price.trace()) == repr(price.trace())
    assert str(price.trace()).splitlines() == [
        "Forward",
        "     apple = 100",
        "     count = 2",
        "     tax = 1.1",
        "  1. v1 = apple × count",
        "     = 100 × 2 = 200",
        "  2. price = v1 × tax",
        "     = 200 × 1.1 = 220",
        "",
        "Backward",
        "     dprice = 1",
        "  2. price = v1 × tax",
        "     ∂price/∂v1 = tax = 1.1",
        "       dv1 = dprice × 1.1 = 1 × 1.1 = 1.1",
        "     ∂price/∂tax = v1 = 200",
        "       dtax = dprice × 200 = 1 × 200 = 200",
        "  1. v1 = apple × count",
        "     ∂v1/∂apple = count = 2",
        "       dapple = dv1 × 2 = 1.1 × 2 = 2.2",
        "     ∂v1/∂count = apple = 100",
        "       dcount = dv1 × 100 = 1.1 × 100 = 110",
    ]


def test_negative_numbers_stand_in_brackets() -> None:
    x = Variable(0.5, "x")
    y = 1 / (1 + graph.exp(x * -1))
    y.backward()
    found = lines(y)
    assert "= 0.5 × (−1) = −0.5" in found
    assert "= exp(−0.5) = 0.606531" in found
    assert "∂v1/∂x = −1" in found
    assert "dx = dv1 × (−1) = (−0.235004) × (−1) = 0.235004" in found
    assert not any("((" in line for line in found)


def test_a_sum_of_several_ways_is_written_once() -> None:
    x = Variable(3.0, "x")
    y = x * x - x
    y.backward()
    found = lines(y)
    assert found.count("in all, dx = (−1) + 3 + 3 = 5") == 1
    v = Variable([1.0, 2.0], "x")
    z = graph.sum(v * v)
    z.backward()
    assert "in all, dx is the sum of these 2 gradients" in lines(z)


def test_arrays() -> None:
    x, w, b = (
        Variable(np.ones((4, 2)), "x"),
        Variable(np.ones((2, 3)), "w"),
        Variable([1, 2, 3], "b"),
    )
    y = graph.sum(graph.relu(x @ w + b))
    y.backward()
    found = lines(y)
    for wanted in (
        "x has shape (4, 2)",
        "b = [1 2 3]",
        "has shape (4, 3)",
        "∂v3/∂v2 = 1 where v2 > 0, else 0, of shape (4, 3)",
        "db = dv2 × ∂v2/∂b, summed to shape (3,) = [4 4 4]",
        "dw = xᵀ dv1, of shape (2, 3)",
        "dx = dv1 wᵀ, of shape (4, 2)",
        "dv3 = dv4, for every entry that was summed, of shape (4, 3)",
    ):
        assert wanted in found


def test_options() -> None:
    x = Variable(np.ones((2, 3)), "x")
    found = lines(graph.max(graph.sum(x, axis=1, keepdims=True))[...])
    assert "1. v1 = sum(x), with axis=1, keepdims=True" in found
    assert "2. v2 = max(v1)" in found
    assert "3. v3 = v2[…]" in found
    assert "<title>sum, axis=1</title>" in graph.sum(x, axis=1).draw()


def test_names_are_different() -> None:
    """What has no name gets a letter and a number that nobody else has."""
    a, b, v1 = Variable(1, "x"), Variable(2, "x"), Variable(3, "v1")
    y = a * b * v1 * Variable(4) * np.array([5.0, 6.0])
    names = [line.split(" = ")[0] for line in lines(y)[1:6]]
    assert names == ["x", "x′", "v1", "u4", "c5"]
    assert "1. v1′ = x × x′" in lines(y)


def test_an_op_without_a_rule_of_its_own() -> None:
    x = Variable([[1.0, 3.0]], "x")
    y = graph.apply("layer_norm", x, np.ones(2), np.zeros(2))
    y.backward(np.ones((1, 2)))
    assert "1. v1 = layer_norm(x, c2, c3)" in lines(y)
    assert "dx = layer_norm_backward of dv1 = [[0 0]]" in lines(y)


def test_every_rule_fits_its_op() -> None:
    """A rule has one slope or gradient for each input of its op."""
    for op, rule in RULES.items():
        count = len(rule.slopes or rule.gradients)
        names = [f"input{i}" for i in range(count)]
        for template in (rule.formula, *rule.slopes, *rule.gradients):
            assert "input" in template.format(*names, y="input", dy="input") or template in "−1"
        assert hasattr(ops, f"{op}_backward")


def test_slopes_are_right() -> None:
    """The slopes' formulas, evaluated, are what the ops' backward passes compute."""
    names: dict[str, Any] = {"exp": np.exp, "log": np.log, "sin": np.sin, "cos": np.cos}
    names["sigmoid"] = lambda x: 1 / (1 + np.exp(-x))
    for op, rule in RULES.items():
        if not rule.slopes or op == "relu":
            continue
        values = [0.7, 1.3][: len(rule.slopes)]
        y = graph.apply(op, *(Variable(value) for value in values))
        assert y.node is not None
        slopes = y.node.op_backward(np.array(1.0), y.node.saved)
        for template, slope in zip(rule.slopes, slopes, strict=True):
            text = template.format(*values, y=float(y))
            for sign, operator in (("−", "-"), ("×", "*"), ("÷", "/"), ("^", "**"), ("²", "**2")):
                text = text.replace(sign, operator)
            assert abs(eval(text, names) - slope) < 1e-12, (op, text)  # noqa: S307  (our own)


def test_html() -> None:
    x = Variable(2, "<x>")
    y = x * x
    y.backward()
    html = y.trace()._repr_html_()
    tree = ET.fromstring(html)  # noqa: S314  (we wrote it)
    rows = [[cell.text or "" for cell in row] for row in tree.iter("tr")]
    assert ["", "step", "local derivative", "gradient"] in rows
    assert ["1", "v1 = <x> × <x>", "∂v1/∂<x> = <x> = 2", "d<x> = dv1 × 2 = 1 × 2 = 2"] in rows
    assert "not yet" in Variable(1, "x").trace().html()


def test_numbers() -> None:
    assert number_text(float("nan")) == "nan"
    assert number_text(float("-inf")) == "-inf"
    assert number_text(1e6) == "1e+06"
    assert number_text(-0.0) == "0"
    assert array_text(np.array([[1.0], [2.0]])) == "(2, 1)"
    assert array_text(np.zeros((1, 1, 2))) == "[[[0 0]]]"
    assert array_text(np.zeros(5)) == "(5,)"
    assert array_text(np.zeros(0)) == "(0,)"
