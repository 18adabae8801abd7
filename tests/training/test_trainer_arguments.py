"""What a user can get wrong around a Trainer, and what training must survive."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from handgrad import (
    L2,
    SGD,
    Adam,
    Affine,
    BatchNorm,
    BestSoFar,
    BinaryCrossEntropy,
    Dropout,
    EarlyStopping,
    Loss,
    MeanSquaredError,
    Network,
    Relu,
    SoftmaxCrossEntropy,
    Trainer,
)
from handgrad.checks import (
    DtypeError,
    HandgradError,
    InvalidValueError,
    NonFiniteError,
    ShapeError,
    UnknownNameError,
)
from handgrad.data import split
from handgrad.schedules import ReduceOnPlateau

RNG = np.random.default_rng(0)
X = RNG.normal(size=(103, 2))
LABELS = (X[:, 0] * X[:, 1] > 0).astype(int)


def network(outputs: int = 2, **options: Any) -> Network:
    return Network([Affine(8), Relu(), Affine(outputs)], 2, **options)


def trainer(net: Any = None, **options: Any) -> Trainer:
    given: dict[str, Any] = {"loss": SoftmaxCrossEntropy(), "optimizer": Adam(0.01), **options}
    return Trainer(network() if net is None else net, **given)


# -- the constructor ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"net": [Affine(2)]}, r"network must be a Network, but is \[.*\(list\)"),
        ({"loss": "mse"}, r"loss must be a Loss, but is 'mse' \(str\)"),
        ({"loss": SoftmaxCrossEntropy}, r"Make one: SoftmaxCrossEntropy\(\.\.\.\)"),
        ({"optimizer": "adam"}, r"optimizer must be an Optimizer, but is 'adam'"),
        ({"optimizer": 0.1}, r"optimizer must be an Optimizer, but is 0\.1 \(float\)"),
        ({"optimizer": Adam}, r"Make one: Adam\(\.\.\.\)"),
        ({"schedule": 0.1}, "schedule must be a Schedule"),
        ({"penalty": 0.1}, "penalty must be a Penalty"),
        ({"penalty": L2}, r"Make one: L2\(\.\.\.\)"),
        ({"metrics": ["accuracy"]}, r"metrics must be \{name: function.*\['accuracy'\]"),
        ({"metrics": {"a": 3}}, r"metrics must be \{name: function"),
        ({"clip_norm": "1"}, "clip_norm must be a number"),
    ],
)
def test_wrong_kinds_of_things(options: dict[str, Any], message: str) -> None:
    with pytest.raises(DtypeError, match=rf"Trainer: .*{message}|{message}"):
        trainer(**options)


@pytest.mark.parametrize("name", ["loss", "epoch", "seconds", "validation_accuracy"])
def test_a_metric_cannot_take_the_name_of_a_column(name: str) -> None:
    with pytest.raises(InvalidValueError, match=f"the metric '{name}' must have a name of its own"):
        trainer(metrics={name: lambda *_: 1.0})


def test_a_loss_with_an_unknown_head() -> None:
    own = type("Own", (MeanSquaredError,), {"head": "mine"})
    with pytest.raises(InvalidValueError, match=r"Own: head must be one of softmax, .*'mine'"):
        trainer(loss=own())


# -- the arguments of fit -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"callbacks": EarlyStopping("loss")}, DtypeError, r"must be a list of callbacks.*\[ \]"),
        (
            {"callbacks": [EarlyStopping]},
            DtypeError,
            r"every callback must be a Callback.*Make one",
        ),
        ({"callbacks": [print]}, DtypeError, "every callback must be a Callback, but is <built-in"),
        (
            {"validation_data": 0.1},
            DtypeError,
            r"must be a pair \(x, labels\), but is a float.*spl",
        ),
        ({"validation_data": X}, DtypeError, r"must be a pair \(x, labels\), but is a ndarray"),
        ({"validation_data": (X,)}, DtypeError, r"must be a pair \(x, labels\), but is a tuple"),
        (
            {"validation_data": (X, LABELS + 1)},
            InvalidValueError,
            r"^validation_data: SoftmaxCrossEntropy: labels must be from 0 to 1",
        ),
        ({"validation_data": (X[:5], LABELS)}, ShapeError, "^validation_data: Trainer: x and lab"),
        ({"sample_weight": ["a"] * 103}, DtypeError, "sample_weight must hold real numbers, but"),
        ({"sample_weight": {0: 1.0}}, DtypeError, "sample_weight must hold real numbers, but has"),
        ({"sample_weight": [[1], [1, 2]]}, ShapeError, "sample_weight must have rows of equal"),
        ({"sample_weight": np.ones((103, 1))}, ShapeError, r"sample_weight must have shape \(103,"),
        (
            {"sample_weight": np.full(103, 1e38)},
            InvalidValueError,
            "a sum that fits into float32, but",
        ),
        ({"sample_weight": np.full(103, 1e300)}, NonFiniteError, "is inf .*scale them to about 1"),
    ],
)
def test_wrong_arguments_of_fit(
    options: dict[str, Any], error: type[HandgradError], message: str
) -> None:
    with pytest.raises(error, match=message):
        trainer().fit(X, LABELS, epochs=1, **options)


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        ([[1, 2], [3]], ShapeError, "x must have rows of equal length"),
        (X + 1j, DtypeError, "x must hold real numbers, but has dtype complex128"),
        (np.ma.masked_greater(X, 1), DtypeError, "x must not have masked entries"),
        (X.astype(object), DtypeError, r"but has dtype object\. Convert with x\.astype\(float\)"),
        (X * 1e300, InvalidValueError, r"x must fit into float32, but has .* dtype='float64'"),
    ],
)
def test_wrong_examples(x: Any, error: type[HandgradError], message: str) -> None:
    with pytest.raises(error, match=message):
        trainer().fit(x, LABELS, epochs=1)


@pytest.mark.parametrize(
    "form",
    [
        lambda x: x.tolist(),
        np.asfortranarray,
        lambda x: x[::-1][::-1],
        lambda x: x.astype(">f8"),
        np.ma.masked_invalid,
        lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    ],
)
def test_the_form_of_the_data_changes_nothing(form: Callable[[Any], Any]) -> None:
    plain, other = trainer(), trainer()
    plain.fit(X, LABELS, epochs=1)
    other.fit(form(X), LABELS.tolist(), epochs=1)
    for name, array in plain.network.params.items():
        assert np.array_equal(array, other.network.params[name])


def test_read_only_data_and_maps_of_files(tmp_path: Any) -> None:
    X.astype(np.float32).tofile(tmp_path / "x")
    x = np.memmap(tmp_path / "x", np.float32, "r", shape=X.shape)
    assert len(trainer().fit(x, LABELS, epochs=1)) == 1


@pytest.mark.parametrize("value", [None, np.ones(3), "high"])
def test_a_metric_that_returns_no_number(value: Any) -> None:
    t = trainer(metrics={"odd": lambda *_: value})
    with pytest.raises(DtypeError, match="the metric 'odd' must return one number, but returned"):
        t.fit(X, LABELS, epochs=1)


def test_a_layer_that_forgets_a_gradient() -> None:
    class Forgetful(Affine):
        def backward(self, dy: Any, saved: Any) -> Any:
            return super().backward(dy, saved)[0], {}

    t = trainer(Network([Forgetful(2)], 2))
    with pytest.raises(
        InvalidValueError, match=r"backward gave no gradient of forgetful_1\.weight"
    ):
        t.fit(X, LABELS, epochs=1)


def test_a_loss_of_ones_own_may_return_a_plain_float() -> None:
    class Absolute(Loss):
        def prepare(self, labels: Any, output_shape: Any, dtype: Any) -> Any:
            return np.asarray(labels, dtype).reshape(-1, *output_shape)

        def forward(self, logits: Any, *, labels: Any, sample_weight: Any = None) -> Any:
            difference = logits - labels
            return float(np.abs(difference).mean()), np.sign(difference) / difference.size

        def backward(self, dloss: Any, saved: Any) -> Any:
            return (dloss * saved,)

    t = trainer(network(1), loss=Absolute())
    t.fit(X, X[:, 0], epochs=30, batch_size=10)
    assert t.history["loss"][-1] < 0.5 * t.history["loss"][0]


# -- one thing for several trainers ---------------------------------------------------------------


def test_an_optimizer_that_remembers_another_network_is_refused() -> None:
    optimizer = Adam()
    first = trainer(optimizer=optimizer)
    first.fit(X, LABELS, epochs=1)
    first.fit(X, LABELS, epochs=1)
    trainer(first.network, optimizer=optimizer).fit(X, LABELS, epochs=1)
    with pytest.raises(InvalidValueError, match=r"Adam: .* remembers the gradients of another\. M"):
        trainer(optimizer=optimizer).fit(X, LABELS, epochs=1)


def test_plain_gradient_descent_remembers_nothing_and_can_serve_many() -> None:
    optimizer = SGD(0.1)
    for _ in range(2):
        trainer(optimizer=optimizer).fit(X, LABELS, epochs=1)


def test_callbacks_and_schedules_serve_one_trainer_after_another() -> None:
    best, stop = BestSoFar("loss"), EarlyStopping("loss", patience=2)
    schedule = ReduceOnPlateau("loss", patience=1, min_delta=10.0)
    first = trainer(network(seed=1), schedule=schedule)
    first.fit(X, LABELS, epochs=20, batch_size=10, callbacks=[best, stop])
    assert first.schedule.factor(0, 1) < 1
    second = trainer(network(seed=2), schedule=schedule)
    assert second.schedule.factor(0, 1) == 1
    second.fit(X, LABELS, epochs=2, callbacks=[best, stop])
    assert best.best == min(second.history["loss"])
    for name, array in first.network.params.items():
        if name.endswith("weight"):
            assert not np.array_equal(array, second.network.params[name])


def test_a_second_fit_keeps_the_best_of_the_first() -> None:
    best = BestSoFar("loss")
    t = trainer(optimizer=SGD(0.1))
    t.fit(X, LABELS, epochs=3, callbacks=[best])
    kept = best.best
    t.optimizer.learning_rate = 30.0
    t.fit(X, LABELS, epochs=2, callbacks=[best])
    assert best.best == min(kept, *t.history["loss"])


def test_two_networks_trained_in_turn_are_as_if_alone() -> None:
    one, two, alone = trainer(), trainer(network(seed=3)), trainer()
    alone.fit(X, LABELS, epochs=1)
    alone.fit(X, LABELS, epochs=1)
    for t in (one, two, one, two):
        t.fit(X, LABELS, epochs=1)
    for name, array in alone.network.params.items():
        assert np.array_equal(array, one.network.params[name])


# -- what explodes --------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [1e30, 1e38, 1e300])
@pytest.mark.parametrize("kind", [SGD, Adam])
def test_a_huge_learning_rate_is_explained(kind: Any, rate: float) -> None:
    t = trainer(optimizer=kind(rate))
    with pytest.raises(NonFiniteError, match=r"not finite any more .*smaller learning rate"):
        t.fit(X, LABELS, epochs=5, batch_size=10)


def test_parameters_lost_in_the_last_step_are_noticed() -> None:
    t = trainer(optimizer=SGD(1e300))
    with pytest.raises(
        NonFiniteError,
        match=r"after 1 steps of epoch 1: first in the parameter affine_1\.weight \(.*load or make",
    ):
        t.fit(X, LABELS, epochs=1, batch_size=103)


def test_a_tiny_learning_rate_changes_nothing_and_warns_of_nothing() -> None:
    t = trainer(optimizer=SGD(1e-300))
    before = t.network.params["affine_1.weight"].copy()
    t.fit(X, LABELS, epochs=1)
    assert np.array_equal(before, t.network.params["affine_1.weight"])


def test_augmentation_that_overflows_is_explained() -> None:
    t = trainer(augment=lambda x, _: x * 1e300)
    with pytest.raises(NonFiniteError, match=r"first in the batch x \(after augmentation\)"):
        t.fit(X, LABELS, epochs=1)


# -- going on -------------------------------------------------------------------------------------


def state_of(t: Trainer) -> dict[str, Any]:
    t.fit(X, LABELS, epochs=2, batch_size=20)
    return t.state()


@pytest.mark.parametrize(
    ("build", "options", "message"),
    [
        (trainer, {"epochs": 3}, "its epochs was 2, and here it is 3"),
        (trainer, {"batch_size": 10}, "its batch_size was 20, and here it is 10"),
        (trainer, {"x": X[:50], "labels": LABELS[:50]}, "its rows was 103, and here it is 50"),
        (trainer, {"callbacks": [BestSoFar("loss")]}, "its callbacks was 0, and here it is 1"),
        (lambda: trainer(optimizer=SGD(0.1)), {}, "its optimizer was Adam, and here it is SGD"),
        (
            lambda: trainer(network(3)),
            {},
            r"its arrays was .*\(8, 2\).*, and here it is .*\(8, 3\)",
        ),
    ],
)
def test_a_state_of_another_run_is_refused_and_changes_nothing(
    build: Callable[[], Trainer], options: dict[str, Any], message: str
) -> None:
    state = state_of(trainer())
    t = build()
    before = {name: array.copy() for name, array in t.network.params.items()}
    given: dict[str, Any] = {"x": X, "labels": LABELS, "epochs": 2, "batch_size": 20, **options}
    with pytest.raises(InvalidValueError, match=f"resume must come from a run.*{message}"):
        t.fit(**given, resume=state)
    assert all(np.array_equal(before[name], array) for name, array in t.network.params.items())


@pytest.mark.parametrize("state", [{}, 3, "run", {"params": {}}])
def test_what_is_no_state(state: Any) -> None:
    with pytest.raises(DtypeError, match=r"resume must be what state\(\) returned, but is"):
        trainer().fit(X, LABELS, epochs=1, resume=state)


def test_ctrl_c_puts_the_best_back_and_training_can_go_on() -> None:
    class Interrupt(EarlyStopping):
        def on_step(self, trainer: Trainer) -> None:
            if trainer.position.epoch == 2 and trainer.position.step == 3:
                raise KeyboardInterrupt

    t = trainer()
    best = BestSoFar("loss")
    with pytest.raises(KeyboardInterrupt):
        t.fit(X, LABELS, epochs=5, batch_size=10, callbacks=[best, Interrupt("loss")])
    assert np.array_equal(t.network.params["affine_1.bias"], best.arrays["affine_1.bias"])
    t.fit(X, LABELS, epochs=1, batch_size=10)
    assert t.history["epoch"] == [1, 2, 3]


# -- the history ----------------------------------------------------------------------------------


def test_a_history_without_rows_or_columns() -> None:
    history = trainer().history
    with pytest.raises(UnknownNameError, match="no 'loss'; it has none yet"):
        history["loss"]
    with pytest.raises(InvalidValueError, match="the history has no row yet"):
        _ = history.last


# -- four kinds of problems in ten lines ----------------------------------------------------------


def test_several_questions_at_once() -> None:
    labels = np.column_stack([X[:, 0] > 0, X[:, 1] > 0])
    (x, y), held_out = split(X, labels, fraction=0.2)
    t = trainer(network(2), loss=BinaryCrossEntropy(), optimizer=Adam(0.05))
    t.fit(x, y, epochs=40, batch_size=10, validation_data=held_out)
    assert t.history.last["validation_accuracy"] > 0.9
    assert t.network.predict_proba(X).shape == (103, 2)


def test_regression_with_norm_and_dropout() -> None:
    net = Network([Affine(16), BatchNorm(), Relu(), Dropout(0.1), Affine(1)], 2)
    t = trainer(net, loss=MeanSquaredError(), optimizer=Adam(0.02), penalty=L2(1e-5))
    t.fit(X, 3 * X[:, 0] - X[:, 1], epochs=40, batch_size=10)
    assert t.evaluate(X, 3 * X[:, 0] - X[:, 1])["mean_absolute_error"] < 0.6


def test_what_is_no_name_of_a_column() -> None:
    with pytest.raises(DtypeError, match="EarlyStopping: metric must be a column's name, but is 5"):
        EarlyStopping(5)  # pyright: ignore[reportArgumentType]


def test_early_stopping_remembers_over_a_resume() -> None:
    def stopping(**options: Any) -> Trainer:
        t = trainer(optimizer=SGD(1e-300))
        t.fit(X, LABELS, epochs=9, callbacks=[EarlyStopping("loss", patience=4), last], **options)
        return t

    class Last(BestSoFar):
        """Writes the state down after the third epoch."""

        written: dict[str, Any] | None = None

        def on_epoch(self, trainer: Trainer) -> None:
            if trainer.position.epoch == 3:
                self.written = trainer.state()

    last = Last("loss")
    whole = stopping()
    assert len(whole.history) < 9
    assert len(stopping(resume=last.written).history) == len(whole.history)
