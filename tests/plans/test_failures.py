"""A plan that cannot be compiled or made: the layers answer, with one warning and the same bits."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")

from handgrad import Adam, Affine, Dropout, Network, Relu, SoftmaxCrossEntropy, Trainer, use
from handgrad import backend as backend_module
from handgrad.checks import HandgradWarning, InvalidValueError
from handgrad.plans import Plan, choice, workers

ROWS = 50


@pytest.fixture(autouse=True)
def fresh_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend_module, "_failures", {})
    monkeypatch.setattr(backend_module, "_twins", dict(backend_module._twins))


def data(rows: int = ROWS) -> tuple[np.ndarray, np.ndarray]:
    return np.random.default_rng(0).normal(size=(rows, 300)), np.arange(rows) % 10


def make_network() -> Network:
    layers = [Affine(200), Relu(), Dropout(0.3), Affine(100), Relu(), Affine(10)]
    return Network(layers, input_shape=300)


def train(network: Network, rows: int = ROWS) -> Network:
    # Gradients that may be clipped are computed step by step: by a plan, not by a dense plan.
    trainer = Trainer(network, SoftmaxCrossEntropy(), Adam(0.01), clip_norm=1e6)
    trainer.fit(*data(rows), epochs=2, batch_size=25)
    return network


def fail(error: BaseException) -> Callable[..., Any]:
    def failing(*_: Any, **__: Any) -> Any:
        raise error

    return failing


@pytest.mark.parametrize("broken", ["step", "__init__"])
def test_training_goes_on_layer_by_layer(monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    with use("reference"):
        expected = train(make_network())
    monkeypatch.setattr(Plan, broken, fail(RuntimeError("no LLVM today")))
    monkeypatch.setattr(choice, "SMALL", 0)
    with pytest.warns(
        HandgradWarning,
        match=r"^compiled plans: they cannot be used here \(RuntimeError: no LLVM today\)\. "
        r"The reference answers in their place: slower, with the same results\.$",
    ) as warned:
        network = train(make_network())
    assert len(warned) == 1
    for name, array in network.params.items():  # dropout's masks included
        np.testing.assert_allclose(array, expected.params[name], rtol=1e-4, atol=1e-5)
    network.predict(data()[0])  # no second warning
    assert "by the reference: compiled plans (RuntimeError" in backend_module.active()


def test_a_kernel_that_fails_inside_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    from handgrad.plans import plan

    monkeypatch.setenv("HANDGRAD_THREADS", "2")
    monkeypatch.setattr(choice, "workers_for", lambda *_, **__: workers.Workers(2))
    monkeypatch.setattr(plan.Plan, "_forward", fail(TypeError("no such intrinsic")))
    x, _ = data()
    network = make_network()
    with use("reference"):
        expected = network.predict(x)
    monkeypatch.setattr(choice, "SMALL", 0)
    with pytest.warns(HandgradWarning, match="no such intrinsic"):
        came = network.predict(x)
    np.testing.assert_allclose(came, expected, rtol=1e-5, atol=1e-5)


def test_a_later_batch_of_another_size_may_fail_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "SMALL", 0)
    step = Plan.step

    def only_whole_batches(plan: Plan, x: np.ndarray, *args: Any, **options: Any) -> Any:
        if len(x) < 25:
            raise RuntimeError
        return step(plan, x, *args, **options)

    monkeypatch.setattr(Plan, "step", only_whole_batches)
    with pytest.warns(HandgradWarning, match="compiled plans"):
        network = train(make_network(), rows=60)
    monkeypatch.undo()
    with use("reference"):
        expected = train(make_network(), rows=60)
    for name, array in network.params.items():
        np.testing.assert_allclose(array, expected.params[name], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("error", [MemoryError(), KeyboardInterrupt(), InvalidValueError("wrong")])
def test_what_is_no_failure_of_the_plan_passes(
    monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    monkeypatch.setattr(choice, "SMALL", 0)
    monkeypatch.setattr(Plan, "step", fail(error))
    with pytest.raises(type(error)):
        train(make_network())
    assert not backend_module._failures


def test_a_mistake_of_the_callers_is_shown_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "SMALL", 0)
    network = make_network()
    monkeypatch.setattr(Dropout, "draw", fail(ZeroDivisionError("in a layer")))
    with pytest.raises(ZeroDivisionError, match="in a layer"):
        train(network)
    assert not backend_module._failures


def test_complex_batches_are_not_for_plans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "SMALL", 0)
    network = make_network()
    x = data()[0] + 1e-3j
    assert np.array_equal(network.predict(x), network.forward(x)[0])
