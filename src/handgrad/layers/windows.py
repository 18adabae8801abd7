"""What convolution and pooling layers share: windows' options, and the checks of images."""

from collections.abc import Sequence

from handgrad.checks import Array, DtypeError, ShapeError, check_count, shape_text
from handgrad.layers.base import Layer, Shape
from handgrad.ops.windows import Pair, Placement, output_shape, window_span

AXES = "Images are (channels, height, width)"


class ImageLayer(Layer):
    """The base of layers that take images, (N, C, H, W)."""

    def image_axes(self, input_shape: Shape) -> tuple[int, int, int]:
        """Channels, height and width of one input; refuse, at build time, what is no image."""
        cures = {
            1: f"{AXES}; put it before Flatten() and Affine, or reshape x.",
            2: f"{AXES}; with one channel, reshape x to {shape_text(('N', 1, *input_shape))}.",
        }
        self.check_axes(input_shape, ("C", "H", "W"), cure=cures.get(len(input_shape), f"{AXES}."))
        channels, height, width = input_shape
        return channels, height, width

    def check_images(self, x: Array) -> None:
        """Refuse a batch that this layer was not built for."""
        self.check_input(x, cure=f"{AXES}." if x.ndim != 4 else "")


class WindowLayer(ImageLayer):
    """The base of layers that slide windows over images."""

    placement: Placement  # kernel, stride, padding and dilation, as pairs

    def positions(self, input_shape: Shape) -> Pair:
        """How many windows fit into one input, along the height and along the width.

        Raises:
            ShapeError: the input is no image, or is smaller than a window.
        """
        _, height, width = self.image_axes(input_shape)
        kernel, _, padding, dilation = self.placement
        padded = (height + 2 * padding[0], width + 2 * padding[1])
        span = spans(kernel, dilation)
        if span[0] > padded[0] or span[1] > padded[1]:
            spread = "" if span == kernel else f", with dilation {span}"
            raise ShapeError(
                f"{self.title}: kernel must fit into the padded image {padded}, "
                f"but is {kernel}{spread}. {AXES}: if x has its channels last, move them to "
                "the front; else take a smaller kernel or more padding."
            )
        return output_shape((height, width), self.placement)


def spans(kernel: Pair, dilation: Pair) -> Pair:
    """How many pixels a window covers, along the height and along the width."""
    return window_span(kernel[0], dilation[0]), window_span(kernel[1], dilation[1])


def pair(value: int | Sequence[int], *, who: str, which: str, low: int = 1) -> Pair:
    """One number for both axes, or a pair (along the height, along the width), as a pair.

    >>> pair(3, who="Conv2d", which="kernel"), pair((1, 5), who="Conv2d", which="kernel")
    ((3, 3), (1, 5))
    >>> pair((1, 2, 3), who="Conv2d", which="kernel")
    Traceback (most recent call last):
    handgrad.checks.DtypeError: Conv2d: kernel must be a whole number, or a pair of them \
(along the height, along the width), but is (1, 2, 3).
    """
    if isinstance(value, Sequence):
        if isinstance(value, str) or len(value) != 2:
            raise DtypeError(
                f"{who}: {which} must be a whole number, or a pair of them "
                f"(along the height, along the width), but is {value!r}."
            )
        along = value
    else:
        along = (value, value)
    for size in along:
        check_count(size, who=who, which=which, low=low)
    return int(along[0]), int(along[1])
