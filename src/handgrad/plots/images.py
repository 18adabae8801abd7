"""Pictures of images: the mistakes, the first layer's filters, the steps of preparing a digit."""

# Matplotlib leaves the types of its **kwargs out.
# pyright: reportUnknownMemberType=false

import os
from collections.abc import Sequence
from math import isqrt
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from handgrad.checks import Array, ShapeError, check_count, check_shape, shape_text
from handgrad.plots.canvas import DARK, GREY, as_pictures, draw_tiles, new_figure, write

if TYPE_CHECKING:
    from handgrad.data import Steps


def mistakes(
    images: Annotated[Any, "N ..."],
    labels: Annotated[Any, "N"],
    probabilities: Annotated[Any, "N K"],
    path: str | os.PathLike[str],
    *,
    count: int = 40,
    names: Sequence[str] | None = None,
) -> None:
    """Draw the images that were taken for another class, those with the surest answers first.

    Args:
        images: shape (N, C, H, W) with 1 or 3 channels, (N, H, W), or (N, D) of square images.
        labels: the true classes.
        probabilities: what the network gave for each class.
        path: where the picture goes.
        count: how many to draw at most.
        names: the classes' names; their numbers, if left out.

    Raises:
        ShapeError, InvalidValueError: arguments that do not fit; an unknown ending of the file.
        FileAccessError: the file cannot be written.
    """
    who = "mistakes"
    check_count(count, who=who, which="count")
    pictures = as_pictures(np.asarray(images), who=who, which="images")
    labels, probabilities = np.asarray(labels), np.asarray(probabilities)
    check_shape(labels, (len(pictures),), who=who, which="labels")
    check_shape(probabilities, (len(pictures), "K"), who=who, which="probabilities")
    predicted = probabilities.argmax(axis=1) if len(pictures) else labels
    sureness = probabilities.max(axis=1, initial=0.0)
    wrong = np.flatnonzero(predicted != labels)
    shown = wrong[np.argsort(-sureness[wrong], kind="stable")][:count]

    def name(k: int) -> str:
        return str(k) if names is None else names[k]

    captions = [
        f"{name(int(labels[n]))} → {name(int(predicted[n]))}  {_percent(sureness[n])}"
        for n in shown
    ]
    if len(wrong):
        title = f"{len(wrong):,} of {len(pictures):,} wrong"
        if len(shown) < len(wrong):
            title += f"; the {len(shown)} surest answers"
        title += "\ntrue → predicted, and its probability"
    else:
        title = f"None of {len(pictures):,} wrong"
    write(draw_tiles(pictures[shown], title, captions, width=1.15), path, who=who)


def _percent(share: float) -> str:
    """Percent in whole numbers, but never 100 for less than that."""
    return f"{min(100 * share, 99) if share < 1 else 100:.0f} %"


def filters(
    weight: Array,
    path: str | os.PathLike[str],
    *,
    image_shape: Sequence[int] | None = None,
    count: int = 100,
) -> None:
    """Draw what each output of the first layer looks for: red speaks for it, blue against it.

    Args:
        weight: of a convolution, shape (F, C, KH, KW), averaged over channels unless C is 1; or of
            an affine layer, shape (D, M), whose columns are drawn as images.
        path: where the picture goes.
        image_shape: (H, W) or (C, H, W) of the images that an affine layer sees. Left out, they
            are taken for square; if D is no square, the matrix itself is drawn.
        count: how many to draw at most.

    Raises:
        ShapeError, InvalidValueError: arguments that do not fit; an unknown ending of the file.
        FileAccessError: the file cannot be written.
    """
    who = "filters"
    check_count(count, who=who, which="count")
    weight = np.asarray(weight)
    if weight.ndim == 4:
        pictures = weight.mean(axis=1)
    elif weight.ndim == 2:
        pictures = _templates(weight, image_shape)
    else:
        raise ShapeError(
            "filters: weight must have shape (F, C, KH, KW) or (D, M), "
            f"but has shape {shape_text(weight.shape)}."
        )
    shown = pictures[:count]
    title = f"{len(pictures)} filters" if len(pictures) > 1 else "The weights"
    if len(shown) < len(pictures):
        title = f"The first {len(shown)} of {title}"
    title += "\nred: positive, blue: negative, white: 0"
    write(draw_tiles(shown, title, [], width=0.8, signed=True), path, who=who)


def _templates(weight: Annotated[Array, "D M"], image_shape: Sequence[int] | None) -> Array:
    features, outputs = weight.shape
    if image_shape is None:
        side = isqrt(features)
        if side * side != features:
            return weight[np.newaxis]
        image_shape = (side, side)
    if np.prod(image_shape) != features or len(image_shape) not in {2, 3}:
        raise ShapeError(
            f"filters: image_shape must be (H, W) or (C, H, W) with {features} pixels in all, "
            f"as weight has rows, but is {shape_text(image_shape)}."
        )
    pictures = weight.T.reshape(outputs, -1, *image_shape[-2:])
    return pictures.mean(axis=1)


def preprocessing_steps(steps: "Steps", path: str | os.PathLike[str]) -> None:
    """Draw every step that brought a picture of a digit into MNIST's form.

    Raises:
        InvalidValueError: the file's ending is unknown.
        FileAccessError: the file cannot be written.
    """
    stages = steps._asdict()
    figure = new_figure(1.9 * len(stages), 2.6)
    for place, (name, image) in enumerate(stages.items(), start=1):
        axes = figure.add_subplot(1, len(stages), place)
        axes.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        height, width = image.shape[:2]
        axes.set_title(f"{place}. {name}", color=DARK, fontsize=10, fontweight="bold")
        axes.set_xlabel(f"{width} × {height}", color=GREY, fontsize=9)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_color("#cccccc")  # where white paper would end nowhere
    write(figure, path, who="preprocessing_steps")
