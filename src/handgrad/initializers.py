"""Initial values of parameters: a generator, a shape and a dtype in, an array out.

The deviation of a weight decides whether the values of a deep network shrink, explode or keep
their size from layer to layer. With fan-in and fan-out as in `fans`:

    name          values                                    made for
    "he"          Gaussian, √(2 / fan-in)                   ReLU and its kin
    "xavier"      Gaussian, √(1 / fan-in)                   tanh, sigmoid (the book's, Caffe's)
    "glorot"      Gaussian, √(2 / (fan-in + fan-out))       the same, both directions (PyTorch's)
    "orthogonal"  a random orthogonal matrix                deep and recurrent networks
    "zeros", "ones"                                         biases; scales of norms
    a number      Gaussian of that standard deviation       experiments
"""

import math
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any

import numpy as np

from handgrad.checks import Array, DtypeError, ShapeError, check_choice, check_number, shape_text

Initializer = Callable[[np.random.Generator, Sequence[int], Any], Array]


def fans(shape: Sequence[int]) -> tuple[int, int]:
    """How many inputs reach one output (fan-in), and how many outputs one input reaches (fan-out).

    An affine weight is (in, out); a convolution's is (out, in, height, width), where each of the
    height × width positions counts.

    Raises:
        ShapeError: fewer than two axes.

    >>> fans((784, 100)), fans((30, 1, 5, 5))
    ((784, 100), (25, 750))
    """
    if len(shape) < 2:
        raise ShapeError(
            f"fans: a weight must have at least 2 axes, but has shape {shape_text(shape)}."
        )
    if len(shape) == 2:
        return shape[0], shape[1]
    area = math.prod(shape[2:])
    return shape[1] * area, shape[0] * area


def zeros(rng: np.random.Generator, shape: Sequence[int], dtype: Any = np.float64) -> Array:
    """All zeros: right for biases, fatal for weights (all neurons of a layer stay equal)."""
    del rng
    return np.zeros(shape, dtype)


def ones(rng: np.random.Generator, shape: Sequence[int], dtype: Any = np.float64) -> Array:
    """All ones: right for the scales of normalization, fatal for weights like `zeros`."""
    del rng
    return np.ones(shape, dtype)


def gaussian(std: float) -> Initializer:
    """Gaussian with mean 0 and the standard deviation `std`: an initializer made for each `std`.

    Raises:
        DtypeError, InvalidValueError: `std` is no finite number of at least 0.
    """
    check_number(std, who="gaussian", which="std", low=0)

    def initializer(
        rng: np.random.Generator, shape: Sequence[int], dtype: Any = np.float64
    ) -> Array:
        return (std * rng.standard_normal(shape)).astype(dtype)

    return initializer


def he(rng: np.random.Generator, shape: Sequence[int], dtype: Any = np.float64) -> Array:
    """Gaussian with standard deviation √(2 / fan-in), made for ReLU.

    He, Zhang, Ren and Sun, "Delving Deep into Rectifiers", arXiv:1502.01852, equation 10.
    """
    fan_in, _ = fans(shape)
    return gaussian(math.sqrt(2 / fan_in))(rng, shape, dtype)


def xavier(rng: np.random.Generator, shape: Sequence[int], dtype: Any = np.float64) -> Array:
    """Gaussian with standard deviation √(1 / fan-in): what the book and Caffe call Xavier.

    It keeps the variance of the values on their way forward (Glorot and Bengio's equation 10).
    PyTorch calls the form of `glorot` by this name; where fan-in and fan-out are equal, so are the
    two.

    Saitoh, "Deep Learning from Scratch", 2016, section 6.2.2; Caffe's XavierFiller (which draws
    uniformly, with the same deviation). First in LeCun et al., "Efficient BackProp", 1998, 4.6.
    """
    fan_in, _ = fans(shape)
    return gaussian(math.sqrt(1 / fan_in))(rng, shape, dtype)


def glorot(rng: np.random.Generator, shape: Sequence[int], dtype: Any = np.float64) -> Array:
    """Gaussian with standard deviation √(2 / (fan-in + fan-out)): PyTorch's `xavier_normal_`.

    A compromise between keeping the variance of the values forward and of the gradients backward.

    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks",
    AISTATS 2010, equation 12.
    """
    return gaussian(math.sqrt(2 / sum(fans(shape))))(rng, shape, dtype)


def orthogonal(rng: np.random.Generator, shape: Sequence[int], dtype: Any = np.float64) -> Array:
    """A random matrix with orthonormal columns, or rows where it has fewer rows than columns.

    It changes no length, so that products of many such matrices neither vanish nor explode. A
    weight of more than two axes is taken as the matrix of its first axis and all others. ReLU
    halves the mean square, which a factor √2 gives back:
    `init=lambda *args: 2**0.5 * orthogonal(*args)`.

        (1)  A = Q R, of a Gaussian A with at least as many rows as columns
        (2)  Q ← Q sign(diag R)

    (2) makes the decomposition unique, and so every orthogonal matrix equally likely.

    Saxe, McClelland and Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep
    linear neural networks", arXiv:1312.6120; (2): Mezzadri, arXiv:math-ph/0609050.
    """
    fans(shape)  # refuses what is no weight
    rows, columns = shape[0], math.prod(shape[1:])
    a = rng.standard_normal((max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(a)  # (1)
    q = q * np.where(np.diagonal(r) < 0, -1.0, 1.0)  # (2)
    return (q if rows >= columns else q.T).reshape(shape).astype(dtype)


BY_NAME: dict[str, Initializer] = {
    "glorot": glorot,
    "he": he,
    "ones": ones,
    "orthogonal": orthogonal,
    "xavier": xavier,
    "zeros": zeros,
}


def resolve(init: str | float | Initializer, *, who: str) -> Initializer:
    """Turn what a user gives into an initializer: a name, a Gaussian's deviation, or a function.

    Raises:
        InvalidValueError: an unknown name, or a number that is negative or not finite.
        DtypeError: something else.
    """
    if isinstance(init, str):
        if init.startswith("custom:"):
            return lost(init, who)
        check_choice(init.lower(), sorted(BY_NAME), who=who, which="init")
        return BY_NAME[init.lower()]
    if callable(init):
        return init
    if isinstance(init, bool) or not isinstance(init, Real):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise DtypeError(
            f"{who}: init must be a name ({', '.join(sorted(BY_NAME))}), a number (the standard "
            f"deviation of a Gaussian) or a function, but is {init!r} ({type(init).__name__})."
        )
    check_number(init, who=who, which="init", low=0)
    return gaussian(init)


def lost(init: str, who: str) -> Initializer:
    """What stands for a function in a saved network, which holds its name alone.

    A loaded network has its values and never calls it.
    """

    def initializer(rng: np.random.Generator, shape: Sequence[int], dtype: Any) -> Array:
        del rng, shape, dtype
        raise DtypeError(
            f"{who}: init was the function {init.removeprefix('custom:')!r} when the network was "
            "saved, and a file holds no functions. Make the layer anew with init=."
        )

    return initializer
