import copy
import json
from typing import Any

import numpy as np
import pytest

from handgrad import (
    SGD,
    Adam,
    Affine,
    BestSoFar,
    Callback,
    EarlyStopping,
    Network,
    Relu,
    SoftmaxCrossEntropy,
    Trainer,
    use,
)
from handgrad.checks import DtypeError, InvalidValueError, NonFiniteError, ShapeError


def data(rows: int = 103) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 2))
    return x, (x[:, 0] * x[:, 1] > 0).astype(int)


def trainer(**options: Any) -> Trainer:
    network = Network([Affine(16), Relu(), Affine(2)], 2)
    return Trainer(network, SoftmaxCrossEntropy(), Adam(0.01), **options)


class Batches(Callback):
    """Keeps the rows of every batch by wrapping the augmentation, which sees each batch."""

    def __init__(self) -> None:
        self.seen: list[np.ndarray] = []

    def augment(self, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        self.seen.append(x.copy())
        return x


def test_learns_xor() -> None:
    history = trainer().fit(*data(), epochs=40, batch_size=10)
    assert history.last["accuracy"] > 0.95
    assert history["epoch"] == list(range(1, 41))


def test_each_example_once_per_epoch_in_a_new_order_with_the_partial_batch_kept() -> None:
    x, labels = data(23)
    batches = Batches()
    trainer(augment=batches.augment).fit(x, labels, epochs=2, batch_size=10)
    assert [len(batch) for batch in batches.seen] == [10, 10, 3, 10, 10, 3]
    first, second = np.concatenate(batches.seen[:3]), np.concatenate(batches.seen[3:])
    for epoch in (first, second):
        assert sorted(map(tuple, epoch)) == sorted(map(tuple, x))
    assert not np.array_equal(first, second)


def test_same_seed_same_bits_and_another_seed_others() -> None:
    def weights(seed: int) -> np.ndarray:
        t = trainer(seed=seed)
        t.fit(*data(), epochs=2, batch_size=10)
        return t.network.params["affine_1.weight"].copy()

    assert np.array_equal(weights(3), weights(3))
    assert not np.array_equal(weights(3), weights(4))


def test_the_loss_of_an_epoch_is_the_mean_over_its_steps_and_costs_no_forward_pass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    t = trainer()
    calls: list[float] = []
    original = SoftmaxCrossEntropy.forward

    def counting(self: SoftmaxCrossEntropy, logits: Any, **options: Any) -> Any:
        loss, saved = original(self, logits, **options)
        calls.append(float(loss) * len(logits))
        return loss, saved

    monkeypatch.setattr(SoftmaxCrossEntropy, "forward", counting)
    with use("reference"):  # a plan has the loss inside
        history = t.fit(*data(23), epochs=1, batch_size=10)
    assert len(calls) == 3
    assert history.last["loss"] == pytest.approx(sum(calls) / 23, rel=1e-12)


def test_validation_is_measured_and_not_trained_on() -> None:
    x, labels = data()
    t = trainer()
    t.fit(x[:80], labels[:80], epochs=3, validation_data=(x[80:], labels[80:]))
    measured = t.evaluate(x[80:], labels[80:])
    assert t.history.last["validation_loss"] == measured["loss"]
    assert t.history.last["validation_accuracy"] == measured["accuracy"]
    alone = trainer()
    alone.fit(x[:80], labels[:80], epochs=3)
    name = "affine_1.weight"
    assert np.array_equal(alone.network.params[name], t.network.params[name])


def test_a_second_fit_goes_on() -> None:
    t = trainer()
    t.fit(*data(), epochs=2)
    t.fit(*data(), epochs=1)
    assert t.history["epoch"] == [1, 2, 3]


def test_weight_zero_is_like_leaving_the_example_out() -> None:
    x, labels = data(20)
    weights = np.array([1.0] * 10 + [0.0] * 10)
    one, other = (
        Trainer(Network([Affine(2)], 2, dtype="float64"), SoftmaxCrossEntropy(), SGD(0.5))
        for _ in range(2)
    )
    one.fit(x, labels, epochs=3, batch_size=20, sample_weight=weights)
    other.fit(x[:10], labels[:10], epochs=3, batch_size=10)
    for name in one.network.params:
        np.testing.assert_allclose(one.network.params[name], other.network.params[name], rtol=1e-12)


def test_clipping_limits_the_step() -> None:
    network = Network([Affine(2)], 2, dtype="float64")
    before = {name: array.copy() for name, array in network.params.items()}
    Trainer(network, SoftmaxCrossEntropy(), SGD(1.0), clip_norm=1e-3).fit(
        *data(), epochs=1, batch_size=103
    )
    moved = sum(float(((network.params[n] - before[n]) ** 2).sum()) for n in before)
    assert moved**0.5 == pytest.approx(1e-3)


def test_frozen_layers_do_not_move() -> None:
    network = Network([Affine(4, name="a").freeze(), Relu(), Affine(2, name="b")], 2)
    before = {name: array.copy() for name, array in network.params.items()}
    Trainer(network, SoftmaxCrossEntropy(), Adam()).fit(*data(), epochs=1)
    assert np.array_equal(network.params["a.weight"], before["a.weight"])
    assert not np.array_equal(network.params["b.weight"], before["b.weight"])


# -- callbacks ----------------------------------------------------------------------------------


class Scripted(Callback):
    """Puts a scripted value into the history's newest row."""

    def __init__(self, column: str, values: list[float]) -> None:
        self.column, self.values = column, values

    def on_epoch(self, trainer: Trainer) -> None:
        trainer.history.last[self.column] = self.values[len(trainer.history) - 1]


def test_early_stopping_waits_for_its_patience() -> None:
    scripted = Scripted("validation_loss", [3.0, 2.0, 2.5, 2.1, 1.0, 0.5])
    t = trainer()
    t.fit(*data(), epochs=6, callbacks=[scripted, EarlyStopping(patience=2)])
    assert len(t.history) == 4
    assert t.stopped == "validation_loss has not improved for 2 epochs"


def test_early_stopping_on_an_accuracy_wants_more() -> None:
    scripted = Scripted("my_accuracy", [0.1, 0.2, 0.3, 0.3, 0.3])
    t = trainer()
    t.fit(*data(), epochs=5, callbacks=[scripted, EarlyStopping("my_accuracy", patience=2)])
    assert len(t.history) == 5


def test_best_so_far_puts_the_best_epoch_back() -> None:
    kept: list[np.ndarray] = []

    class Keep(Callback):
        def on_epoch(self, trainer: Trainer) -> None:
            kept.append(trainer.network.params["affine_1.weight"].copy())

    scripted = Scripted("validation_loss", [3.0, 1.0, 2.0])
    best = BestSoFar()
    t = trainer()
    t.fit(*data(), epochs=3, callbacks=[scripted, Keep(), best])
    assert best.best_epoch == 2
    assert np.array_equal(t.network.params["affine_1.weight"], kept[1])


def test_watching_a_column_that_does_not_exist() -> None:
    with pytest.raises(InvalidValueError, match=r"no 'validation_loss'; it has .*accuracy.*need"):
        trainer().fit(*data(), epochs=1, callbacks=[EarlyStopping()])


# -- going on -----------------------------------------------------------------------------------


class Capture(Callback):
    """Writes the state down after a number of steps, through JSON where it is not arrays."""

    def __init__(self, after: int) -> None:
        self.after, self.steps, self.written = after, 0, {}

    def on_step(self, trainer: Trainer) -> None:
        self.steps += 1
        if self.steps == self.after:
            self.written = trainer.state()


def plain_or_array(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: plain_or_array(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain_or_array(item) for item in value]
    return value if isinstance(value, np.ndarray) else json.loads(json.dumps(value))


@pytest.mark.parametrize("after", [1, 11, 15, 27])
def test_a_run_goes_on_from_its_state_bit_for_bit(after: int) -> None:
    x, labels = data()
    options: dict[str, Any] = {"epochs": 3, "batch_size": 10}
    validation: dict[str, Any] = {"validation_data": (x[:20], labels[:20])}
    capture = Capture(after)
    whole = trainer(seed=5)
    whole.fit(x, labels, **options, **validation, callbacks=[capture, BestSoFar()])
    resumed = trainer(seed=9)
    state = plain_or_array(copy.deepcopy(capture.written))
    resumed.fit(
        x, labels, **options, **validation, callbacks=[Callback(), BestSoFar()], resume=state
    )
    for name, array in whole.network.params.items():
        assert np.array_equal(array, resumed.network.params[name]), name
    timeless = [
        [{k: v for k, v in row.items() if k != "seconds"} for row in t.history]
        for t in (whole, resumed)
    ]
    assert timeless[0] == timeless[1]


# -- bad input ----------------------------------------------------------------------------------


def test_nan_in_the_data_is_found_before_the_first_step() -> None:
    x, labels = data()
    x[7, 1] = np.nan
    with pytest.raises(NonFiniteError, match=r"x must be finite, but x\[7, 1\] is nan \(1 of 206"):
        trainer().fit(x, labels, epochs=1)


def test_a_loss_that_explodes_names_layer_step_and_array() -> None:
    x, labels = data()
    network = Network([Affine(16, name="a"), Relu(), Affine(2, name="b")], 2)
    network.params["a.weight"] = np.full((2, 16), 1e30)
    network.params["b.weight"] = np.full((16, 2), 1e30)
    t = Trainer(network, SoftmaxCrossEntropy(), SGD(0.1))
    with pytest.raises(
        NonFiniteError,
        match=r"epoch 1, step 1: first in the output of Affine 'b' \(16 -> 2\) .*NaN or infinite",
    ):
        t.fit(x, labels, epochs=1)


def test_wrong_numbers_of_rows() -> None:
    x, labels = data()
    with pytest.raises(ShapeError, match=r"same number of rows.*\(103, 2\) and \(50,\)"):
        trainer().fit(x, labels[:50], epochs=1)


def test_labels_out_of_range() -> None:
    x, labels = data()
    with pytest.raises(InvalidValueError, match=r"labels must be from 0 to 1.*go from 1 to 2"):
        trainer().fit(x, labels + 1, epochs=1)


def test_text_as_x() -> None:
    _, labels = data(3)
    with pytest.raises(DtypeError, match="x must hold real numbers"):
        trainer().fit(np.array([["a", "b"]] * 3), labels, epochs=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs must be at least 1, but is 0"),
        ({"epochs": 1, "batch_size": 0}, "batch_size must be at least 1"),
        ({"epochs": 1, "sample_weight": np.zeros(103)}, "above 0 somewhere"),
    ],
)
def test_bad_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidValueError, match=message):
        trainer().fit(*data(), **options)


def test_no_examples() -> None:
    with pytest.raises(InvalidValueError, match="x must have at least one row"):
        trainer().fit(np.zeros((0, 2)), np.zeros(0, int), epochs=1)
