"""Augmentation: small random changes to training images that leave their labels right.

Each function takes a batch, uint8 or float of shape (N, C, H, W), and a generator, and returns a
new batch of the same shape and dtype, every image changed in its own way. A change is written as a
question: *where in the old image does the pixel at (v, u) of the new one come from?* The answer is
rarely a whole pixel, so its four neighbours are mixed (bilinear interpolation). Beyond the edges
there is `fill`.

Whether labels stay right is for you to know: a photograph of a frog may be flipped, but a flipped
digit is no digit (or another one), and a 6 that is rotated far enough is a 9.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, cast

import numpy as np

from handgrad.checks import Array, DtypeError, check_count, check_number, check_shape

Step = Callable[[Array, np.random.Generator], Array]
Images = Annotated[Array, "N C H W"]
SAME = np.eye(2)  # the matrix that changes nothing


class Augmentation:
    """Steps, one after another, as one function: what `Trainer(augment=…)` takes.

    Args:
        steps: functions (batch, generator) -> batch; `functools.partial` gives them options.

    >>> from functools import partial
    >>> augment = Augmentation(partial(rotate, degrees=10), partial(shift, pixels=2))
    >>> augment
    Augmentation(rotate(degrees=10), shift(pixels=2))
    >>> augment(np.zeros((5, 1, 28, 28), np.uint8), np.random.default_rng(0)).shape
    (5, 1, 28, 28)
    """

    def __init__(self, *steps: Step) -> None:
        for step in steps:
            if not callable(step):
                raise DtypeError(
                    "Augmentation: every step must be a function (batch, generator) -> batch, "
                    f"but one is {step!r:.100}. Options go in with functools.partial."
                )
        self.steps = steps

    def __call__(self, x: Array, rng: np.random.Generator) -> Array:
        """The batch after all steps."""
        for step in self.steps:
            x = step(x, rng)
        return x

    def __repr__(self) -> str:
        return f"Augmentation({', '.join(map(described_step, self.steps))})"


def affine(
    x: Images,
    rng: np.random.Generator,
    *,
    degrees: float = 0.0,
    scale: float = 0.0,
    pixels: float = 0.0,
    fill: float = 0.0,
) -> Images:
    """Rotate, scale and shift in one go, so that the image is interpolated only once.

        θ in [−degrees, degrees];  f in [1 − scale, 1 + scale];  d, e in [−pixels, pixels]
        (v, u) comes from c + R(θ) ((v, u) − c − (d, e)) / f        c is the centre

    >>> x = np.arange(4.0).reshape(1, 1, 2, 2)
    >>> bool((affine(x, np.random.default_rng(0)) == x).all())
    True
    """
    _check(
        "affine", x, fill=fill, degrees=(degrees, 180), scale=(scale, 1), pixels=(pixels, math.inf)
    )
    matrix = _rotation(rng, len(x), degrees) / _factors(rng, len(x), scale)
    move = rng.uniform(-pixels, pixels, (len(x), 2))
    return _sample_affine(x, matrix, -np.einsum("nij,nj->ni", matrix, move), fill)


def rotate(
    x: Images, rng: np.random.Generator, *, degrees: float = 10.0, fill: float = 0.0
) -> Images:
    """Rotate each image about its centre, by up to so many degrees either way.

    >>> rotate(np.ones((1, 1, 3, 3)), np.random.default_rng(0), degrees=0)[0, 0, 1]
    array([1., 1., 1.])
    """
    _check("rotate", x, fill=fill, degrees=(degrees, 180))
    return _sample_affine(x, _rotation(rng, len(x), degrees), np.zeros((len(x), 2)), fill)


def scale(x: Images, rng: np.random.Generator, *, by: float = 0.1, fill: float = 0.0) -> Images:
    """Make each image larger or smaller about its centre, by a factor in [1 − by, 1 + by].

    >>> scale(np.ones((1, 1, 3, 3)), np.random.default_rng(0), by=0)[0, 0, 1]
    array([1., 1., 1.])
    """
    _check("scale", x, fill=fill, by=(by, 1))
    matrix = SAME / _factors(rng, len(x), by)
    return _sample_affine(x, matrix, np.zeros((len(x), 2)), fill)


def shift(x: Images, rng: np.random.Generator, *, pixels: int = 2, fill: float = 0.0) -> Images:
    """Move each image by whole pixels, up to so many in each direction; nothing is interpolated.

    Padding by as many pixels and cropping at a random place, as is usual for CIFAR-10, is the same.

    >>> x = np.eye(3).reshape(1, 1, 3, 3)
    >>> shift(x, np.random.default_rng(0), pixels=1)[0, 0]
    array([[0., 0., 0.],
           [1., 0., 0.],
           [0., 1., 0.]])
    """
    _check("shift", x, fill=fill)
    check_count(pixels, who="shift", which="pixels", low=0)
    move = rng.integers(-pixels, pixels, (len(x), 2), endpoint=True)
    return _sample_affine(x, np.broadcast_to(SAME, (len(x), 2, 2)), -move, fill)


def crop(x: Images, rng: np.random.Generator, *, share: float = 0.8) -> Images:
    """Cut out a window of `share` of each side at a random place, and enlarge it to the full size.

    >>> crop(np.ones((1, 1, 3, 3)), np.random.default_rng(0))[0, 0, 1]
    array([1., 1., 1.])
    """
    _check("crop", x)
    check_number(share, who="crop", which="share", low=0, high=1, open_low=True)
    room = (1 - share) / 2 * (np.array(x.shape[2:]) - 1)
    move = rng.uniform(-room, room, (len(x), 2))
    return _sample_affine(x, np.broadcast_to(SAME * share, (len(x), 2, 2)), move)


def flip(x: Images, rng: np.random.Generator, *, share: float = 0.5) -> Images:
    """Mirror that share of the images, drawn at random: left becomes right. Not for digits.

    >>> flip(np.array([[[[1, 2, 3]]]], np.uint8), np.random.default_rng(0), share=1)
    array([[[[3, 2, 1]]]], dtype=uint8)
    """
    _check("flip", x, share=(share, 1))
    chosen = rng.random(len(x)) < share
    return np.where(chosen[:, np.newaxis, np.newaxis, np.newaxis], x[..., ::-1], x)


def brightness(x: Images, rng: np.random.Generator, *, by: float = 0.2) -> Images:
    """Multiply each image by a factor in [1 − by, 1 + by].

    Bytes stay in 0..255. Floats are not cut off: nobody knows where theirs end.

    >>> brightness(np.full((1, 1, 1, 2), 200, np.uint8), np.random.default_rng(0), by=0)
    array([[[[200, 200]]]], dtype=uint8)
    """
    _check("brightness", x, by=(by, 1))
    return _as(x.dtype, x * _factors(rng, len(x), by)[:, np.newaxis].astype(_computed(x)))


def elastic(
    x: Images,
    rng: np.random.Generator,
    *,
    alpha: float = 20.0,
    sigma: float = 4.0,
    fill: float = 0.0,
) -> Images:
    """Stretch each image here and squeeze it there, as another hand would write the digit.

        (1)  D, E    random fields: each entry drawn from [−1, 1]
        (2)  G       exp(−(i − j)² / 2σ²) / (σ √(2π)), which smooths along rows or columns
        (3)  (v, u) comes from (v, u) + α ((G D G)(v, u), (G E G)(v, u))

    (2) makes neighbours move together: a small σ gives noise, a large one shifts the whole image.
    It also makes moves smaller, to about α / (6 σ) pixels (the standard deviation, inside): 0.8 for
    the defaults, which suit images of 28 pixels.

    Simard, Steinkraus and Platt, "Best Practices for Convolutional Neural Networks Applied to
    Visual Document Analysis", ICDAR 2003.

    >>> x = np.arange(4.0).reshape(1, 1, 2, 2)
    >>> bool((elastic(x, np.random.default_rng(0), alpha=0) == x).all())
    True
    """
    _check("elastic", x, fill=fill, alpha=(alpha, math.inf))
    check_number(sigma, who="elastic", which="sigma", low=0, open_low=True)
    n, _, height, width = x.shape
    dtype = _computed(x)
    across, along = _gaussian(height, sigma, dtype), _gaussian(width, sigma, dtype)  # (2)

    def field() -> Array:
        drawn = rng.random((n, height, width), dtype) * 2 - 1  # (1)
        return dtype.type(alpha) * (across @ drawn @ along)  # (3)

    rows = np.arange(height, dtype=dtype)[:, np.newaxis] + field()  # (3)
    columns = np.arange(width, dtype=dtype) + field()  # (3)
    return _sample(x, rows, columns, fill)


# -- how ----------------------------------------------------------------------------------------


def _check(who: str, x: Array, *, fill: float = 0.0, **options: tuple[float, float]) -> None:
    """Refuse what is no batch of images, and options outside 0 and their limit."""
    check_number(fill, who=who, which="fill")
    check_shape(x, ("N", "C", "H", "W"), who=who, which="x", cure="Images come before Flatten().")
    if x.dtype != np.uint8 and x.dtype.kind != "f":
        raise DtypeError(f"{who}: x must be uint8 or float, but has dtype {x.dtype}.")
    for which, (value, high) in options.items():
        limit = None if math.isinf(high) else high
        check_number(value, who=who, which=which, low=0, high=limit)


def described_step(step: Any) -> str:
    """A step with its options, as one would write it: for the record of a run."""
    if not isinstance(step, partial):
        return getattr(step, "__name__", repr(step))
    function = cast("partial[Array]", step)
    options = [f"{name}={value!r}" for name, value in function.keywords.items()]
    return f"{described_step(function.func)}({', '.join([*map(repr, function.args), *options])})"


def _computed(x: Array) -> np.dtype[Any]:
    """What is calculated in: float32 for bytes (and for float16, which is too coarse)."""
    return np.result_type(x.dtype, np.float32)


def _as(dtype: np.dtype[Any], y: Array) -> Array:
    """Results as they came: bytes are rounded, not cut off."""
    if dtype == np.uint8:
        y = np.clip(np.rint(y), 0, 255)
    return y.astype(dtype, copy=False)


def _rotation(rng: np.random.Generator, n: int, degrees: float) -> Annotated[Array, "N 2 2"]:
    """R(θ): where (v, u) comes from if the image turns counter-clockwise (v counts downwards)."""
    angle = np.radians(rng.uniform(-degrees, degrees, n))
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([cos, sin, -sin, cos], axis=1).reshape(n, 2, 2)


def _factors(rng: np.random.Generator, n: int, by: float) -> Annotated[Array, "N 1 1"]:
    """A factor near 1 for each image; never 0, which would have no inverse."""
    return np.maximum(rng.uniform(1 - by, 1 + by, (n, 1, 1)), 1e-3)


def _gaussian(size: int, sigma: float, dtype: np.dtype[Any]) -> Annotated[Array, "H H"]:
    """Row i smooths round pixel i. Beyond the edges there is nothing, so edges move less."""
    t = np.arange(size)
    bell = np.exp(-((t[:, np.newaxis] - t) ** 2) / (2 * sigma**2))
    return (bell / (sigma * math.sqrt(2 * math.pi))).astype(dtype)


def _sample_affine(
    x: Array, matrix: Annotated[Array, "N 2 2"], move: Annotated[Array, "N 2"], fill: float = 0.0
) -> Array:
    """(v, u) comes from c + matrix ((v, u) − c) + move."""
    dtype = _computed(x)
    height, width = x.shape[2:]
    v: Array = (np.arange(height, dtype=dtype) - dtype.type((height - 1) / 2))[:, np.newaxis]
    u: Array = np.arange(width, dtype=dtype) - dtype.type((width - 1) / 2)
    m, t = matrix.astype(dtype)[..., np.newaxis, np.newaxis], move.astype(dtype)
    t = (t + (np.array(x.shape[2:], dtype) - 1) / 2)[..., np.newaxis, np.newaxis]
    rows: Array = (m[:, 0, 0] * v + t[:, 0]) + m[:, 0, 1] * u
    columns: Array = (m[:, 1, 0] * v + t[:, 1]) + m[:, 1, 1] * u
    return _sample(x, rows, columns, fill)


def _sample(
    x: Array, rows: Annotated[Array, "N H W"], columns: Annotated[Array, "N H W"], fill: float
) -> Array:
    """The images' values at any places: the four pixels around each, mixed by their nearness."""
    n, channels, height, width = x.shape
    # One border of `fill` before and two behind: places outside are brought to it, and the
    # neighbours of every place exist.
    padded = np.full((n, channels, height + 3, width + 3), fill, _computed(x))
    padded[:, :, 1:-2, 1:-2] = x
    rows = np.clip(rows, -1, height) + 1
    columns = np.clip(columns, -1, width) + 1
    top, left = np.floor(rows), np.floor(columns)
    down, right = (rows - top)[:, np.newaxis], (columns - left)[:, np.newaxis]
    line = width + 3
    planes = np.arange(n * channels, dtype=np.intp).reshape(n, channels, 1, 1)
    within: Array = top.astype(np.intp) * line + left.astype(np.intp)
    place: Array = planes * ((height + 3) * line) + within[:, np.newaxis]
    values = padded.ravel()
    upper = _between(values, place, right)
    lower = _between(values, place + line, right)
    return _as(x.dtype, upper + down * (lower - upper))


def _between(values: Array, place: Array, right: Array) -> Array:
    """What lies so far to the right of a place, towards the next one."""
    here = values.take(place)
    return here + right * (values.take(place + 1) - here)
