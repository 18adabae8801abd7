"""The modules of the book "Deep Learning from Scratch" (Koki Saitoh, 2016), under their names.

`common` and `dataset` answer for the book's own; the chapters' modules only where the reader's
folder has none.
"""

import re
from pathlib import Path
from typing import Final

NAMES: Final = {
    "common": "handgrad.compat.book.common",
    "dataset": "handgrad.compat.book.dataset",
    # Its dropout differs from that of `common.layers`, so that the book's stored weights are right.
    "deep_convnet": "handgrad.compat.book.ch08.deep_convnet",
}

CHAPTERS: Final = {
    "gradient_2d": "ch04.gradient_2d",
    "two_layer_net": "ch05.two_layer_net",
    "layer_naive": "ch05.layer_naive",
    "simple_convnet": "ch07.simple_convnet",
    # As a script in the folder above the chapters' imports them: `from ch05.two_layer_net import …`
    "ch04": "ch04",
    "ch05": "ch05",
    "ch07": "ch07",
    "ch08": "ch08",
}
IN_CHAPTER_4: Final = re.compile(r"(?<![a-z])(ch(ap(ter)?)?|第)[ ._-]*0*4(?!\d)", re.IGNORECASE)


def chapter_names(script: Path) -> dict[str, str]:
    """The chapters' modules for a script: chapter 4 has a TwoLayerNet of its own.

    A script is of chapter 4 if its name, or its folder's, says so.

    >>> chapter_names(Path("ch04/train_neuralnet.py"))["two_layer_net"]
    'handgrad.compat.book.ch04.two_layer_net'
    >>> chapter_names(Path("mine.py"))["two_layer_net"]
    'handgrad.compat.book.ch05.two_layer_net'
    """
    homes = dict(CHAPTERS)
    if any(IN_CHAPTER_4.search(name) for name in (script.parent.name, script.stem)):
        homes["two_layer_net"] = "ch04.two_layer_net"
    return {name: f"handgrad.compat.book.{home}" for name, home in homes.items()}
