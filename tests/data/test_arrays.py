from typing import Any

import numpy as np
import pytest

from handgrad import SGD, Affine, Network, SoftmaxCrossEntropy, Trainer
from handgrad.checks import Array, DtypeError, InvalidValueError, ShapeError
from handgrad.data import batches, one_hot, split


def examples(n: int) -> tuple[Array, Array]:
    """Row n is [n, n], its label 10 n: what belongs together can be told."""
    return np.arange(n)[:, np.newaxis].repeat(2, axis=1), 10 * np.arange(n)


def test_split_keeps_every_example_once() -> None:
    x, labels = examples(50)
    kept, held_out = split(x, labels, count=7)
    assert (len(kept.x), len(held_out.x)) == (43, 7)
    for part in (kept, held_out):
        np.testing.assert_array_equal(part.x[:, 0] * 10, part.labels)
    together = np.concatenate([kept.labels, held_out.labels])
    np.testing.assert_array_equal(np.sort(together), labels)
    assert not np.array_equal(kept.labels, np.sort(kept.labels))


@pytest.mark.parametrize("count", [1, 2, 17, 50, 99])
@pytest.mark.parametrize("seed", range(5))
def test_split_keeps_the_classes_shares(count: int, seed: int) -> None:
    labels = np.random.default_rng(0).permutation(np.repeat([0, 1, 2, 7], [50, 30, 19, 1]))
    kept, held_out = split(np.zeros((100, 3)), labels, count=count, seed=seed)
    assert (len(kept.labels), len(held_out.labels)) == (100 - count, count)
    share = np.bincount(labels) * count / 100
    assert (np.abs(np.bincount(held_out.labels, minlength=8) - share) < 1).all()


def test_split_shuffles_targets_too() -> None:
    _, held_out = split(*examples(1000), count=400)
    _, targets = split(np.zeros(1000), np.arange(1000.0), count=400)
    for values in (held_out.labels / 10, targets.labels):
        assert 450 < values.mean() < 550
        assert np.abs(np.corrcoef(values, np.arange(400))[0, 1]) < 0.2


def test_split_follows_the_seed() -> None:
    data = examples(40)
    first, again, other = (split(*data, fraction=0.25, seed=s)[1].labels for s in (3, 3, 4))
    assert len(first) == 10
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(np.sort(first), np.sort(other))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({}, InvalidValueError, "either count or fraction"),
        ({"count": 1, "fraction": 0.5}, InvalidValueError, "either count or fraction"),
        ({"count": 0}, InvalidValueError, "count must be at least 1, but is 0"),
        ({"count": 0.5}, DtypeError, "count must be a whole number, but is 0.5"),
        ({"count": 10}, InvalidValueError, "10 of 10 would be held out"),
        ({"fraction": 0.01}, InvalidValueError, "0 of 10 would be held out"),
        ({"fraction": 1.0}, InvalidValueError, r"fraction must be in \(0, 1\), but is 1.0"),
        ({"fraction": 0}, InvalidValueError, r"fraction must be in \(0, 1\), but is 0"),
        ({"count": 2, "seed": -1}, InvalidValueError, "seed must be at least 0, but is -1"),
    ],
)
def test_split_refuses(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"split: .*{message}"):
        split(*examples(10), **options)


def test_pairs_must_fit() -> None:
    with pytest.raises(ShapeError, match=r"split: .* have shapes \(3,\) and \(2,\)"):
        split([1, 2, 3], [1, 2], count=1)
    with pytest.raises(ShapeError, match=r"batches: .* have shapes \(\) and \(\)"):
        batches(1, 1, batch_size=1, epoch=0)


def test_batches_take_each_example_once() -> None:
    taken = list(batches(*examples(10), batch_size=4, epoch=0))
    assert [len(x) for x, _ in taken] == [4, 4, 2]
    for x, labels in taken:
        np.testing.assert_array_equal(x[:, 0] * 10, labels)
    order = np.concatenate([labels for _, labels in taken])
    np.testing.assert_array_equal(np.sort(order), 10 * np.arange(10))


def test_batches_follow_seed_and_epoch() -> None:
    def order(**options: int) -> list[int]:
        parts = batches(*examples(20), batch_size=20, **options)
        return next(parts).labels.tolist()

    assert order(epoch=1) == order(epoch=1, seed=0)
    assert order(epoch=1) != order(epoch=2)
    assert order(epoch=1) != order(epoch=1, seed=1)


def test_batches_are_those_of_the_trainer() -> None:
    seen: list[Array] = []

    def watch(batch: Array, _rng: np.random.Generator) -> Array:
        seen.append(batch)
        return batch

    x, labels = examples(10)
    network = Network([Affine(2)], input_shape=(2,))
    trainer = Trainer(network, SoftmaxCrossEntropy(), SGD(0.1), augment=watch, seed=5)
    trainer.fit(x, labels % 20 // 10, epochs=2, batch_size=4)
    own = [
        part.x for epoch in (0, 1) for part in batches(x, labels, batch_size=4, epoch=epoch, seed=5)
    ]
    assert len(own) == len(seen) == 6
    for a, b in zip(own, seen, strict=True):
        np.testing.assert_array_equal(a, b)


def test_batches_of_nothing() -> None:
    assert list(batches(np.zeros((0, 3)), [], batch_size=4, epoch=0)) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0, "epoch": 0}, "batch_size must be at least 1"),
        ({"batch_size": 1, "epoch": -1}, "epoch must be at least 0"),
        ({"batch_size": 1, "epoch": 0, "seed": -1}, "seed must be at least 0"),
    ],
)
def test_batches_refuse_at_once(options: dict[str, int], message: str) -> None:
    with pytest.raises(InvalidValueError, match=f"batches: {message}"):
        batches([1], [1], **options)


def test_one_hot() -> None:
    rows = one_hot(np.array([2, 0], np.uint8), 3, dtype=np.float64)
    np.testing.assert_array_equal(rows, [[0, 0, 1], [1, 0, 0]])
    assert rows.dtype == np.float64
    assert one_hot([], 4).shape == (0, 4)
    with pytest.raises(InvalidValueError, match="one_hot: labels must be from 0 to 2"):
        one_hot([0, 3], 3)
    with pytest.raises(InvalidValueError, match="one_hot: classes must be at least 1"):
        one_hot([0], 0)
