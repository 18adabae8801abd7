import re
from typing import Any

import numpy as np
import pytest

from handgrad import class_weights, sample_weights
from handgrad.checks import DtypeError, InvalidValueError, NonFiniteError, ShapeError
from handgrad.labels import (
    class_numbers,
    prepare_classes,
    prepare_probabilities,
    prepare_targets,
)

WHO = "Some loss"


def classes(labels: Any, output_shape: tuple[int, ...] = (3,)) -> np.ndarray:
    return prepare_classes(labels, output_shape, np.float32, who=WHO)


def answers(labels: Any, output_shape: tuple[int, ...] = (1,)) -> np.ndarray:
    return prepare_probabilities(labels, output_shape, np.float32, who=WHO)


def targets(values: Any, output_shape: tuple[int, ...] = (1,)) -> np.ndarray:
    return prepare_targets(values, output_shape, np.float32, who=WHO)


def says(text: str) -> str:
    """A pattern for a whole message."""
    return f"^{re.escape(f'{WHO}: {text}')}$"


# -- classes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "labels",
    [
        [2, 0, 1],
        np.array([2, 0, 1], np.uint8),
        np.array([2, 0, 1], ">i4"),
        np.array([2.0, 0.0, 1.0], np.float32),
    ],
)
def test_whole_numbers_of_any_kind_become_integers(labels: Any) -> None:
    prepared = classes(labels)
    assert prepared.dtype == np.intp
    assert prepared.tolist() == [2, 0, 1]


def test_booleans_are_classes_0_and_1() -> None:
    assert classes(np.array([True, False]), (2,)).tolist() == [1, 0]


def test_no_labels_are_fine() -> None:
    assert classes(np.zeros(0, int)).shape == (0,)
    assert classes(np.zeros((0, 3))).shape == (0, 3)
    assert answers([]).shape == (0, 1)
    assert targets([]).shape == (0, 1)


@pytest.mark.parametrize(
    "rows", [np.eye(3, dtype=bool), np.eye(3, dtype=int), np.full((3, 3), 1 / 3, np.float16)]
)
def test_rows_of_probabilities_get_the_networks_dtype(rows: np.ndarray) -> None:
    prepared = classes(rows)
    assert prepared.dtype == np.float32
    assert np.allclose(prepared, rows)


def test_the_users_arrays_are_never_shared() -> None:
    for given, prepared in [
        (np.eye(3, dtype=np.float32), classes),
        (np.array([0, 1], np.intp), classes),
        (np.ones((2, 1), np.float32), answers),
        (np.ones((2, 1), np.float32), targets),
    ]:
        assert not np.shares_memory(prepared(given), given)


@pytest.mark.parametrize(
    ("labels", "error", "text"),
    [
        (
            ["cat", "dog"],
            DtypeError,
            (
                "labels must hold real numbers, but have dtype <U3. Number the classes first: "
                "names, labels = np.unique(labels, return_inverse=True)."
            ),
        ),
        (
            np.array(["cat", 1], object),
            DtypeError,
            (
                "labels must hold real numbers, but have dtype object. Number the classes first: "
                "names, labels = np.unique(labels, return_inverse=True)."
            ),
        ),
        (
            np.array([1, 2], object),
            DtypeError,
            (
                "labels must hold real numbers, but have dtype object. "
                "Convert with labels.astype(float)."
            ),
        ),
        (
            np.array([1j]),
            DtypeError,
            (
                "labels must hold real numbers, but have dtype complex128. "
                "Convert with labels.astype(float)."
            ),
        ),
        ([[1, 0, 0], [1]], ShapeError, "labels must have rows of equal length, but came ragged."),
        (
            [0, 1, 3],
            InvalidValueError,
            (
                "labels must be from 0 to 2, one number for each of 3 classes, but go from 0 to 3. "
                "Give the network one output per class."
            ),
        ),
        (
            [-1.0, 2.0],
            InvalidValueError,
            (
                "labels must be from 0 to 2, one number for each of 3 classes, but go from "
                "-1 to 2. Classes count from 0."
            ),
        ),
        (
            [1, 2, 3],
            InvalidValueError,
            (
                "labels must be from 0 to 2, one number for each of 3 classes, but go from 1 to 3. "
                "Classes count from 0: pass labels - 1."
            ),
        ),
        (
            [0.0, 0.5],
            InvalidValueError,
            (
                "labels must be whole numbers, but labels[1] is 0.5 (1 of 2 entries). "
                "Probabilities go into rows of one per class; real-valued goals need a "
                "regression loss."
            ),
        ),
        (
            [0.0, np.nan],
            NonFiniteError,
            "labels must be finite, but labels[1] is nan (1 of 2 entries). Remove those examples.",
        ),
        (
            [[0.0, np.inf, 1.0]],
            NonFiniteError,
            (
                "labels must be finite, but labels[0, 1] is inf (1 of 3 entries). "
                "Remove those examples."
            ),
        ),
        (
            [[0], [2]],
            ShapeError,
            "labels must have shape (N, 3), but has shape (2, 1). Pass labels[:, 0].",
        ),
        (
            np.eye(4),
            ShapeError,
            (
                "labels must have shape (N, 3), but has shape (4, 4). "
                "Give the network one output per class."
            ),
        ),
        (np.zeros((2, 3, 1)), ShapeError, "labels must have shape (N,), but has shape (2, 3, 1)."),
        (
            [[1.5, -0.5, 0.0]],
            InvalidValueError,
            (
                "rows of labels must be probabilities, but labels[0, 1] is -0.5 (1 of 3 entries). "
                "Pass one-hot rows, or integer classes."
            ),
        ),
        (
            [[1, 0, 0], [1, 1, 0]],
            InvalidValueError,
            (
                "every row of labels must have sum 1, but labels[1] has sum 2 (1 of 2 rows). "
                "For labels that do not exclude each other use BinaryCrossEntropy."
            ),
        ),
    ],
)
def test_wrong_classes_are_refused(labels: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=says(text)):
        classes(labels)


def test_classes_need_one_output_each() -> None:
    message = (
        "the network must have one output per class, at least 2, but has 1. "
        "For yes or no in one output use BinaryCrossEntropy."
    )
    with pytest.raises(InvalidValueError, match=says(message)):
        classes([0, 1], (1,))
    message = (
        "the network's output must have shape (N, K), but has shape (N, 3, 1, 1). "
        "Put Flatten() before the last Affine layer."
    )
    with pytest.raises(ShapeError, match=says(message)):
        classes([0, 1], (3, 1, 1))


# -- yes or no ----------------------------------------------------------------------------------


def test_answers_to_one_question_become_a_column() -> None:
    for labels in ([0, 1], [False, True], [[0.0], [1.0]]):
        prepared = answers(labels)
        assert prepared.dtype == np.float32
        assert prepared.tolist() == [[0.0], [1.0]]


def test_answers_to_several_questions_keep_their_shape() -> None:
    assert answers(np.ones((2, 3), int), (3,)).shape == (2, 3)
    assert answers(np.full((2, 1, 4, 4), 0.25), (1, 4, 4)).shape == (2, 1, 4, 4)


@pytest.mark.parametrize(
    ("labels", "outputs", "error", "text"),
    [
        (
            [0, 1, 0],
            (3,),
            ShapeError,
            (
                "labels must have shape (N, 3), but has shape (3,). "
                "To choose one of several classes use SoftmaxCrossEntropy."
            ),
        ),
        (
            np.zeros((2, 3)),
            (1,),
            ShapeError,
            "labels must have shape (N, 1), but has shape (2, 3).",
        ),
        (
            [-1, 1],
            (1,),
            InvalidValueError,
            (
                "labels must be from 0 to 1, but labels[0, 0] is -1 (1 of 2 entries). "
                "Pass (labels + 1) / 2."
            ),
        ),
        (
            [0, 2],
            (1,),
            InvalidValueError,
            (
                "labels must be from 0 to 1, but labels[1, 0] is 2 (1 of 2 entries). "
                "To choose one of several classes use SoftmaxCrossEntropy."
            ),
        ),
        (
            [0, np.nan],
            (1,),
            NonFiniteError,
            (
                "labels must be finite, but labels[1, 0] is nan (1 of 2 entries). "
                "Remove those examples."
            ),
        ),
        (
            ["no", "yes"],
            (1,),
            DtypeError,
            (
                "labels must hold real numbers, but have dtype <U3. Number the classes first: "
                "names, labels = np.unique(labels, return_inverse=True)."
            ),
        ),
    ],
)
def test_wrong_answers_are_refused(
    labels: Any, outputs: tuple[int, ...], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=says(text)):
        answers(labels, outputs)


# -- real-valued goals --------------------------------------------------------------------------


def test_targets_of_one_output_become_a_column() -> None:
    for values in ([1, 2], [1.0, 2.0], [[1], [2]]):
        prepared = targets(values)
        assert prepared.dtype == np.float32
        assert prepared.tolist() == [[1.0], [2.0]]


@pytest.mark.parametrize(
    ("values", "outputs", "error", "text"),
    [
        (
            [1.0, 2.0, 3.0],
            (3,),
            ShapeError,
            "targets must have shape (N, 3), but has shape (3,). Give the last layer 1 output.",
        ),
        (
            np.ones((4, 2)),
            (1,),
            ShapeError,
            "targets must have shape (N, 1), but has shape (4, 2). Give the last layer 2 outputs.",
        ),
        (
            np.ones((4, 2)),
            (2, 3, 3),
            ShapeError,
            "targets must have shape (N, 2, 3, 3), but has shape (4, 2).",
        ),
        (
            [1.0, np.nan],
            (1,),
            NonFiniteError,
            (
                "targets must be finite, but targets[1, 0] is nan (1 of 2 entries). "
                "Remove those examples, or scale targets that float32 cannot hold."
            ),
        ),
        (
            [1e300],
            (1,),
            NonFiniteError,
            (
                "targets must be finite, but targets[0, 0] is inf (1 of 1 entries). "
                "Remove those examples, or scale targets that float32 cannot hold."
            ),
        ),
        (
            ["1.5"],
            (1,),
            DtypeError,
            (
                "targets must hold real numbers, but have dtype <U3. "
                "Convert with targets.astype(float)."
            ),
        ),
    ],
)
def test_wrong_targets_are_refused(
    values: Any, outputs: tuple[int, ...], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=says(text)):
        targets(values, outputs)


# -- class weights ------------------------------------------------------------------------------


def test_balanced_weights_make_every_class_count_the_same() -> None:
    labels = np.array([0, 2, 0, 0, 2, 0])
    per_class = class_weights(labels, 4)
    # scikit-learn's compute_class_weight("balanced") of [0, 2] alone gives [0.75, 1.5], for K = 2.
    assert per_class.tolist() == [6 / (4 * 4), 0.0, 6 / (4 * 2), 0.0]
    per_example = sample_weights(labels, per_class)
    assert per_example.tolist() == [0.375, 0.75, 0.375, 0.375, 0.75, 0.375]
    assert per_example[labels == 0].sum() == per_example[labels == 2].sum()


def test_class_weights_equal_scikit_learns() -> None:
    # compute_class_weight("balanced", classes=np.arange(3), y=labels), recorded.
    labels = [0, 0, 0, 0, 0, 1, 1, 1, 2, 2]
    assert np.allclose(class_weights(labels, 3), [2 / 3, 10 / 9, 5 / 3], rtol=1e-15)


def test_class_weights_check_their_arguments() -> None:
    with pytest.raises(InvalidValueError, match=r"^class_weights: labels must be from 0 to 1, "):
        class_weights([0, 2], 2)
    with pytest.raises(InvalidValueError, match=r"^class_weights: classes must be at least 1"):
        class_weights([0], 0)
    with pytest.raises(ShapeError, match=r"^sample_weights: class_weight must have shape \(K,\)"):
        sample_weights([0], [[1.0]])
    with pytest.raises(InvalidValueError, match=r"^sample_weights: labels must be from 0 to 1, "):
        sample_weights([0, 2], [1.0, 2.0])


def test_labels_are_named_as_the_caller_names_them() -> None:
    with pytest.raises(InvalidValueError, match=r"^m: outputs must be .*: pass outputs - 1\.$"):
        class_numbers([1, 2], 2, who="m", which="outputs")
