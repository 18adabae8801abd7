"""Synthetic sets: points in the plane by a formula and some noise, to see what a network learns.

Each function gives `Examples(x, labels)`: x float64 of shape (N, D) in random order, labels int64
of shape (N,). The classes have equal shares, as near as N allows. In the equations t, u and r are
drawn uniformly, ε is Gaussian noise of mean 0 and standard deviation `noise`, and k is the class.
"""

from typing import Any

import numpy as np

from handgrad.checks import (
    Array,
    as_numbers,
    check_count,
    check_number,
    check_shape,
)
from handgrad.data.arrays import Examples

SEED_WEIGHT = (0.3, 0.6, -0.7, -1.3)
SEED_BIAS = 0.2


def moons(n: int = 200, *, noise: float = 0.1, seed: int = 0) -> Examples:
    """Two half circles, each with an end inside the other.

        k = 0:  x = (cos πt, sin πt) + ε
        k = 1:  x = (1 − cos πt, 1/2 − sin πt) + ε        t in [0, 1]

    >>> x, labels = moons(4, noise=0)
    >>> np.hypot(*x[labels == 0].T)
    array([1., 1.])
    """
    labels, rng = _start("moons", n, 2, noise, seed)
    t = np.pi * rng.random(n)
    upper = np.stack([np.cos(t), np.sin(t)], axis=1)
    x = np.where(labels[:, np.newaxis] == 0, upper, [1, 0.5] - upper)
    return _noisy(x, labels, noise, rng)


def circles(n: int = 200, *, ratio: float = 0.5, noise: float = 0.1, seed: int = 0) -> Examples:
    """A circle of radius 1, and one of radius `ratio` inside it.

        x = ratioᵏ (cos 2πt, sin 2πt) + ε        t in [0, 1)

    >>> x, labels = circles(4, noise=0)
    >>> np.hypot(*x[labels == 1].T)
    array([0.5, 0.5])
    """
    labels, rng = _start("circles", n, 2, noise, seed)
    check_number(ratio, who="circles", which="ratio", low=0, high=1, open_low=True, open_high=True)
    t = 2 * np.pi * rng.random(n)
    x = ratio ** labels[:, np.newaxis] * np.stack([np.cos(t), np.sin(t)], axis=1)
    return _noisy(x, labels, noise, rng)


def xor(n: int = 200, *, noise: float = 0.1, seed: int = 0) -> Examples:
    """The square [−1, 1]², whose opposite quarters have the same class: no line divides it.

        x = (a u, b r) + ε        a, b = ±1 at random; u, r in [0, 1]
        k = 1 where a and b differ, else 0

    >>> x, labels = xor(100, noise=0)
    >>> bool(((x[:, 0] * x[:, 1] < 0) == labels).all())
    True
    """
    labels, rng = _start("xor", n, 2, noise, seed)
    sign = 2 * rng.integers(2, size=n) - 1
    x = rng.random((n, 2)) * np.stack([sign, np.where(labels == 1, -sign, sign)], axis=1)
    return _noisy(x, labels, noise, rng)


def spirals(
    n: int = 300, *, classes: int = 3, turns: float = 0.75, noise: float = 0.02, seed: int = 0
) -> Examples:
    """Arms that wind round the origin, one for each class.

        φ = 2π (k / classes + turns t)
        x = t (cos φ, sin φ) + ε        t in [0, 1]

    >>> x, labels = spirals(6, noise=0, turns=0)
    >>> np.unique(np.degrees(np.arctan2(*x.T[::-1])).round()) + 0
    array([-120.,    0.,  120.])
    """
    check_count(classes, who="spirals", which="classes")
    labels, rng = _start("spirals", n, classes, noise, seed)
    check_number(turns, who="spirals", which="turns", low=0)
    t = rng.random(n)
    angle = 2 * np.pi * (labels / classes + turns * t)
    x = t[:, np.newaxis] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return _noisy(x, labels, noise, rng)


def blobs(n: int = 300, *, centers: Any = 3, noise: float = 1.0, seed: int = 0) -> Examples:
    """Gaussian clouds, one for each class.

        x = center of k + ε

    Args:
        n: how many points.
        centers: (K, D), where the clouds are; or how many, and they are drawn uniformly from
            [−10, 10]².
        noise: the clouds' standard deviation, the same in all directions.
        seed: the same seed gives the same points.

    >>> x, labels = blobs(4, centers=[[0, 0, 0], [1, 2, 3]], noise=0)
    >>> x[labels == 1]
    array([[1., 2., 3.],
           [1., 2., 3.]])
    """
    given = as_numbers(centers, who="blobs", which="centers")
    if given.ndim:
        check_shape(given, ("K", "D"), who="blobs", which="centers")
    count = len(given) if given.ndim else centers
    check_count(count, who="blobs", which="the number of centers")
    labels, rng = _start("blobs", n, count, noise, seed)
    places = given.astype(float) if given.ndim else rng.uniform(-10, 10, (count, 2))
    return _noisy(places[labels], labels, noise, rng)


def sigmoid_rule(
    n: int = 1000, *, weight: Any = SEED_WEIGHT, bias: float = SEED_BIAS, seed: int = 0
) -> Examples:
    """The data of the first document: Gaussian points, divided by a hyperplane.

        x    Gaussian, mean 0 and standard deviation 1, (N, 4)
        k  = round(sigmoid(x · weight + bias))

    The sigmoid is rounded, not drawn from: there is no noise, so the classes can be divided without
    a mistake. That is why logistic regression finds the direction of `weight`, while the length
    of its own weight grows as long as one trains. The classes' shares are what they come out as.

    >>> x, labels = sigmoid_rule(3)
    >>> x.shape, bool(((x @ [0.3, 0.6, -0.7, -1.3] + 0.2 > 0) == labels).all())
    ((3, 4), True)
    """
    check_count(n, who="sigmoid_rule", which="n")
    check_count(seed, who="sigmoid_rule", which="seed", low=0)
    weight = as_numbers(weight, who="sigmoid_rule", which="weight").astype(float)
    check_shape(weight, ("D",), who="sigmoid_rule", which="weight")
    check_number(bias, who="sigmoid_rule", which="bias")
    x = np.random.default_rng(seed).standard_normal((n, len(weight)))
    return Examples(x, (x @ weight + bias > 0).astype(np.int64))


def _start(
    who: str, n: int, classes: int, noise: float, seed: int
) -> tuple[Array, np.random.Generator]:
    """Check what all sets take; the labels in random order, and the generator."""
    check_count(n, who=who, which="n")
    check_number(noise, who=who, which="noise", low=0)
    check_count(seed, who=who, which="seed", low=0)
    rng = np.random.default_rng(seed)
    return rng.permutation(np.arange(n) % classes), rng


def _noisy(x: Array, labels: Array, noise: float, rng: np.random.Generator) -> Examples:
    return Examples(x + noise * rng.standard_normal(x.shape), labels)
