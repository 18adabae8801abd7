"""Numerical gradients: in place, on what the function reads; on integers and float32 too."""

import random
from typing import Any

import numpy as np
import pytest

from handgrad.checks import InvalidValueError
from handgrad.compat.cs231n.gradient_check import (
    eval_numerical_gradient,
    eval_numerical_gradient_array,
    eval_numerical_gradient_blobs,
    eval_numerical_gradient_net,
    grad_check_sparse,
)


def test_a_function_of_its_argument() -> None:
    x = np.array([3.0, 4.0])
    gradient = eval_numerical_gradient(lambda x: (x**2).sum(), x, verbose=False)
    np.testing.assert_allclose(gradient, [6, 8], rtol=1e-9)
    np.testing.assert_array_equal(x, [3, 4])


def test_a_function_that_reads_the_array_itself() -> None:
    x = np.array([3.0, 4.0])
    gradient = eval_numerical_gradient(lambda _: (x**2).sum(), x, verbose=False)
    np.testing.assert_allclose(gradient, [6, 8], rtol=1e-9)


def test_integers_and_float32() -> None:
    # Changed in place, an integer takes no step of 0.00001, and a float32 loses most of it.
    for x in (np.array([3, 4]), np.array([3, 4], np.float32)):
        gradient = eval_numerical_gradient(lambda x: (x**2).sum(), x, verbose=False)
        np.testing.assert_allclose(gradient, [6, 8], rtol=1e-3)
        np.testing.assert_array_equal(x, [3, 4])


def test_large_float32_take_large_steps() -> None:
    x = np.array([1e4, -3e4], np.float32)
    gradient = eval_numerical_gradient(lambda x: (x**2).sum(dtype=np.float32), x, verbose=False)
    np.testing.assert_allclose(gradient, [2e4, -6e4], rtol=1e-3)
    x = np.array([0.5], np.float32)  # but small ones do not
    gradient = eval_numerical_gradient(lambda x: np.sin(x).sum(), x, verbose=False)
    np.testing.assert_allclose(gradient, np.cos(0.5), rtol=4e-5)


def test_everything_is_put_back_after_an_error() -> None:
    x = np.array([3.0])
    with pytest.raises(ZeroDivisionError):
        eval_numerical_gradient(lambda _: 1 / 0, x)
    assert x[0] == 3


def test_verbose_prints_each_entry(capsys: pytest.CaptureFixture[str]) -> None:
    eval_numerical_gradient(lambda x: x.sum(), np.zeros((1, 2)))
    assert capsys.readouterr().out.splitlines()[1].startswith("(0, 1) ")


def test_arrays() -> None:
    x, df = np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]])
    gradient = eval_numerical_gradient_array(lambda x: np.array([[1.0], [2.0]]) @ x, x, df[:, :1])
    np.testing.assert_allclose(gradient, [[11, 11]], rtol=1e-9)


class Blob:
    def __init__(self, vals: Any, diffs: Any = None) -> None:
        self.vals, self.diffs = vals, diffs


def test_blobs_and_nets() -> None:
    a, b = Blob(np.array([1.0, 2.0])), Blob(np.array([3.0, 5.0]))
    out = Blob(np.zeros(2), np.array([1.0, 10.0]))

    class Net:
        def forward(self) -> None:
            out.vals[:] = a.vals * b.vals

    for da, db in (
        eval_numerical_gradient_blobs(lambda *_: Net().forward(), (a, b), out),
        eval_numerical_gradient_net(Net(), (a, b), out),
    ):
        np.testing.assert_allclose(da, [3, 50], rtol=1e-9)
        np.testing.assert_allclose(db, [1, 20], rtol=1e-9)


def test_sparse_checks_print_three_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    x = np.array([[1.0, -2.0], [0.0, 4.0]])
    random.seed(0)
    grad_check_sparse(lambda x: (x**3).sum(), x, 3 * x**2, num_checks=6)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6
    for line in lines:
        first, error = line.split(", relative error: ")
        assert first.startswith("numerical: ")
        assert " analytic: " in first
        assert float(error) < 1e-7 or "0.000000" in first
    random.seed(0)
    grad_check_sparse(lambda x: (x**3).sum(), x, 4 * x**2, num_checks=6)
    assert "relative error: 1.428571e-01" in capsys.readouterr().out
    grad_check_sparse(lambda x: (x**2).sum(), np.array([3]), np.array([6.0]), num_checks=1)
    assert capsys.readouterr().out.startswith("numerical: 6.000000 analytic: 6.000000")
    grad_check_sparse(lambda _: 0.0, x, np.zeros((2, 2)), num_checks=1)
    assert capsys.readouterr().out.endswith("analytic: 0.000000, relative error: 0.000000e+00\n")


def test_a_step_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidValueError, match=r"h must be in \(0, inf\), but is 0"):
        eval_numerical_gradient(lambda x: x.sum(), np.ones(2), h=0)
