"""A module of the reader's own, beside those that the course has."""

from .layers import affine_forward


def triple(x):
    """Three times x, by an affine layer of handgrad's."""
    import numpy as np

    return int(affine_forward(np.array([[float(x)]]), np.array([[3.0]]), np.zeros(1))[0][0, 0])
