import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from handgrad import (
    SGD,
    Adam,
    Affine,
    BinaryCrossEntropy,
    HalfSquaredError,
    Hinge,
    Huber,
    Loss,
    MeanSquaredError,
    Network,
    Relu,
    Sequential,
    Sigmoid,
    Softmax,
    SoftmaxCrossEntropy,
    Trainer,
    class_weights,
    sample_weights,
)
from handgrad.backend import ops
from handgrad.checks import DtypeError, InvalidValueError, ShapeError
from handgrad.metrics import confusion_matrix, precision_recall_f1

CLASSIFIERS: list[Callable[[], Loss]] = [SoftmaxCrossEntropy, Hinge]
REGRESSIONS: list[Callable[[], Loss]] = [MeanSquaredError, HalfSquaredError, Huber]


def quadrants(rows: int = 200) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 2))
    return x, (x[:, 0] * x[:, 1] > 0).astype(int)


# -- each loss is its op, with its options ------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "op", "which", "options"),
    [
        (SoftmaxCrossEntropy(), "softmax_cross_entropy", "labels", {"label_smoothing": 0.0}),
        (
            SoftmaxCrossEntropy(label_smoothing=0.2),
            "softmax_cross_entropy",
            "labels",
            {"label_smoothing": 0.2},
        ),
        (Hinge(), "hinge", "labels", {"margin": 1.0}),
        (Hinge(margin=0.5), "hinge", "labels", {"margin": 0.5}),
        (BinaryCrossEntropy(), "binary_cross_entropy", "labels", {}),
        (MeanSquaredError(), "mean_squared_error", "targets", {}),
        (HalfSquaredError(), "half_squared_error", "targets", {}),
        (Huber(), "huber", "targets", {"delta": 1.0}),
        (Huber(delta=0.5), "huber", "targets", {"delta": 0.5}),
    ],
)
def test_a_loss_calls_its_op_with_its_options(
    loss: Loss, op: str, which: str, options: dict[str, float]
) -> None:
    rng = np.random.default_rng(1)
    outputs = rng.normal(size=(4, 3)).astype(np.float32)
    classes = isinstance(loss, SoftmaxCrossEntropy | Hinge)
    given = rng.integers(0, 3, 4) if classes else rng.uniform(size=(4, 3))
    labels = loss.prepare(given, (3,), np.float32)
    weight = rng.uniform(size=4).astype(np.float32)
    value, saved = loss.forward(outputs, labels=labels, sample_weight=weight)
    arguments = {which: labels, "sample_weight": weight, **options}
    expected, op_saved = getattr(ops, f"{op}_forward")(outputs, **arguments)
    assert value == expected
    assert value.dtype == np.float32
    (dlogits,) = loss.backward(np.float32(2), saved)
    (expected,) = getattr(ops, f"{op}_backward")(np.float32(2), op_saved)
    assert np.array_equal(dlogits, expected)
    assert dlogits.dtype == np.float32


def test_heads_say_what_the_outputs_mean() -> None:
    assert SoftmaxCrossEntropy().head == "softmax"
    assert BinaryCrossEntropy().head == "sigmoid"
    assert Hinge().head == "scores"
    assert {loss().head for loss in REGRESSIONS} == {"linear"}


def test_losses_name_their_options() -> None:
    assert repr(Huber(delta=2.0)) == "Huber(delta=2.0)"
    assert repr(BinaryCrossEntropy()) == "BinaryCrossEntropy()"


# -- labels -------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", CLASSIFIERS)
def test_classifiers_take_classes_and_name_themselves(loss: Callable[[], Loss]) -> None:
    assert loss().prepare([1.0, 0.0], (3,), "float32").tolist() == [1, 0]
    with pytest.raises(InvalidValueError, match=f"^{type(loss()).__name__}: labels must be from 0"):
        loss().prepare([3], (3,), "float32")


@pytest.mark.parametrize("loss", REGRESSIONS)
def test_regressions_take_a_column_and_name_themselves(loss: Callable[[], Loss]) -> None:
    assert loss().prepare([1, 2], (1,), "float32").shape == (2, 1)
    name = type(loss()).__name__
    with pytest.raises(DtypeError, match=f"^{name}: targets must hold real numbers"):
        loss().prepare(["a"], (1,), "float32")


def test_binary_cross_entropy_takes_a_column_and_names_itself() -> None:
    assert BinaryCrossEntropy().prepare([True, False], (1,), "float32").shape == (2, 1)
    with pytest.raises(InvalidValueError, match=r"^BinaryCrossEntropy: labels must be from 0 to 1"):
        BinaryCrossEntropy().prepare([2], (1,), "float32")


def test_hinge_takes_one_hot_rows_and_no_other_probabilities() -> None:
    assert Hinge().prepare(np.eye(3)[[2, 0]], (3,), "float32").tolist() == [2, 0]
    assert Hinge().prepare(np.zeros((0, 3)), (3,), "float32").shape == (0,)
    with pytest.raises(InvalidValueError, match=r"^Hinge: rows of labels must be one-hot"):
        Hinge().prepare([[0.5, 0.5, 0.0]], (3,), "float32")


# -- (N,) is never stretched against (N, 1) -----------------------------------------------------


@pytest.mark.parametrize("loss", [BinaryCrossEntropy, *REGRESSIONS])
def test_labels_that_were_not_prepared_are_not_stretched(loss: Callable[[], Loss]) -> None:
    name = type(loss()).__name__
    message = (
        f"{name}: for outputs of shape (3, 1) the labels must have shape (3, 1), but have shape "
        "(3,). prepare() brings a whole set's labels into this form."
    )
    with pytest.raises(ShapeError, match=f"^{re.escape(message)}$"):
        loss().forward(np.zeros((3, 1)), labels=np.zeros(3))


def test_classes_of_another_number_of_rows_are_not_stretched() -> None:
    with pytest.raises(
        ShapeError, match=r"labels must have shape \(3,\) or \(3, 2\), but have sha"
    ):
        SoftmaxCrossEntropy().forward(np.zeros((3, 2)), labels=np.array([0]))
    with pytest.raises(
        ShapeError, match=r"^Hinge: .* labels must have shape \(3,\), but have shape"
    ):
        Hinge().forward(np.zeros((3, 2)), labels=np.array([0]))


def test_weights_of_another_shape_are_not_stretched() -> None:
    with pytest.raises(ShapeError, match=r"^Huber: sample_weight must have shape \(3,\), but has"):
        Huber().forward(np.zeros((3, 1)), labels=np.zeros((3, 1)), sample_weight=np.ones((3, 1)))


# -- options and networks -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: SoftmaxCrossEntropy(label_smoothing=1.0),
            r"^SoftmaxCrossEntropy: label_smoothing must be in \[0, 1\), but is 1\.0\.$",
        ),
        (lambda: Hinge(margin=0), r"^Hinge: margin must be in \(0, inf\), but is 0\.$"),
        (lambda: Huber(delta=-1.0), r"^Huber: delta must be in \(0, inf\), but is -1\.0\.$"),
    ],
)
def test_options_are_checked(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(InvalidValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("loss", "last"),
    [
        (SoftmaxCrossEntropy(), Softmax()),
        (BinaryCrossEntropy(), Sigmoid()),
        (SoftmaxCrossEntropy(), Sequential(Affine(2), Softmax())),
    ],
)
def test_a_network_must_not_do_what_the_loss_does(loss: Loss, last: Any) -> None:
    network = Network([Affine(2), last], 3)
    message = rf"^{type(loss).__name__}: the network ends in S\w+ .* predict_proba gives probab"
    with pytest.raises(InvalidValueError, match=message):
        Trainer(network, loss, SGD(0.1))


def test_other_last_layers_are_fine() -> None:
    MeanSquaredError().check_network(Network([Affine(2), Softmax()], 3).layers)
    SoftmaxCrossEntropy().check_network(())
    SoftmaxCrossEntropy().check_network(Network([Affine(2), Sequential()], 3).layers)


def test_the_base_leaves_the_rest_to_subclasses() -> None:
    with pytest.raises(NotImplementedError):
        Loss().prepare([0], (1,), "float32")
    with pytest.raises(NotImplementedError):
        Loss().forward(np.zeros((1, 1)), labels=np.zeros(1))
    with pytest.raises(NotImplementedError):
        Loss().backward(1.0, None)


# -- in training --------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", CLASSIFIERS)
def test_classifiers_learn(loss: Callable[[], Loss]) -> None:
    network = Network([Affine(16), Relu(), Affine(2)], 2)
    history = Trainer(network, loss(), Adam(0.02)).fit(*quadrants(), epochs=30, batch_size=20)
    assert history.last["accuracy"] > 0.95


def test_binary_cross_entropy_learns_from_flat_labels() -> None:
    network = Network([Affine(16), Relu(), Affine(1)], 2)
    x, labels = quadrants()
    trainer = Trainer(network, BinaryCrossEntropy(), Adam(0.02))
    history = trainer.fit(x, labels, epochs=30, batch_size=20)
    assert history.last["accuracy"] > 0.95
    assert np.mean(network.predict_classes(x) == labels) > 0.95


def test_several_questions_at_once_have_an_accuracy_by_entry() -> None:
    x, _ = quadrants()
    labels = np.stack([x[:, 0] > 0, x[:, 1] > 0, x[:, 0] > x[:, 1]], axis=1)
    trainer = Trainer(Network([Affine(3)], 2), BinaryCrossEntropy(), Adam(0.05))
    assert trainer.fit(x, labels, epochs=20, batch_size=20).last["accuracy"] > 0.95


@pytest.mark.parametrize("loss", REGRESSIONS)
def test_regressions_learn_from_flat_targets(loss: Callable[[], Loss]) -> None:
    x, _ = quadrants()
    targets = 3 * x[:, 0] - x[:, 1] + 2
    trainer = Trainer(Network([Affine(1)], 2), loss(), Adam(0.05))
    history = trainer.fit(x, targets, epochs=40, batch_size=20)
    assert history.last["mean_absolute_error"] < 0.05


def test_hinge_scores_are_no_probabilities() -> None:
    network = Network([Affine(2)], 2)
    Trainer(network, Hinge(), SGD(0.1))
    x, _ = quadrants(5)
    assert network.predict_classes(x).shape == (5,)
    with pytest.raises(InvalidValueError, match=r"head 'scores': its outputs are no logits"):
        network.predict_proba(x)


def test_class_weights_find_the_rare_class() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], [950, 50])
    x = rng.normal(size=(1000, 1)) + 1.5 * labels[:, np.newaxis]

    def recall(weights: np.ndarray | None) -> float:
        network = Network([Affine(2)], 1)
        trainer = Trainer(network, SoftmaxCrossEntropy(), Adam(0.02))
        trainer.fit(x, labels, epochs=15, batch_size=50, sample_weight=weights)
        matrix = confusion_matrix(network.predict(x), labels)
        return float(precision_recall_f1(matrix).recall[1])

    assert recall(None) < 0.4
    assert recall(sample_weights(labels, class_weights(labels, 2))) > 0.7
