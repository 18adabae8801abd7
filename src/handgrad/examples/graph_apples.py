"""Apples and oranges: a computational graph forwards and backwards.

Two apples at 100 each and three oranges at 150 each, with 10 % tax:

    price = (100 · 2 + 150 · 3) · 1.1 = 715

Backwards each node multiplies what comes to it by its own slope, and hands it on:

    z = x + y      dx = dz         dy = dz              (plus: as it came)
    z = x y        dx = dz y       dy = dz x            (times: the other factor)

The price rises by 2.2 when one apple's price rises by 1: because two are bought, and taxed. It
rises by 650 when the tax factor rises by 1. No derivative was looked up, and none was computed
twice: the 1.1 that comes back to the fruit's sum serves apples and oranges.

What to look at: the value above each arrow went to the right, the gradient below it came back. At a
× the two values above change places below, each times what came from the right.
"""

from handgrad.examples.stage import Stage
from handgrad.graph import Variable, draw, trace

SECTION = "002"
PLACE = 0


def apples() -> tuple[Variable, dict[str, Variable]]:
    """Two apples with tax: the price, and what it is made of."""
    apple, count = Variable(100.0, "apple"), Variable(2.0, "apples")
    tax = Variable(1.1, "tax")
    price = ((apple * count).named("fruit") * tax).named("price")
    return price, {"apple": apple, "apples": count, "tax": tax}


def apples_and_oranges() -> tuple[Variable, dict[str, Variable]]:
    """Two apples and three oranges with tax."""
    apple, apple_count = Variable(100.0, "apple"), Variable(2.0, "apples")
    orange, orange_count = Variable(150.0, "orange"), Variable(3.0, "oranges")
    tax = Variable(1.1, "tax")
    fruit = apple * apple_count + orange * orange_count
    price = (fruit.named("fruit") * tax).named("price")
    inputs = (apple, orange, orange_count, apple_count, tax)  # as the document prints them
    return price, {f"{variable.name}": variable for variable in inputs}


def run(stage: Stage) -> None:
    """Print prices and gradients, write down every step, draw both graphs."""
    for part, make in (("apples", apples), ("apples_and_oranges", apples_and_oranges)):
        price, inputs = make()
        price.backward()
        stage.say(f"{part.replace('_', ' ')}: {float(price.value)!r}")
        for name, variable in inputs.items():
            stage.say(f"  d{name} = {float(variable.grad)!r}" if variable.grad is not None else "")
        draw(price, stage.path("" if part == "apples" else part, ending=".svg"))
        if part == "apples":
            stage.say(f"\n{trace(price)}\n")
