"""The features of assignment 1."""

import numpy as np
import pytest

from handgrad.checks import Array
from handgrad.compat.cs231n.features import (
    color_histogram_hsv,
    extract_features,
    hog_feature,
    rgb2gray,
)


def picture(*shape: int) -> Array:
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.float64)


def test_edges_by_the_courses_own_steps() -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    image = picture(32, 32, 3)
    grey = rgb2gray(image)
    gx, gy = np.zeros((32, 32)), np.zeros((32, 32))
    gx[:, :-1], gy[:-1, :] = grey[:, 1:] - grey[:, :-1], grey[1:] - grey[:-1]
    angle = np.degrees(np.arctan2(gy, gx + 1e-15)) + 90
    expected = np.zeros((4, 4, 9))
    for i in range(9):
        strength = np.hypot(gx, gy) * ((angle >= 20 * i) & (angle < 20 * i + 20) & (angle > 0))
        expected[:, :, i] = ndimage.uniform_filter(strength, size=(8, 8))[4::8, 4::8].T
    np.testing.assert_allclose(hog_feature(image), expected.ravel(), atol=1e-9)


def test_one_edge() -> None:
    image = np.zeros((8, 19))  # grey, not square, with a rest: two squares
    image[:, 4:] = 16
    expected = np.zeros((2, 9))
    expected[0, 4] = 16 * 8 / 64  # a step to the right: 0 degrees, which count as 90
    np.testing.assert_array_equal(hog_feature(image.astype(np.uint8)).reshape(2, 9), expected)


def test_hues() -> None:
    image = np.zeros((2, 3, 3))
    image[0] = [255, 0, 0]  # red: hue 0
    image[1] = [0, 255, 0]  # green: a third of the way round
    np.testing.assert_allclose(color_histogram_hsv(image, nbin=6), [0.5, 0, 0.5, 0, 0, 0])
    np.testing.assert_allclose(
        color_histogram_hsv(image, nbin=3, normalized=False), [3 * 85, 3 * 85, 0]
    )


def test_rows_of_features(capsys: pytest.CaptureFixture[str]) -> None:
    images = picture(3, 8, 8, 3)
    rows = extract_features(images, [hog_feature, lambda image: color_histogram_hsv(image, 5)])
    assert rows.shape == (3, 9 + 5)
    np.testing.assert_array_equal(rows[1, :9], hog_feature(images[1]))
    assert extract_features(images[:0], [hog_feature]).size == 0
    extract_features(np.zeros((2000, 1, 1)), [np.ravel], verbose=True)
    assert capsys.readouterr().out.splitlines()[0] == (
        "Done extracting features for 1000 / 2000 images"
    )
