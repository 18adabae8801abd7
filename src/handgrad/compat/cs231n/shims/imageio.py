"""`imageio`, of which the notebook on convolution reads two pictures; Pillow reads them here."""

import os
from pathlib import Path

import numpy as np

from handgrad.checks import Array


def imread(uri: str | os.PathLike[str]) -> Array:
    """A picture's pixels, shape (H, W, C), or (H, W) where it is grey."""
    from PIL import Image

    with Image.open(Path(uri)) as image:
        return np.array(image)
