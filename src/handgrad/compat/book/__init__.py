"""The modules of the book "Deep Learning from Scratch" (Koki Saitoh, 2016), under their names.

`common` and `dataset` answer for the book's own; the chapters' modules only where the reader's
folder has none.
"""

from typing import Final

NAMES: Final = {
    "common": "handgrad.compat.book.common",
    "dataset": "handgrad.compat.book.dataset",
    # Its dropout differs from that of `common.layers`, so that the book's stored weights are right.
    "deep_convnet": "handgrad.compat.book.ch08.deep_convnet",
}

CHAPTERS: Final = {
    "gradient_2d": "ch04",
    "two_layer_net": "ch05",
    "layer_naive": "ch05",
    "simple_convnet": "ch07",
}


def chapter_names(folder: str) -> dict[str, str]:
    """The chapters' modules for a script in `folder`: chapter 4 has a TwoLayerNet of its own.

    >>> chapter_names("ch04")["two_layer_net"], chapter_names("mine")["two_layer_net"]
    ('handgrad.compat.book.ch04.two_layer_net', 'handgrad.compat.book.ch05.two_layer_net')
    """
    homes = CHAPTERS | ({"two_layer_net": "ch04"} if folder == "ch04" else {})
    return {name: f"handgrad.compat.book.{chapter}.{name}" for name, chapter in homes.items()}
