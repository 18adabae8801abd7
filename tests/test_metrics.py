"""Numbers said to be scikit-learn's were printed by scikit-learn 1.9.1 for the same arguments."""

import numpy as np
import pytest

from handgrad.checks import DtypeError, InvalidValueError, NonFiniteError, ShapeError
from handgrad.metrics import (
    accuracy,
    binary_accuracy,
    classes_of,
    confusion_matrix,
    mean_absolute_error,
    precision_recall_f1,
    r2_score,
    root_mean_squared_error,
    top_k_accuracy,
)

LABELS = [0, 1, 2, 2, 1, 0, 2, 2, 1, 0, 3]
PREDICTED = [0, 2, 2, 2, 1, 1, 2, 0, 1, 0, 2]
SCORES = np.array(
    [[0.5, 0.2, 0.2], [0.3, 0.4, 0.2], [0.2, 0.4, 0.3], [0.7, 0.2, 0.1], [0.1, 0.2, 0.6]]
)


# -- classification -----------------------------------------------------------------------------


def test_accuracy_of_outputs_and_of_classes() -> None:
    assert accuracy(SCORES, [0, 1, 2, 2, 0]) == 0.4
    assert accuracy(PREDICTED, LABELS) == 7 / 11
    assert accuracy(SCORES, np.eye(3)[[0, 1, 2, 2, 0]]) == 0.4
    assert accuracy(SCORES, [0.0, 1.0, 2.0, 2.0, 0.0]) == 0.4


def test_accuracy_of_one_logit() -> None:
    logits = np.array([[-0.1], [0.2], [3.0], [-4.0]])
    assert accuracy(logits, [0, 1, 0, 0]) == 0.75
    assert accuracy(logits, [[0.0], [0.9], [0.2], [0.0]]) == 0.75
    assert accuracy(logits, [False, True, False, False]) == 0.75
    assert classes_of(np.zeros((1, 1))).tolist() == [0]


def test_binary_accuracy_counts_every_entry() -> None:
    logits = np.array([[-0.1, 2.0, 1.0], [3.0, 4.0, -5.0]])
    assert binary_accuracy(logits, np.array([[0, 1, 0], [0.0, 1.0, 1.0]])) == 0.5
    assert binary_accuracy(logits, np.array([[0.1, 0.9, 0.6], [0.6, 0.6, 0.4]])) == 1.0
    assert binary_accuracy(logits[:, :1], [0, 1]) == 1.0


def test_top_k_accuracy_equals_scikit_learns() -> None:
    labels = [0, 1, 2, 2, 0]
    assert [top_k_accuracy(SCORES, labels, k=k) for k in (1, 2, 3, 9)] == [0.4, 0.6, 1.0, 1.0]
    assert top_k_accuracy((SCORES * 10).astype(np.uint8), labels, k=2) == 0.6


def test_of_equal_outputs_the_first_wins() -> None:
    constant = np.zeros((4, 3))
    assert accuracy(constant, [0, 1, 2, 2]) == 0.25
    assert top_k_accuracy(constant, [0, 1, 2, 2], k=1) == 0.25
    assert top_k_accuracy(constant, [0, 1, 2, 2], k=2) == 0.5


def test_confusion_matrix_equals_scikit_learns() -> None:
    expected = [[2, 1, 0, 0], [0, 2, 1, 0], [1, 0, 3, 0], [0, 0, 1, 0]]
    assert confusion_matrix(PREDICTED, LABELS).tolist() == expected
    larger = confusion_matrix(PREDICTED, LABELS, 6)
    assert larger[:4, :4].tolist() == expected
    assert larger.shape == (6, 6)
    assert larger.sum() == len(LABELS)


def test_confusion_matrix_knows_the_number_of_classes_from_the_outputs() -> None:
    assert confusion_matrix(SCORES, [0, 1, 0, 0, 0]).tolist() == [[2, 1, 1], [0, 1, 0], [0, 0, 0]]
    assert confusion_matrix(np.array([[-1.0], [-2.0]]), [0, 0]).tolist() == [[2, 0], [0, 0]]


def test_precision_recall_f1_equal_scikit_learns() -> None:
    report = precision_recall_f1(confusion_matrix(PREDICTED, LABELS))
    assert np.allclose(report.precision, [2 / 3, 2 / 3, 0.6, 0.0], rtol=1e-15)
    assert np.allclose(report.recall, [2 / 3, 2 / 3, 0.75, 0.0], rtol=1e-15)
    assert np.allclose(report.f1, [2 / 3, 2 / 3, 2 / 3, 0.0], rtol=1e-15)
    assert report.support.tolist() == [3, 3, 4, 1]


def test_a_class_that_never_occurs_scores_0_without_a_warning() -> None:
    report = precision_recall_f1([[3, 0], [0, 0]])
    assert [part.tolist() for part in report] == [[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [3, 0]]


def test_wrong_arguments_of_classification_metrics_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"^accuracy: labels must have shape \(5,\), .* \(1,\)\.$"):
        accuracy(SCORES, [0])
    with pytest.raises(ShapeError, match=r"^accuracy: outputs must have shape \(N, K\), "):
        accuracy(SCORES[np.newaxis], [0])
    with pytest.raises(DtypeError, match=r"^accuracy: .* but have dtype float64\. Pass logits as"):
        accuracy([0.1, 0.9], [0, 1])
    with pytest.raises(DtypeError, match=r"^accuracy: labels must hold real numbers.*np\.unique"):
        accuracy([0, 1], ["a", "b"])
    with pytest.raises(NonFiniteError, match=r"^accuracy: labels must be finite, but labels\[1\]"):
        accuracy([0, 1], [0, np.nan])
    with pytest.raises(InvalidValueError, match=r"^accuracy: there must be at least one row, "):
        accuracy(np.zeros((0, 3)), [])
    with pytest.raises(InvalidValueError, match=r"^top_k_accuracy: k must be at least 1, "):
        top_k_accuracy(SCORES, [0] * 5, k=0)
    with pytest.raises(ShapeError, match=r"^top_k_accuracy: outputs must have shape \(N, K\), "):
        top_k_accuracy([0, 1], [0, 1])
    with pytest.raises(InvalidValueError, match=r"^confusion_matrix: labels must be from 0 to 1, "):
        confusion_matrix([0, 1], [0, 2], 2)
    with pytest.raises(InvalidValueError, match=r"^confusion_matrix: outputs must be from 0 to 1,"):
        confusion_matrix([0, 2], [0, 1], 2)
    with pytest.raises(InvalidValueError, match=r"^confusion_matrix: classes must be at least 1, "):
        confusion_matrix([0, 1], [0, 1], 0)
    with pytest.raises(ShapeError, match=r"^precision_recall_f1: confusion must have shape \(K, 2"):
        precision_recall_f1(np.zeros((2, 3), int))
    with pytest.raises(ShapeError, match=r"^precision_recall_f1: .* but has shape \(\)\.$"):
        precision_recall_f1(3)
    with pytest.raises(
        ShapeError, match=r"^binary_accuracy: outputs and labels must have the same"
    ):
        binary_accuracy(np.zeros((3, 2)), [0, 1, 1])
    with pytest.raises(ShapeError, match=r"^classes_of: outputs must have shape \(N, K\), "):
        classes_of(np.zeros(3))


# -- regression ---------------------------------------------------------------------------------

OUTPUTS = np.array([[0.0, 2.0], [-1.0, 2.0], [8.0, -5.0]])
TARGETS = np.array([[0.5, 1.0], [-1.0, 1.0], [7.0, -6.0]])


def test_regression_metrics_equal_scikit_learns() -> None:
    assert mean_absolute_error(OUTPUTS, TARGETS) == 0.75
    assert np.isclose(root_mean_squared_error(OUTPUTS, TARGETS), 0.8416254115301732, rtol=1e-15)
    assert np.isclose(r2_score(OUTPUTS, TARGETS), 0.9368005266622779, rtol=1e-15)
    assert np.isclose(r2_score([1.1, 1.9, 3.2, 4.3], [1, 2, 3, 4]), 0.97, rtol=1e-15)


def test_a_single_output_is_a_column_or_not() -> None:
    column, row = OUTPUTS[:, :1], OUTPUTS[:, 0]
    for metric in (mean_absolute_error, root_mean_squared_error, r2_score):
        assert metric(column, TARGETS[:, 0]) == metric(row, TARGETS[:, :1])
        assert metric(column, TARGETS[:, 0]) == metric(column, TARGETS[:, :1])


def test_float32_is_summed_in_float64() -> None:
    outputs = np.full((3, 1), 1e30, np.float32)
    assert np.isclose(root_mean_squared_error(outputs, np.zeros((3, 1))), 1e30)


def test_r2_of_targets_that_do_not_vary() -> None:
    assert r2_score([2.0, 2.0], [2.0, 2.0]) == 1.0
    assert r2_score([2.0, 3.0], [2.0, 2.0]) == 0.0
    assert r2_score([[2.0, 1.0], [3.0, 2.0]], [[2.0, 1.0], [2.0, 2.0]]) == 0.5
    assert r2_score([2.0], [3.0]) == 0.0
    assert r2_score([0.1, 0.1, 0.2], [0.1, 0.1, 0.1]) == 0.0  # their mean is not quite 0.1


def test_wrong_arguments_of_regression_metrics_are_refused() -> None:
    for metric in (mean_absolute_error, root_mean_squared_error, r2_score):
        name = metric.__name__
        message = rf"^{name}: outputs and targets must .* but have shapes \(3, 2\) and \(3,\)\.$"
        with pytest.raises(ShapeError, match=message):
            metric(OUTPUTS, TARGETS[:, 0])
        with pytest.raises(
            ShapeError, match=rf"^{name}: outputs and targets must .* \(\) and \(\)"
        ):
            metric(np.array(1.0), np.array(2.0))
        with pytest.raises(InvalidValueError, match=rf"^{name}: there must be at least one row, "):
            metric([], [])
        with pytest.raises(
            DtypeError, match=rf"^{name}: targets must hold real numbers, .*astype\(float"
        ):
            metric([1.0], ["1.0"])
