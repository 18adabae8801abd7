"""Where the optimizers go, against what can be worked out by hand."""

from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from handgrad import SGD, Nesterov
from handgrad.checks import HandgradError
from handgrad.examples import optimizers_surfaces as example
from handgrad.examples._paths import visible
from handgrad.examples._surfaces import (
    BOWL,
    SADDLE,
    TWO_MINIMA,
    VALLEY,
    Surface,
    bfgs,
    height,
    newton,
    walk,
)
from handgrad.gradcheck import numerical_gradient

needs_scipy = pytest.mark.skipif(find_spec("scipy") is None, reason="SciPy is not installed")
SURFACES = [VALLEY, SADDLE, TWO_MINIMA, BOWL]


@pytest.mark.parametrize("surface", SURFACES, ids=lambda s: type(s).__name__)
def test_gradients_and_hessians_are_those_of_the_surface(surface: Surface) -> None:
    p = np.array([1.3, -0.7])
    slope = numerical_gradient(lambda q: surface.f(q[0], q[1]), p)
    np.testing.assert_allclose(surface.gradient(p), slope, rtol=1e-6)
    for axis in (0, 1):
        row = numerical_gradient(lambda q, k=axis: surface.gradient(q)[k], p, warn=False)
        np.testing.assert_allclose(surface.hessian(p)[axis], row, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(("point", "value"), [((-4.0, 0.0), -512), ((2.0, 0.0), -80), ((0, 0), 0)])
def test_the_flat_places_that_the_document_names(point: tuple[float, float], value: float) -> None:
    p = np.array(point)
    assert TWO_MINIMA.gradient(p).tolist() == [0, 0]
    assert TWO_MINIMA.f(p[0], p[1]) == value


@needs_scipy
def test_all_methods_find_the_valley_and_newton_in_one_step() -> None:
    paths = example.race(example.RACES[0])
    assert list(paths)[:2] == ["SGD", "Momentum"]
    assert len(paths) == 9
    ends = {name: height(VALLEY, path)[-1] for name, path in paths.items()}
    assert max(ends.values()) < 0.2
    assert height(VALLEY, paths["Newton"])[1] == 0


@needs_scipy
def test_on_the_ridge_all_are_caught_and_beside_it_all_but_newton_leave() -> None:
    ridge, beside = example.RACES[1], example.RACES[2]
    for path in example.race(ridge).values():
        assert not path[:, 0].any()
        assert abs(path[-1, 1]) < 0.2
    for name, path in example.race(beside).items():
        assert (abs(path[-1, 0]) < 0.01) == (name == "Newton"), name


@needs_scipy
def test_only_speed_reaches_the_deep_minimum() -> None:
    paths = example.race(example.RACES[3])
    deep = {name for name, path in paths.items() if height(TWO_MINIMA, path)[-1] < -500}
    assert deep == {"Momentum", "Nesterov"}


@pytest.mark.parametrize("rate", example.RATES)
def test_sgd_multiplies_by_one_minus_twice_the_rate(rate: float) -> None:
    path = walk(BOWL, SGD(rate), (-2.0, 0.8), 20)
    expected = (1 - 2 * rate) ** np.arange(21)[:, np.newaxis] * [-2.0, 0.8]
    np.testing.assert_allclose(path, expected, atol=1e-12)


def test_nesterov_is_the_right_one() -> None:
    """The document's formula puts the new velocity where the old one belongs: 0.2115, not 0.3466.

    Ten steps on w²/2 from 1 with rate 0.1 and momentum 0.9, as in the survey of its mistakes.
    """

    class Half(Surface):
        def gradient(self, p: Any) -> Any:
            return p

    path = walk(Half(), Nesterov(0.1), (1.0, 1.0), 10)
    w, v = 1.0, 0.0
    for _ in range(10):  # Nesterov's ball, which asks for the slope ahead
        v_next = 0.9 * v - 0.1 * (w + 0.9 * v)
        w, v = w + v_next, v_next
    assert path[-1, 0] == pytest.approx(w + 0.9 * v, abs=1e-12)


def test_newton_goes_to_whatever_is_flat() -> None:
    assert np.allclose(newton(TWO_MINIMA, (-1.0, 2.0), 30)[-1], [0, 0], atol=1e-4)  # the saddle
    assert np.allclose(newton(TWO_MINIMA, (1.0, 0.0), 30)[-1], [-4, 0])  # no step where H is 0


def test_a_path_is_drawn_until_it_leaves() -> None:
    path = np.array([[0.0, 0.0], [1.0, 1.0], [9.0, 0.0], [0.0, 0.0]])
    assert len(visible(BOWL, path)) == 3
    assert len(visible(BOWL, path[:2])) == 2


def test_without_scipy_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr("handgrad.examples._surfaces.import_module", missing)
    with pytest.raises(HandgradError, match=r"^bfgs: SciPy must be installed .*handgrad\[scipy\]'"):
        bfgs(VALLEY, (-7.0, 2.0), 3)
    assert "BFGS" not in example.race(example.RACES[0], scipy=False)
