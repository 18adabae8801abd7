"""Which implementation answers, who may choose it, and what happens when a twin cannot be had."""

import os
import pickle
import subprocess
import sys
import threading
import timeit
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import handgrad
from handgrad import Adam, Affine, Network, Relu, SoftmaxCrossEntropy, Trainer, backend, kernels
from handgrad import ops as reference
from handgrad.backend import ops
from handgrad.checks import HandgradWarning, InvalidValueError
from handgrad.kernels import Unsuitable

X = np.array([[1.0, -2.0], [3.0, 4.0]])
Function = Callable[..., Any]


class Answered(Exception):  # noqa: N818  (no error: an answer)
    """Raised by the stand-in for a twin, to show that it was asked."""


def stand_in(*_: Any, **__: Any) -> Any:
    raise Answered


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if nothing had been chosen and no twin asked for; choices are taken back afterwards."""
    monkeypatch.setattr(backend, "_twins", {})
    monkeypatch.setattr(backend, "_failures", {})
    monkeypatch.setattr(backend.Thread, "choice", "compiled")
    with backend.Restore(None):
        yield


@pytest.fixture
def twins_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A twin of every name, which says that it was asked and lets its error through."""
    monkeypatch.setattr(kernels, "installed", lambda: True)
    monkeypatch.setattr(backend, "_twins", dict.fromkeys(kernels.TWINS, stand_in))
    monkeypatch.setattr(backend, "give_up", lambda _, error: (_ for _ in ()).throw(error))


def asked(call: Callable[[], Any]) -> bool:
    """Whether the twin was asked."""
    try:
        call()
    except Answered:
        return True
    return False


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


# -- which calls a twin answers -----------------------------------------------------------------


@pytest.mark.usefixtures("twins_answer")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_twin_answers_for_floats(dtype: Any) -> None:
    assert asked(lambda: ops.relu_forward(X.astype(dtype)))
    saved = reference.relu_forward(X.astype(dtype))[1]
    assert asked(lambda: ops.relu_backward(X.astype(dtype), saved))
    assert asked(lambda: ops.softmax_cross_entropy_forward(X, labels=np.array([0, 1])))
    weights = np.ones(2)
    assert asked(
        lambda: ops.softmax_cross_entropy_forward(X, labels=np.eye(2), sample_weight=weights)
    )


class Marked(np.ndarray[Any, Any]):
    """A subclass, as masked arrays and matrices are: what its operators mean is its own affair."""


@pytest.mark.usefixtures("twins_answer")
@pytest.mark.parametrize(
    "x",
    [
        X.astype(complex),
        X.astype(np.float16),
        X.astype(np.longdouble),
        X.astype(int),
        X.astype(object),
        X.astype(">f8"),
        X.view(Marked),
        X.tolist(),
    ],
    ids=["complex", "half", "long", "int", "object", "swapped", "subclass", "list"],
)
def test_the_reference_answers_for_everything_else(x: Any) -> None:
    def also_for(name: str, *args: Any, **options: Any) -> None:
        try:
            getattr(reference, name)(*args, **options)
        except Exception:  # noqa: BLE001  (the reference's own refusal, whichever it is)
            return
        assert not asked(lambda: getattr(ops, name)(*args, **options))

    also_for("relu_forward", x)
    also_for("batch_norm_forward", X, x, x)
    saved = reference.softmax_forward(X)[1]
    also_for("softmax_backward", x, saved)
    also_for("softmax_backward", X, saved._replace(probs=x))
    also_for("dropout_forward", X, mask=[[True, False]], rate=0.5)


@pytest.mark.usefixtures("twins_answer")
def test_a_copied_dtype_is_the_same_dtype() -> None:
    """Networks that were copied, and arrays from another process, have such ones."""
    copied = pickle.loads(pickle.dumps(np.dtype("float32")))  # noqa: S301  (our own)
    assert copied is not np.dtype("float32")
    param = np.zeros(3, np.float32)
    grad, other = np.zeros(12, np.uint8).view(copied), np.zeros(24, np.uint8).view("float64")
    v = np.zeros(3, np.float32)
    assert asked(lambda: ops.momentum_step(param, grad, v, learning_rate=0.1))
    assert asked(lambda: ops.momentum_step(grad, param, v, learning_rate=0.1))
    assert not asked(lambda: ops.momentum_step(param, other, v, learning_rate=0.1))


@pytest.mark.usefixtures("twins_answer")
def test_the_reference_answers_for_two_floating_dtypes() -> None:
    single = X.astype(np.float32)
    assert not asked(lambda: ops.adagrad_step(single, X, single.copy(), learning_rate=0.1))
    saved = reference.softmax_forward(single)[1]
    assert not asked(lambda: ops.softmax_backward(X, saved))
    assert not asked(lambda: ops.dropout_forward(single, mask=np.ones((2, 2)), rate=0.5))


def test_what_a_twin_refuses_the_reference_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise Unsuitable

    monkeypatch.setitem(backend._twins, "relu_forward", refuse)
    assert np.array_equal(ops.relu_forward(X)[0], reference.relu_forward(X)[0])
    assert not backend._failures
    assert backend._twins["relu_forward"] is refuse


def test_names_without_a_twin_are_the_reference_s_own() -> None:
    assert "tanh_forward" not in kernels.TWINS
    assert ops.tanh_forward is reference.tanh_forward
    assert set(dir(ops)) == set(dir(reference))


@pytest.mark.parametrize("name", sorted(kernels.TWINS))
def test_a_dispatched_name_looks_like_the_reference_s(name: str) -> None:
    dispatched, own = getattr(ops, name), getattr(reference, name)
    assert dispatched is not own
    assert (dispatched.__name__, dispatched.__doc__) == (own.__name__, own.__doc__)
    assert dispatched.__wrapped__ is own


def test_choosing_costs_little() -> None:
    def fastest(call: Callable[[], Any]) -> float:
        return min(timeit.repeat(call, number=2000, repeat=15)) / 2000

    empty = np.zeros((0, 2))
    own = fastest(lambda: reference.relu_forward(empty))
    with backend.use("reference"):
        assert fastest(lambda: ops.relu_forward(empty)) - own < 2e-6  # twice, for a busy machine
    _, saved = reference.batch_norm_forward(X, np.ones(2), np.ones(2))
    assert fastest(lambda: backend.suits((X, saved), {})) < 2e-6


# -- who chooses --------------------------------------------------------------------------------


@pytest.mark.usefixtures("twins_answer")
def test_use_chooses_until_the_block_ends() -> None:
    assert asked(lambda: ops.relu_forward(X))
    with handgrad.use("reference"):
        assert not asked(lambda: ops.relu_forward(X))
        with handgrad.use("compiled"):
            assert asked(lambda: ops.relu_forward(X))
        assert not asked(lambda: ops.relu_forward(X))
    assert asked(lambda: ops.relu_forward(X))
    with pytest.raises(KeyError), handgrad.use("reference"):
        raise KeyError
    assert asked(lambda: ops.relu_forward(X))


@pytest.mark.usefixtures("twins_answer")
def test_use_as_a_call_chooses_for_this_thread_alone() -> None:
    handgrad.use("reference")
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(asked(lambda: ops.relu_forward(X))))
    thread.start()
    thread.join()
    assert answers == [True]
    assert not asked(lambda: ops.relu_forward(X))


def test_use_names_the_choices() -> None:
    with pytest.raises(
        InvalidValueError,
        match=r"^handgrad.use: backend must be one of reference, compiled, but is 'fast'\.$",
    ):
        handgrad.use("fast")


def test_active_tells_who_chose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend.Thread, "choice", "reference")
    assert backend.active() == "reference: chosen by HANDGRAD_BACKEND"
    with handgrad.use("reference"):
        assert backend.active() == "reference: chosen by handgrad.use"
    assert backend.active() == "reference: chosen by HANDGRAD_BACKEND"


def test_the_environment_variable_chooses_for_the_process() -> None:
    code = """
import threading
from handgrad import backend
print(backend.active())
thread = threading.Thread(target=lambda: print(backend.active()))
thread.start(); thread.join()
"""
    done = python(code, HANDGRAD_BACKEND="reference")
    assert done.stdout.splitlines() == ["reference: chosen by HANDGRAD_BACKEND"] * 2
    assert "chosen" not in python(code, HANDGRAD_BACKEND="compiled").stdout
    assert "chosen" not in python(code, HANDGRAD_BACKEND="").stdout


def test_use_goes_before_the_environment_variable() -> None:
    pytest.importorskip("numba")
    code = "import handgrad; handgrad.use('compiled'); print(handgrad.backend.active())"
    assert python(code, HANDGRAD_BACKEND="reference").stdout.startswith("compiled: Numba ")


def test_a_wrong_environment_variable_is_refused() -> None:
    done = python("from handgrad import Affine", HANDGRAD_BACKEND="numba")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(
        "InvalidValueError: handgrad: the environment variable HANDGRAD_BACKEND must be one of "
        "reference, compiled, but is 'numba'."
    )


def test_active_says_which_and_why(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba")
    monkeypatch.setattr(kernels, "describe", lambda: "Numba 0.61, 2 threads")
    assert backend.active() == "compiled: Numba 0.61, 2 threads"
    with handgrad.use("reference"):
        assert backend.active() == "reference: chosen by handgrad.use"
    monkeypatch.setattr(kernels, "installed", lambda: False)
    assert backend.active() == (
        "reference: Numba is not installed (pip install numba makes many networks faster)"
    )


def test_numba_is_described() -> None:
    numba = pytest.importorskip("numba")
    assert kernels.describe() == f"Numba {numba.__version__}"  # whose own threads do nothing here


# -- when Numba, or a kernel, does not work -----------------------------------------------------


def test_without_numba_the_reference_answers_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "installed", lambda: False)
    assert np.array_equal(ops.relu_forward(X)[0], reference.relu_forward(X)[0])
    assert backend._twins == {"relu_forward": None}


def test_asking_for_twins_without_numba_warns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "installed", lambda: False)
    with pytest.warns(HandgradWarning, match=r"^handgrad.use: Numba is not installed, so the ref"):
        handgrad.use("compiled")


def test_a_numba_that_cannot_be_imported_gives_one_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: str) -> Function:
        raise ImportError("Numba needs NumPy 9.9 or less\nGot NumPy 10")

    monkeypatch.setattr(kernels, "installed", lambda: True)
    monkeypatch.setattr(kernels, "load", broken)
    monkeypatch.setattr(kernels, "describe", broken)
    with pytest.warns(
        HandgradWarning,
        match=r"^relu_forward: its compiled twin cannot be used here "
        r"\(ImportError: Numba needs NumPy 9.9 or less\). The reference answers",
    ) as caught:
        y, _ = ops.relu_forward(X)
    assert caught[0].filename == __file__
    assert np.array_equal(y, reference.relu_forward(X)[0])
    ops.relu_forward(X)  # a second warning would be an error, here as in all tests
    ops.softmax_forward(X)
    reason = "reference: Numba cannot be imported (ImportError: Numba needs NumPy 9.9 or less)"
    assert backend.active() == reason


def test_a_kernel_that_cannot_be_compiled_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "installed", lambda: True)
    monkeypatch.setattr(kernels, "describe", lambda: "Numba 0.61, 2 threads")
    monkeypatch.setattr(kernels, "load", lambda _: stand_in)
    with pytest.warns(HandgradWarning, match=r"^softmax_forward: its compiled twin .* \(Answered"):
        probs, _ = ops.softmax_forward(X)
    assert np.array_equal(probs, reference.softmax_forward(X)[0])
    assert np.array_equal(ops.softmax_forward(X)[0], probs)
    ops.relu_forward(X)  # the second name that fails: no second warning
    assert backend.active() == (
        "compiled: Numba 0.61, 2 threads; by the reference: relu_forward (Answered), "
        "softmax_forward (Answered)"
    )


def test_the_caller_s_mistakes_are_no_reason_to_give_up() -> None:
    for args, options in (((X,), {"slope": 1}), ((X, X), {}), ((), {})):
        with pytest.raises(TypeError, match="relu_forward") as caught:
            ops.relu_forward(*args, **options)
        assert caught.value.__context__ is None  # the twin's own complaint is not shown
    with pytest.raises(ValueError, match="broadcast"):
        ops.batch_norm_forward(X, np.ones(3), np.ones(2))
    assert not backend._failures


# -- Numba comes when a twin is first used ------------------------------------------------------


def test_numba_is_imported_at_the_first_use_of_a_twin() -> None:
    pytest.importorskip("numba")
    code = """
import sys
import numpy as np
import handgrad, handgrad.backend, handgrad.kernels, handgrad.layers
from handgrad import Network, Trainer, ops, Affine
assert "numba" not in sys.modules
with handgrad.use("reference"):
    handgrad.backend.ops.relu_forward(np.ones(3))
handgrad.backend.ops.tanh_forward(np.ones(3))
assert "numba" not in sys.modules
handgrad.backend.ops.relu_forward(np.ones(3))
assert "numba" in sys.modules
"""
    done = python(code, HANDGRAD_BACKEND="compiled")
    assert done.returncode == 0, done.stderr


def test_a_folder_that_cannot_be_written_to_is_no_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba")
    from handgrad.kernels import jit

    def njit(*, cache: bool = False, **options: Any) -> Callable[[Function], Function]:
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        assert options == jit.OPTIONS
        return lambda function: function

    monkeypatch.setattr(jit, "njit", njit)
    assert jit.compiled(stand_in) is stand_in


# -- whole trainings ----------------------------------------------------------------------------


def trained(choice: str) -> tuple[list[float], dict[str, np.ndarray]]:
    """The losses and the parameters of a short training."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 6))
    labels = (x[:, 0] * x[:, 1] > 0).astype(int)
    network = Network([Affine(12), Relu(), Affine(2)], input_shape=(6,), dtype="float64", seed=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HandgradWarning)
        with handgrad.use(choice):
            history = Trainer(network, SoftmaxCrossEntropy(), Adam(0.01)).fit(
                x, labels, epochs=5, batch_size=20
            )
    return [row["loss"] for row in history], dict(network.params)


def test_both_backends_train_alike() -> None:
    losses, params = trained("compiled")
    expected, expected_params = trained("reference")
    np.testing.assert_allclose(losses, expected, rtol=1e-12)
    for name, array in params.items():
        np.testing.assert_allclose(array, expected_params[name], rtol=1e-9, atol=1e-12)


def test_threads_may_ask_for_the_same_twin_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    loads: list[str] = []
    gate = threading.Barrier(4)

    def load(name: str) -> Function:
        loads.append(name)
        return getattr(reference, name)

    monkeypatch.setattr(kernels, "installed", lambda: True)
    monkeypatch.setattr(kernels, "load", load)

    def ask() -> None:
        gate.wait()
        ops.relu_forward(X)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert loads == ["relu_forward"]
