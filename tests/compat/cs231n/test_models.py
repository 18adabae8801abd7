"""The classifiers and the Solver."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from handgrad.checks import FileFormatError, InvalidValueError
from handgrad.compat.cs231n import conventions, optim
from handgrad.compat.cs231n.classifiers import KNearestNeighbor, LinearSVM, Softmax
from handgrad.compat.cs231n.classifiers.cnn import ThreeLayerConvNet
from handgrad.compat.cs231n.classifiers.fc_net import FullyConnectedNet, TwoLayerNet
from handgrad.compat.cs231n.classifiers.linear_svm import svm_loss_naive, svm_loss_vectorized
from handgrad.compat.cs231n.classifiers.neural_net import TwoLayerNet as SelfTrainedNet
from handgrad.compat.cs231n.classifiers.softmax import (
    softmax_loss_naive,
    softmax_loss_vectorized,
)
from handgrad.compat.cs231n.gradient_check import eval_numerical_gradient
from handgrad.compat.cs231n.solver import Solver
from handgrad.compat.cs231n.vis_utils import vis_grid, visualize_grid


def separable(examples: Any = 120, features: Any = 6) -> Any:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(examples, features))
    return X, np.argmax(X[:, :3], axis=1)


def dataset(features: Any = 6) -> Any:
    X, y = separable(features=features)
    return {"X_train": X[:90], "y_train": y[:90], "X_val": X[90:], "y_val": y[90:]}


# -- networks ---------------------------------------------------------------------------------


def small(**options: Any) -> Any:
    options = {"weight_scale": 0.3, "dtype": np.float64, "reg": 0.7} | options
    return FullyConnectedNet([5, 4], input_dim=6, num_classes=3, **options)


@pytest.mark.parametrize(
    "make",
    [
        lambda: TwoLayerNet(6, 5, 3, weight_scale=0.3, reg=0.7),
        small,
        lambda: small(normalization="batchnorm"),
        lambda: small(normalization="layernorm"),
        lambda: small(normalization="layernorm", dropout=0.6, seed=5),
    ],
)
def test_gradients_of_fully_connected_networks(make: Any) -> None:
    np.random.seed(3)
    model, X, y = make(), np.random.randn(7, 2, 3), np.arange(7) % 3
    for name, value in model.params.items():  # biases of 0 behind dead units are at ReLU's kink
        model.params[name] = value + 0.1 * np.random.randn(*value.shape)
    _, grads = model.loss(X, y)
    assert sorted(grads) == sorted(model.params)
    for name, grad in grads.items():
        numerical = eval_numerical_gradient(
            lambda _: model.loss(X, y)[0], model.params[name], verbose=False
        )
        np.testing.assert_allclose(grad, numerical, rtol=0, atol=1e-7)


def test_gradients_of_the_convolutional_network() -> None:
    np.random.seed(3)
    model = ThreeLayerConvNet(
        (2, 6, 8), 3, 3, 5, num_classes=4, weight_scale=0.3, reg=0.5, dtype=np.float64
    )
    X, y = np.random.randn(3, 2, 6, 8), np.array([0, 3, 2])
    assert model.loss(X).shape == (3, 4)
    loss, grads = model.loss(X, y)
    model.reg = 0.0
    weights = [value for name, value in model.params.items() if name.startswith("W")]
    penalty = 0.25 * sum((weight**2).sum() for weight in weights)
    np.testing.assert_allclose(loss - model.loss(X, y)[0], penalty)
    model.reg = 0.5
    for name, grad in grads.items():
        numerical = eval_numerical_gradient(
            lambda _: model.loss(X, y)[0], model.params[name], verbose=False
        )
        np.testing.assert_allclose(grad, numerical, rtol=0, atol=1e-7)


def test_initial_values_are_drawn_in_the_courses_order() -> None:
    np.random.seed(0)
    model = FullyConnectedNet([5], 6, 3, weight_scale=0.1)
    np.random.seed(0)
    W1, W2 = 0.1 * np.random.randn(6, 5), 0.1 * np.random.randn(5, 3)
    np.testing.assert_array_equal(model.params["W1"], W1.astype(np.float32))
    np.testing.assert_array_equal(model.params["W2"], W2.astype(np.float32))
    np.random.seed(0)
    model = TwoLayerNet(6, 5, 3, weight_scale=0.1)
    np.testing.assert_array_equal(model.params["W1"], W1)
    np.testing.assert_array_equal(model.params["W2"], W2)
    np.random.seed(0)
    model = ThreeLayerConvNet((2, 6, 8), 3, 5, dtype=np.float64, weight_scale=0.1)
    np.random.seed(0)
    for name, shape in (("W1", (3, 2, 5, 5)), ("W2", (3 * 3 * 4, 100)), ("W3", (100, 10))):
        np.testing.assert_array_equal(model.params[name], 0.1 * np.random.randn(*shape))


def test_float32_is_the_default_and_stays() -> None:
    for model in (
        FullyConnectedNet([5], 6, 3, normalization="batchnorm", dropout=0.5),
        ThreeLayerConvNet((2, 6, 8), 3, 3, 5),
    ):
        X = np.random.randn(4, *((6,) if "gamma1" in model.params else (2, 6, 8)))
        loss, grads = model.loss(X, np.array([0, 1, 2, 0]))
        assert {loss.dtype, *(grad.dtype for grad in grads.values())} == {np.dtype(np.float32)}


def test_testing_needs_no_batch() -> None:
    np.random.seed(0)
    model = small(normalization="batchnorm", dropout=0.5)
    X, y = separable(20)
    model.loss(X, y)
    assert [param["running_mean"].shape for param in model.bn_params] == [(5,), (4,)]
    # The rows beside it do not matter. (Sums of another length are rounded otherwise.)
    np.testing.assert_allclose(model.loss(X)[:1], model.loss(X[:1]), rtol=1e-13)
    np.testing.assert_array_equal(model.loss(X), model.loss(X))


def test_dropout_by_its_names_and_years() -> None:
    assert not small(dropout=0).use_dropout
    assert not small(dropout=1).use_dropout
    assert small(dropout=0.25).dropout_param["p"] == 0.25
    assert small(dropout_keep_ratio=0.25).dropout_param == {"mode": "train", "p": 0.25}
    with conventions.in_year(2016):  # p is the part that is dropped, the ratio is what is kept
        assert small(dropout=0.25).dropout_param["p"] == 0.25
        assert small(dropout_keep_ratio=0.25).dropout_param["p"] == 0.75
    with pytest.raises(InvalidValueError, match=r"are the same thing\. Give one of them"):
        small(dropout=0.5, dropout_keep_ratio=0.5)


def test_normalization_by_its_old_and_new_names() -> None:
    assert small(use_batchnorm=True).normalization == "batchnorm"
    assert FullyConnectedNet([5], 6, 3, 0, True).normalization == "batchnorm"  # as in 2016
    assert FullyConnectedNet([5], 6, 3, 0, False).normalization is None
    assert small(normalization="batchnorm").bn_params == [{"mode": "train"}, {"mode": "train"}]
    assert small(normalization="layernorm").bn_params == [{}, {}]
    assert small().bn_params == []
    with pytest.raises(InvalidValueError, match=r"must be one of batchnorm, layernorm, but is 'ba"):
        small(normalization="batch")


# -- assignment 1 -------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", [svm_loss_vectorized, softmax_loss_vectorized])
@pytest.mark.parametrize("year", [2016, 2026])
def test_linear_losses(loss: Any, year: Any) -> None:
    X, y = separable(10)
    W = np.random.default_rng(1).normal(size=(6, 3))
    with conventions.in_year(year):
        value, dW = loss(W, X, y, 0.7)
        numerical = eval_numerical_gradient(lambda W: loss(W, X, y, 0.7)[0], W, verbose=False)
    np.testing.assert_allclose(dW, numerical, rtol=0, atol=1e-8)
    np.testing.assert_allclose(
        value - loss(W, X, y, 0.0)[0], (0.35 if year == 2016 else 0.7) * (W**2).sum()
    )


def test_naive_losses_are_the_same() -> None:
    X, y = separable(10)
    W = np.ones((6, 3))
    for naive, vectorized in (
        (svm_loss_naive, svm_loss_vectorized),
        (softmax_loss_naive, softmax_loss_vectorized),
    ):
        assert naive(W, X, y, 0.1)[0] == vectorized(W, X, y, 0.1)[0]


@pytest.mark.parametrize("kind", [LinearSVM, Softmax])
def test_linear_classifiers_learn_and_print(kind: Any, capsys: pytest.CaptureFixture[str]) -> None:
    np.random.seed(0)
    X, y = separable()
    model = kind()
    losses = model.train(X, y, learning_rate=0.1, reg=1e-4, num_iters=201, verbose=True)
    assert losses[-1] < 0.5 * losses[0]
    assert (model.predict(X) == y).mean() > 0.9
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("iteration 100 / 201: loss 0.")


def test_a_step_of_a_linear_classifier() -> None:
    X, y = separable()
    np.random.seed(0)
    model = Softmax()
    model.train(X, y, learning_rate=0.2, reg=0.3, num_iters=1, batch_size=7)
    np.random.seed(0)
    W, chosen = 0.001 * np.random.randn(6, 3), np.random.choice(120, 7)
    _, dW = softmax_loss_vectorized(W, X[chosen], y[chosen], 0.3)
    np.testing.assert_allclose(model.W, W - 0.2 * dW)


def test_neural_net_counts_whole_epochs(capsys: pytest.CaptureFixture[str]) -> None:
    # 120 / 50 is 2.4, of which no step is a multiple: the course's own code divides so, and would
    # measure once.
    np.random.seed(0)
    X, y = separable()
    net = SelfTrainedNet(6, 10, 3, std=0.1)
    stats = net.train(X, y, X, y, learning_rate=0.5, num_iters=101, batch_size=50, verbose=True)
    assert len(stats["val_acc_history"]) == 51  # every 2 steps
    assert stats["val_acc_history"][-1] > 0.9
    assert np.mean(stats["train_acc_history"][-9:]) > 0.8  # of the batches
    assert max(stats["train_acc_history"] + stats["val_acc_history"]) <= 1
    assert capsys.readouterr().out.splitlines()[1].startswith("iteration 100 / 101: loss ")


def test_nearest_neighbours() -> None:
    rng = np.random.default_rng(0)
    X, new = rng.normal(size=(9, 4)), rng.normal(size=(5, 4))
    y = np.array([2, 1, 0, 1, 2, 0, 1, 1, 2])
    model = KNearestNeighbor()
    model.train(X, y)
    expected = np.linalg.norm(new[:, None] - X, axis=2)
    for distances in (
        model.compute_distances_two_loops,
        model.compute_distances_one_loop,
        model.compute_distances_no_loops,
    ):
        np.testing.assert_allclose(distances(new), expected)
    assert model.compute_distances_no_loops(X).diagonal().max() < 1e-7  # no root of a negative
    for loops in (0, 1, 2):
        np.testing.assert_array_equal(model.predict(X, num_loops=loops), y)
    ties = np.array([[0.1, 0.2, 9, 9, 9, 9, 9, 9, 9]])  # one vote for 2, one for 1
    np.testing.assert_array_equal(model.predict_labels(ties, k=2), [1])
    with pytest.raises(InvalidValueError, match="num_loops must be one of 0, 1, 2, but is '3'"):
        model.predict(X, num_loops=3)


# -- Solver ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["sgd", "sgd_momentum", "rmsprop", "adam"])
def test_solver_learns_by_every_rule(rule: Any) -> None:
    np.random.seed(0)
    rates = {"sgd": 0.5, "sgd_momentum": 0.1, "rmsprop": 0.01, "adam": 0.01}
    model = FullyConnectedNet([20], 6, 3, weight_scale=0.1)
    solver = Solver(
        model,
        dataset(),
        update_rule=rule,
        optim_config={"learning_rate": rates[rule]},
        batch_size=30,
        num_epochs=20,
        verbose=False,
    )
    solver.train()
    assert len(solver.loss_history) == 60
    assert len(solver.train_acc_history) == len(solver.val_acc_history) == 21
    assert solver.best_val_acc == max(solver.val_acc_history) > 0.8
    assert solver.check_accuracy(solver.X_val, solver.y_val) == solver.best_val_acc
    assert model.params is solver.best_params


def test_solver_prints_as_the_course_does(capsys: pytest.CaptureFixture[str]) -> None:
    np.random.seed(0)
    solver = Solver(TwoLayerNet(6, 5, 3), dataset(), num_epochs=2, batch_size=30, print_every=2)
    solver.train()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"(Iteration 1 / 6) loss: {solver.loss_history[0]:f}"
    accuracies = solver.train_acc_history[0], solver.val_acc_history[0]
    assert lines[1] == f"(Epoch 0 / 2) train acc: {accuracies[0]:f}; val_acc: {accuracies[1]:f}"
    assert [line.split(" loss")[0].split(" train")[0] for line in lines[2:]] == [
        "(Iteration 3 / 6)",
        "(Epoch 1 / 2)",
        "(Iteration 5 / 6)",
        "(Epoch 2 / 2)",
    ]


def test_solver_decays_the_rate_and_leaves_optim_config_alone() -> None:
    config = {"learning_rate": 1.0}
    solver = Solver(
        TwoLayerNet(6, 5, 3),
        dataset(),
        optim_config=config,
        lr_decay=0.5,
        num_epochs=3,
        batch_size=45,
        verbose=False,
    )
    solver.train()
    assert {c["learning_rate"] for c in solver.optim_configs.values()} == {0.125}
    assert config == {"learning_rate": 1.0}


def test_solver_ends_with_parameters_even_if_nothing_was_right() -> None:
    data = dataset() | {"y_val": np.full(30, 99)}
    model = TwoLayerNet(6, 5, 3)
    solver = Solver(model, data, num_epochs=1, verbose=False)
    solver.train()
    assert solver.best_val_acc == 0
    assert set(model.params) == {"W1", "b1", "W2", "b2"}


def test_solver_begins_with_the_courses_defaults() -> None:
    solver = Solver(TwoLayerNet(6, 5, 3), dataset())
    assert solver.update_rule is optim.sgd
    assert (solver.batch_size, solver.num_epochs, solver.lr_decay) == (100, 10, 1.0)
    assert (solver.num_train_samples, solver.num_val_samples) == (1000, None)
    assert (solver.print_every, solver.verbose, solver.checkpoint_name) == (10, True, None)
    assert (solver.epoch, solver.best_val_acc, solver.best_params) == (0, 0, {})


class FirstEntry:
    """A model whose scores are its input; it counts how many examples it is given."""

    def __init__(self) -> None:
        self.params: dict[str, Any] = {}
        self.seen = 0

    def loss(self, X: Any) -> Any:
        self.seen += len(X)
        return X


def test_accuracy_is_the_share_of_right_answers() -> None:
    np.random.seed(0)
    model = FirstEntry()
    solver = Solver(model, dataset())
    X, y = np.eye(2)[np.arange(250) % 2], np.zeros(250, int)  # every second is right
    y[240:] = 1
    assert solver.check_accuracy(X, y) == 0.5
    assert solver.check_accuracy(X, 1 - np.arange(250) % 2) == 0
    assert solver.check_accuracy(X[:1], y[:1]) == 1  # one example
    assert solver.check_accuracy(X[:0], y[:0]) == 0
    model.seen = 0
    solver.check_accuracy(X, y, num_samples=7)
    assert model.seen == 7
    solver.check_accuracy(X[:5], y[:5], num_samples=7)
    assert model.seen == 12


def test_checkpoints_are_arrays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = str(tmp_path / "run")
    model = TwoLayerNet(6, 5, 3)
    Solver(model, dataset(), num_epochs=2, batch_size=90, checkpoint_name=name).train()
    assert f'Saving checkpoint to "{name}_epoch_2.npz"' in capsys.readouterr().out
    with np.load(f"{name}_epoch_2.npz") as arrays:
        assert arrays["params/W1"].shape == (6, 5)
        assert len(arrays["loss_history"]) == 2


def test_solver_takes_a_function_as_its_rule() -> None:
    solver = Solver(
        TwoLayerNet(6, 5, 3), dataset(), update_rule=optim.adam, num_epochs=1, verbose=False
    )
    solver.optim_configs = {name: {"learning_rate": 1e-3} for name in solver.model.params}
    solver.train()
    assert solver.epoch == 1


def test_solver_refuses_what_it_does_not_know() -> None:
    with pytest.raises(InvalidValueError, match="Unrecognized arguments: epochs, learning_rate"):
        Solver(TwoLayerNet(6, 5, 3), dataset(), epochs=3, learning_rate=1)
    with pytest.raises(InvalidValueError, match=r"update_rule must be one of sgd, .* is 'adagrad'"):
        Solver(TwoLayerNet(6, 5, 3), dataset(), update_rule="adagrad")


@pytest.mark.parametrize("rule", [optim.sgd, optim.sgd_momentum, optim.rmsprop, optim.adam])
def test_rules_begin_with_defaults_and_leave_w_alone(rule: Any) -> None:
    w, dw = np.ones(3), np.array([1.0, -2.0, 0.5])
    one, config = rule(w, dw)
    two, _ = rule(one, dw, config)
    np.testing.assert_array_equal(w, 1)
    assert (np.sign(w - one) == np.sign(dw)).all()
    assert (np.sign(one - two) == np.sign(dw)).all()
    defaults = {"sgd": 1e-2, "sgd_momentum": 1e-2, "rmsprop": 1e-2, "adam": 1e-3}
    assert config["learning_rate"] == defaults[rule.__name__]
    if rule is optim.adam:
        assert config["t"] == 2
        np.testing.assert_allclose(w - one, 1e-3 * np.sign(dw))  # Adam's first step, when t is 1


def test_rules_leave_the_remembered_arrays_alone() -> None:
    velocity = np.ones(3)
    _, config = optim.sgd_momentum(np.ones(3), np.ones(3), {"velocity": velocity})
    np.testing.assert_array_equal(velocity, 1)
    assert config["velocity"] is not velocity


# -- files and pictures -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "read"),
    [(Softmax, lambda m: m.W), (lambda: TwoLayerNet(6, 5, 3), lambda m: m.params["W1"])],
)
def test_models_are_saved_as_arrays(
    make: Any,
    read: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    X, y = separable()
    one, two = make(), make()
    if isinstance(one, Softmax):
        one.train(X, y, num_iters=3)
    assert not two.load("best.npy")
    one.save("best.npy")
    assert two.load("best.npy")
    np.testing.assert_array_equal(read(one), read(two))
    assert capsys.readouterr().out.split("\n") == [
        "best.npy not available.",
        "best.npy saved.",
        "best.npy loaded.",
        "",
    ]
    (tmp_path / "cs231n" / "saved" / "old.npy").write_bytes(b"\x93NUMPY a pickled dict")
    with pytest.raises(FileFormatError, match="a pickle, which is not read: train again"):
        two.load("old.npy")


def test_visualize_grid() -> None:
    images = np.zeros((3, 2, 4, 1))
    images[0, 0, 0], images[1, 1, 3], images[2] = 7, -3, 5
    grid = visualize_grid(images, padding=1)
    assert grid.shape == (5, 9, 1)
    assert grid[0, 0, 0] == 255  # the largest of its image
    assert grid[1, 8, 0] == 0  # the smallest of its image
    assert not grid[3:].any()  # one colour, and a place without an image
    images = np.random.default_rng(0).normal(size=(4, 2, 3, 1))
    low, high = images.min(axis=(1, 2, 3)), images.max(axis=(1, 2, 3))
    a, b, c, d = ((images.T - low) / (high - low)).T[..., 0]
    row, column = np.zeros((1, 7)), np.zeros((2, 1))  # what lies between
    expected = np.block([[a, column, b], [row], [c, column, d]])
    np.testing.assert_allclose(visualize_grid(images, ubound=1, padding=1)[..., 0], expected)
    together = vis_grid(images)[..., 0] * (images.max() - images.min()) + images.min()
    np.testing.assert_allclose(together[3:5, 4:7], images[3, ..., 0])
    np.testing.assert_allclose(together[2], images.max())
    images = np.zeros((3, 2, 4, 1))
    images[0, 0, 0], images[1, 1, 3], images[2] = 7, -3, 5
    assert vis_grid(images).shape == (6, 10, 1)
    assert (vis_grid(images).min(), vis_grid(images).max()) == (0, 1)
    assert not vis_grid(np.ones((1, 2, 2, 3))).any()
