"""The examples of chapter 7: the book's numbers, and the pictures' claims."""

import numpy as np

from handgrad.examples import convolution, im2col


def test_the_books_numbers() -> None:
    """Section 7.2.2 (figures 7-4 and 7-5), and 7-6 with padding."""
    image, weight = convolution.IMAGE, convolution.FILTER
    assert convolution.convolve(image, weight).tolist() == [[15, 16], [6, 15]]
    assert convolution.convolve(image, weight, bias=3).tolist() == [[18, 19], [9, 18]]
    padded = convolution.convolve(image, weight, padding=1)
    assert padded.tolist() == [[7, 12, 10, 2], [4, 15, 16, 10], [10, 6, 15, 6], [8, 10, 4, 3]]
    assert convolution.convolve(convolution.LARGE, weight, stride=2).shape == (3, 3)


def test_three_channels_are_the_sum_of_three_convolutions() -> None:
    rng = np.random.default_rng(0)
    x, weight = rng.normal(size=(3, 5, 4)), rng.normal(size=(3, 2, 3))
    parts = sum(convolution.convolve(a, b) for a, b in zip(x, weight, strict=True))
    np.testing.assert_allclose(convolution.convolve(x, weight), parts, rtol=1e-12)


def test_pooling_hardly_sees_a_move_by_one_pixel() -> None:
    moved = np.pad(convolution.POOLED, ((0, 0), (1, 0)))[:, :-1]
    same = convolution.max_pool(convolution.POOLED) == convolution.max_pool(moved)
    assert same.sum() == 5
    assert not same[0, 2]


def test_loops_and_im2col_agree() -> None:
    rng = np.random.default_rng(0)
    x, weight = rng.normal(size=(2, 3, 5, 6)), rng.normal(size=(4, 3, 2, 3))
    loops, product = im2col.by_loops(x, weight), im2col.by_im2col(x, weight)
    assert loops.shape == (2, 4, 4, 4)
    np.testing.assert_allclose(loops, product, rtol=1e-12)
