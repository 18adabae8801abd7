from collections.abc import Callable

import numpy as np
import pytest

from handgrad.checks import DtypeError, InvalidValueError, ShapeError
from handgrad.data import Examples, blobs, circles, moons, sigmoid_rule, spirals, xor

PLANE = [moons, circles, xor, spirals, blobs]


@pytest.mark.parametrize("make", [*PLANE, sigmoid_rule])
def test_form_and_seed(make: Callable[..., Examples]) -> None:
    x, labels = make(101, seed=3)
    assert (x.dtype, labels.dtype, len(x), labels.shape) == (np.float64, np.int64, 101, (101,))
    again, others = make(101, seed=3), make(101, seed=4)
    np.testing.assert_array_equal(again.x, x)
    np.testing.assert_array_equal(again.labels, labels)
    assert not np.array_equal(others.x, x)
    assert not np.array_equal(others.labels, labels)
    assert make(1).x.shape[0] == 1


@pytest.mark.parametrize(("make", "classes"), list(zip(PLANE, [2, 2, 2, 3, 3], strict=True)))
def test_dimensions_and_classes(make: Callable[..., Examples], classes: int) -> None:
    x, labels = make(100)
    assert x.shape == (100, 2)
    assert set(labels.tolist()) == set(range(classes))


@pytest.mark.parametrize("make", PLANE)
def test_shares_are_equal_and_the_order_is_random(make: Callable[..., Examples]) -> None:
    labels = make(100).labels
    counts = np.bincount(labels)
    assert counts.max() - counts.min() <= 1
    assert (np.diff(labels) == 0).any()
    assert (np.diff(labels) < 0).any()


def test_moons() -> None:
    x, labels = moons(2000, noise=0)
    upper, lower = x[labels == 0], x[labels == 1]
    np.testing.assert_allclose(np.hypot(*upper.T), 1)
    np.testing.assert_allclose(np.hypot(lower[:, 0] - 1, lower[:, 1] - 0.5), 1)
    assert upper[:, 1].min() >= 0
    assert lower[:, 1].max() <= 0.5
    assert (upper[:, 0].min(), upper[:, 0].max()) == pytest.approx((-1, 1), abs=1e-3)
    assert lower[:, 1].min() == pytest.approx(-0.5, abs=1e-3)


def test_circles() -> None:
    x, labels = circles(1000, ratio=0.3, noise=0)
    np.testing.assert_allclose(np.hypot(*x.T), np.where(labels == 1, 0.3, 1))
    angles = np.arctan2(x[:, 1], x[:, 0])
    assert np.histogram(angles, 8, (-np.pi, np.pi))[0].min() > 90


def test_xor() -> None:
    x, labels = xor(1000, noise=0)
    np.testing.assert_array_equal((x[:, 0] > 0) != (x[:, 1] > 0), labels == 1)
    quarters = np.unique(np.sign(x), axis=0, return_counts=True)[1]
    assert len(quarters) == 4
    assert quarters.min() > 200
    assert np.abs(x).max() <= 1
    np.testing.assert_allclose(np.histogram(np.abs(x), 4, (0, 1))[0], 500, atol=80)


def test_spirals() -> None:
    x, labels = spirals(1000, classes=4, turns=1.25, noise=0)
    t = np.hypot(*x.T)
    assert t.max() <= 1
    angle = 2 * np.pi * (labels / 4 + 1.25 * t)
    np.testing.assert_allclose(x, t[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1))


def test_blobs() -> None:
    centers = np.array([[0.0, 5, 1], [3, -2, 8]])
    x, labels = blobs(4000, centers=centers, noise=0.5)
    for k, center in enumerate(centers):
        np.testing.assert_allclose(x[labels == k].mean(axis=0), center, atol=0.05)
        np.testing.assert_allclose(x[labels == k].std(axis=0), 0.5, atol=0.03)
    x, labels = blobs(50, centers=5, noise=0)
    assert len(np.unique(x, axis=0)) == 5
    many = blobs(2000, centers=2000, noise=0).x
    assert (many.min(), many.max()) == pytest.approx((-10, 10), abs=0.05)


@pytest.mark.parametrize("make", PLANE)
def test_noise(make: Callable[..., Examples]) -> None:
    still, moved = make(4000, noise=0), make(4000, noise=0.25)
    np.testing.assert_array_equal(still.labels, moved.labels)
    assert (moved.x - still.x).std() == pytest.approx(0.25, rel=0.03)
    assert (moved.x - still.x).mean() == pytest.approx(0, abs=0.01)


def test_the_first_document() -> None:
    x, labels = sigmoid_rule()
    assert x.shape == (1000, 4)
    assert x.mean() == pytest.approx(0, abs=0.05)
    assert x.std() == pytest.approx(1, abs=0.05)
    # As the document writes it:
    w, b = np.array([0.3, 0.6, -0.7, -1.3]), np.array(0.2)
    np.testing.assert_array_equal(np.around(1 / (1 + np.exp(-(np.dot(x, w) + b)))), labels)


@pytest.mark.parametrize("make", [*PLANE, sigmoid_rule])
def test_counts_and_seeds_are_checked(make: Callable[..., Examples]) -> None:
    name = make.__name__
    with pytest.raises(InvalidValueError, match=rf"{name}: n must be at least 1, but is 0"):
        make(0)
    with pytest.raises(DtypeError, match=rf"{name}: n must be a whole number, but is 2.5"):
        make(2.5)
    with pytest.raises(InvalidValueError, match=rf"{name}: seed must be at least 0, but is -1"):
        make(3, seed=-1)


def test_options_are_checked() -> None:
    for make in PLANE:
        with pytest.raises(InvalidValueError, match=r"noise must be in \[0, inf\), but is -1"):
            make(3, noise=-1)
    with pytest.raises(InvalidValueError, match=r"circles: ratio must be in \(0, 1\), but is 1"):
        circles(3, ratio=1)
    with pytest.raises(InvalidValueError, match=r"spirals: classes must be at least 1"):
        spirals(3, classes=0)
    with pytest.raises(InvalidValueError, match=r"spirals: turns must be in \[0, inf\)"):
        spirals(3, turns=-1)
    with pytest.raises(ShapeError, match=r"blobs: centers must have shape \(K, D\), but has"):
        blobs(3, centers=[1, 2])
    with pytest.raises(InvalidValueError, match=r"the number of centers must be at least 1"):
        blobs(3, centers=0)
    with pytest.raises(ShapeError, match=r"sigmoid_rule: weight must have shape \(D,\)"):
        sigmoid_rule(3, weight=[[1]])
