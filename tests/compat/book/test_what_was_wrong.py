"""The defects of the book's code, mended; by their numbers in docs/guide/what-was-wrong.md."""

import itertools
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from command_line import call
from handgrad import gradcheck
from handgrad.checks import FileFormatError, ShapeError
from handgrad.compat.book.ch05.two_layer_net import TwoLayerNet
from handgrad.compat.book.ch07.simple_convnet import SimpleConvNet
from handgrad.compat.book.ch08.deep_convnet import DeepConvNet
from handgrad.compat.book.common import functions, layers
from handgrad.compat.book.common.gradient import numerical_gradient, numerical_gradient_2d
from handgrad.compat.book.common.multi_layer_net_extend import MultiLayerNetExtend
from handgrad.compat.book.common.optimizer import AdaDelta, Nesterov
from handgrad.compat.book.common.trainer import Trainer
from handgrad.compat.book.common.util import col2im, conv_output_size, im2col

SMALL = {"filter_num": 2, "filter_size": 3, "pad": 0, "stride": 1}


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(8)


def test_1_relu_leaves_dout_alone(rng: np.random.Generator):
    relu = layers.Relu()
    x, dout = rng.normal(size=(3, 4)), rng.normal(size=(3, 4))
    before = dout.copy()
    relu.forward(x)
    dx = relu.backward(dout)
    assert np.array_equal(dout, before)
    assert not np.shares_memory(dx, dout)
    assert np.array_equal(dx, dout * (x > 0))
    assert np.array_equal(relu.mask, x <= 0)


def test_2_the_slope_of_relu_at_0_is_0_everywhere():
    x = np.array([-1.0, 0.0, 0.5])
    relu = layers.Relu()
    relu.forward(x)
    assert functions.relu_grad(x).tolist() == relu.backward(np.ones(3)).tolist() == [0, 0, 1]


def test_3_pooling_takes_pad(rng: np.random.Generator):
    x = rng.normal(size=(2, 3, 3, 5)) - 5  # padding must not win where all is negative
    pool = layers.Pooling(3, 3, 2, pad=1)
    out = pool.forward(x)
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
    for i, j in itertools.product(range(2), range(3)):
        window = padded[:, :, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3]
        assert np.array_equal(out[:, :, i, j], window.max(axis=(2, 3)))
    dout = rng.normal(size=out.shape)
    expected = gradcheck.numerical_gradient(lambda x: (pool.forward(x) * dout).sum(), x)
    pool.forward(x)
    assert np.allclose(pool.backward(dout), expected, rtol=0, atol=1e-8)


def test_4_batch_norm_keeps_one_statistic_for_each_channel(rng: np.random.Generator):
    x = rng.normal(2, 3, size=(4, 3, 5, 6))
    gamma, beta = rng.normal(size=3), rng.normal(size=3)
    norm: Any = layers.BatchNormalization(gamma, beta)
    out = norm.forward(x)
    mean, var = x.mean(axis=(0, 2, 3)), x.var(axis=(0, 2, 3))
    assert norm.running_mean.shape == norm.running_var.shape == (3,)
    x_hat = (x - mean[:, None, None]) / np.sqrt(var + 1e-6)[:, None, None]
    assert np.allclose(out, gamma[:, None, None] * x_hat + beta[:, None, None])
    dout = rng.normal(size=x.shape)
    dx = norm.backward(dout)
    expected = gradcheck.numerical_gradient(lambda x: (norm.forward(x) * dout).sum(), x)
    assert np.allclose(dx, expected, rtol=0, atol=1e-7)
    assert norm.dgamma.shape == norm.dbeta.shape == (3,)
    wrong = layers.BatchNormalization(np.ones(90), np.zeros(90))
    message = r"gamma must have shape \(3,\), one entry for each channel of x \(4, 3, 5, 6\)"
    with pytest.raises(ShapeError, match=message):
        wrong.forward(x)


def test_4_a_young_network_predicts_as_it_trains(rng: np.random.Generator):
    batches = rng.normal(2, 1e-4, size=(12, 5, 3))
    means, variances = batches.mean(axis=1), batches.var(axis=1)
    norm: Any = layers.BatchNormalization(np.ones(3), np.zeros(3))
    untrained = norm.forward(batches[0], train_flg=False)
    assert np.allclose(untrained, batches[0] / np.sqrt(1 + 1e-6))
    for count, batch in enumerate(batches[:10], start=1):
        norm.forward(batch)
        assert np.allclose(norm.running_mean, means[:count].mean(axis=0), rtol=1e-12)
        assert np.allclose(norm.running_var, variances[:count].mean(axis=0), rtol=1e-12)
    for count in (10, 11):  # from here on they move as the book's do
        mean, var = norm.running_mean, norm.running_var
        norm.forward(batches[count])
        assert np.allclose(norm.running_mean, 0.9 * mean + 0.1 * means[count], rtol=1e-12)
        assert np.allclose(norm.running_var, 0.9 * var + 0.1 * variances[count], rtol=1e-12)


def test_4_statistics_that_are_given_are_kept(rng: np.random.Generator):
    x, stored = rng.normal(size=(5, 3)), np.full(3, 4.0)
    norm: Any = layers.BatchNormalization(np.ones(3), np.zeros(3), 0.9, stored, stored)
    norm.forward(x)
    assert np.allclose(norm.running_mean, 3.6 + 0.1 * x.mean(axis=0))
    assert np.allclose(norm.running_var, 3.6 + 0.1 * x.var(axis=0))
    assert stored.tolist() == [4, 4, 4]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_5_im2col_keeps_the_dtype(rng: np.random.Generator, dtype: type):
    x = rng.normal(size=(2, 3, 5, 6)).astype(dtype)
    cols = im2col(x, 2, 3, 2, 1)
    assert cols.dtype == dtype
    assert cols.shape == (2 * 3 * 3, 3 * 2 * 3)
    assert cols[0].reshape(3, 2, 3)[:, 1, 1:].tolist() == x[0, :, 0, :2].tolist()
    again = col2im(cols, x.shape, 2, 3, 2, 1)
    assert again.dtype == dtype
    assert np.vdot(cols, cols) == pytest.approx(float(np.vdot(x, again)), rel=1e-5)
    assert conv_output_size(7, 2, 2, 1) == 4
    assert isinstance(conv_output_size(7, 2, 2, 1), int)


def test_6_the_numerical_gradient_of_integers_and_float32():
    def squares(x: np.ndarray) -> float:
        return (x**2).sum()

    assert np.allclose(numerical_gradient(squares, np.array([3, 4])), [6, 8], rtol=0, atol=1e-6)
    for dtype in (np.float32, np.float64):
        x = np.array([3, 4], dtype)
        assert np.allclose(numerical_gradient(squares, x), [6, 8], rtol=0, atol=1e-6)
    both = numerical_gradient_2d(squares, np.array([[3, 4], [1, 0]]))
    assert np.allclose(both, [[6, 8], [2, 0]], rtol=0, atol=1e-6)
    one = numerical_gradient(lambda x: np.array([[squares(x)]]), np.array([3.0, 4.0]))
    assert np.allclose(one, [6, 8], rtol=0, atol=1e-6)
    assert numerical_gradient_2d(squares, np.zeros((0, 2))).shape == (0, 2)


@pytest.mark.parametrize("use_batchnorm", [False, True])
def test_7_a_gradient_check_with_dropout_means_something(
    rng: np.random.Generator, *, use_batchnorm: bool
):
    np.random.seed(8)
    network = MultiLayerNetExtend(
        6, [5, 4], 3, weight_decay_lambda=0.1, use_dropout=True, use_batchnorm=use_batchnorm
    )
    x, t = rng.normal(size=(7, 6)), rng.integers(3, size=7)
    for name in ("b1", "b2"):  # where all inputs are dropped, ReLU would be at its kink
        network.params[name] += rng.normal(size=network.params[name].shape)
    network.gradient(x, t)  # gives batch norm its statistics
    norms = [layer for name, layer in network.layers.items() if name.startswith("BatchNorm")]
    before = [norm.running_var for norm in norms]
    seen = [norm.batches for norm in norms]
    numerical = network.numerical_gradient(x, t)
    assert [norm.running_var is var for norm, var in zip(norms, before, strict=True)] == [
        True for _ in norms
    ]
    assert [norm.batches for norm in norms] == seen == [1 for _ in norms]
    exact = network.gradient(x, t)
    assert set(exact) == set(network.params)
    for name, grad in numerical.items():
        assert np.allclose(grad, exact[name], rtol=0, atol=1e-6), name
    masks = network.layers["Dropout1"].mask
    network.gradient(x, t)
    assert not np.array_equal(network.layers["Dropout1"].mask, masks)  # training draws new ones


def test_8_one_hot_is_told_from_classes_by_its_axes(rng: np.random.Generator):
    y = np.array([[1.0], [1.0], [1.0]])
    assert functions.cross_entropy_error(y, np.array([0, 0, 0])) == 0
    y = rng.dirichlet(np.ones(3), size=3)
    t = np.array([2, 0, 1])
    expected = -np.log(y[[0, 1, 2], t]).mean()
    for form in (t, t[:, None], t.tolist(), np.eye(3)[t]):
        assert functions.cross_entropy_error(y, form) == pytest.approx(expected, rel=1e-15)
    assert functions.cross_entropy_error(y[0], 2) == pytest.approx(-np.log(y[0, 2]))
    assert functions.cross_entropy_error(y[0], [0, 0, 1]) == pytest.approx(-np.log(y[0, 2]))
    with pytest.raises(ShapeError, match=r"t must have shape \(3,\), classes, or \(3, 3\)"):
        functions.cross_entropy_error(y, np.array([1, 2]))
    with pytest.raises(ShapeError, match=r"but has shape \(2,\)"):
        functions.cross_entropy_error(y[0], np.array([1, 2]))


def test_9_nothing_is_added_within_the_logarithm(rng: np.random.Generator):
    assert functions.cross_entropy_error([[1.0, 0.0]], [0]) == 0
    assert functions.cross_entropy_error([[1e-300, 1.0]], [0]) == pytest.approx(-np.log(1e-300))
    assert np.isfinite(functions.cross_entropy_error([[0.0, 1.0]], [0]))
    scores = np.array([[1000.0, 0.0]])
    assert functions.softmax_loss(scores, [1]) == 1000
    last = layers.SoftmaxWithLoss()
    assert last.forward(scores, np.array([1])) == 1000
    x, t = rng.normal(size=(4, 5)), np.array([3, 0, 1, 4])
    last.forward(x, t)
    assert np.allclose(last.y, functions.softmax(x), rtol=1e-14)
    dx = last.backward()
    expected = gradcheck.numerical_gradient(lambda x: last.forward(x, t), x)
    assert np.allclose(dx, expected, rtol=0, atol=1e-9)
    last.forward(x, np.eye(5)[t])
    assert np.allclose(last.backward(2), 2 * dx, rtol=1e-15)


def test_9_a_single_example_is_a_batch_of_one():
    last = layers.SoftmaxWithLoss()
    y = functions.softmax([3, 1, 6])
    assert last.forward(np.array([3.0, 1.0, 6.0]), np.array([0, 1, 0])) == -np.log(y[1])
    assert np.allclose(last.backward(), y - [0, 1, 0])  # not a third of it


def test_10_the_sigmoid_overflows_nowhere():
    with np.errstate(over="raise"):
        assert functions.sigmoid(np.array([-1000, 0, 1000])).tolist() == [0, 0.5, 1]
        sigmoid = layers.Sigmoid()
        assert sigmoid.forward(np.array([-1000.0])).tolist() == [0]
        assert sigmoid.backward(np.ones(1)).tolist() == [0]


class Counting:
    """A network that writes down what it is asked."""

    def __init__(self) -> None:
        self.params = {"W1": np.zeros(1)}
        self.seen: list[float] = []
        self.losses = 0

    def gradient(self, x: np.ndarray, t: np.ndarray) -> dict[str, np.ndarray]:
        assert np.array_equal(x[:, 0], t)
        self.seen += t.tolist()
        return {"W1": np.ones(1)}

    def loss(self, x: np.ndarray, t: np.ndarray) -> float:
        self.losses += 1
        return 0.0

    def accuracy(self, x: np.ndarray, t: np.ndarray) -> float:
        return float(len(x))


def test_11_an_epoch_sees_every_example_once_and_is_counted():
    network = Counting()
    x, t = np.arange(20.0).reshape(10, 2), np.arange(0.0, 20.0, 2.0)
    trainer = Trainer(network, x, t, x[:3], t[:3], epochs=4, mini_batch_size=3, verbose=False)
    trainer.train()
    assert (trainer.iter_per_epoch, trainer.max_iter, trainer.current_epoch) == (3, 12, 4)
    assert trainer.train_acc_list == [10.0] * 4
    assert trainer.test_acc_list == [3.0] * 4
    for epoch in range(4):
        assert len(set(network.seen[9 * epoch : 9 * epoch + 9])) == 9
    assert len(network.seen) == 36
    assert trainer.current_iter == 12
    assert network.params["W1"] == pytest.approx(-0.12)
    assert network.losses == 12  # a network of the reader's own: the loss is its `loss`


def test_11_a_batch_larger_than_the_data_is_all_of_it():
    network, x, t = Counting(), np.arange(6.0).reshape(3, 2), np.array([0.0, 2.0, 4.0])
    trainer = Trainer(network, x, t, x, t, epochs=2, mini_batch_size=5, verbose=False)
    trainer.train()
    assert sorted(network.seen) == [0, 0, 2, 2, 4, 4]
    assert trainer.max_iter == 2


def test_11_no_second_pass_for_the_loss(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    network = TwoLayerNet(4, 3, 2)
    x, t = rng.normal(size=(6, 4)), rng.integers(2, size=6)
    trainer = Trainer(network, x, t, x, t, epochs=1, mini_batch_size=6, optimizer="RMSprpo")
    first = network.loss(x, t)
    monkeypatch.setattr(Trainer, "evaluate", lambda _: None)
    monkeypatch.setattr(network, "loss", lambda *_: 1 / 0)
    monkeypatch.setattr(network, "training_loss", lambda x, t: TwoLayerNet.loss(network, x, t))
    trainer.train_step()
    assert trainer.train_loss_list == pytest.approx([first])
    assert capsys.readouterr().out.startswith("train loss:0.69")


def test_12_nesterov_is_the_papers_and_adadelta_is_there():
    w, v, params, rule = 1.0, 0.0, {"w": np.ones(1)}, Nesterov(lr=0.1, momentum=0.9)
    for _ in range(10):  # on w²/2, at w the point that looks ahead
        w_next = w + 0.9 * 0.9 * v - 1.9 * 0.1 * w  # Bengio et al., equation 7
        v = 0.9 * v - 0.1 * w
        rule.update(params, {"w": params["w"].copy()})
        w = w_next
    assert params["w"] == pytest.approx(w)
    params = {"w": 1.0}
    AdaDelta().update(params, {"w": 2.0})
    assert params["w"] == pytest.approx(1 - 2 * np.sqrt(1e-6 / (0.4 + 1e-6)))


def test_13_runs_begin_with_a_seed(tmp_path: Path):
    script = tmp_path / "draw.py"
    script.write_text("import numpy as np\nprint(np.random.randn())\n", encoding="utf-8")
    np.random.seed(0)
    expected = f"{np.random.randn()}\n"
    assert call("book", script).out == call("book", script).out == expected
    assert call("book", "--seed", "5", script).out != expected
    assert call("book", "--seed", "-1", script).status == 2


def test_14_scripts_run_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = tmp_path / "ch03"
    folder.mkdir()
    script = folder / "shapes.py"
    script.write_text(
        "import sys, os\nsys.path.append(os.pardir)\nfrom dataset.mnist import load_mnist\n"
        "print(load_mnist()[1][0].shape)\n",
        encoding="utf-8",
    )
    for here in (tmp_path, folder, Path(tmp_path.anchor)):
        monkeypatch.chdir(here)
        assert call("book", script).out == "(10000, 784)\n"


class Harmful:
    """Runs code when it is unpickled."""

    def __reduce__(self):
        return exec, ("raise SystemError('it ran')",)


def test_15_weights_are_read_without_running_them(rng: np.random.Generator, tmp_path: Path):
    network = SimpleConvNet((1, 8, 8), SMALL, 4, 3)
    path = tmp_path / "params.pkl"
    stored = {name: rng.normal(size=array.shape) for name, array in network.params.items()}
    path.write_bytes(pickle.dumps(stored))
    network.load_params(str(path))
    assert all(np.array_equal(network.params[name], array) for name, array in stored.items())
    assert network.layers["Conv1"].W is network.params["W1"]
    assert network.layers["Affine2"].b is network.params["b3"]
    network.save_params(str(path))
    assert path.read_bytes().startswith(b"PK")  # no pickle
    again = SimpleConvNet((1, 8, 8), SMALL, 4, 3)
    again.load_params(str(path))
    x = rng.normal(size=(2, 1, 8, 8))
    assert np.array_equal(network.predict(x), again.predict(x))
    path.write_bytes(pickle.dumps({"W1": Harmful()}))
    with pytest.raises(FileFormatError, match="exec"):
        network.load_params(str(path))
    path.write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(FileFormatError, match="must hold a dict of arrays"):
        network.load_params(str(path))
    path.write_bytes(pickle.dumps({"W1": stored["W1"]}))
    with pytest.raises(FileFormatError, match="but has no b1, W2, b2, W3, b3"):
        network.load_params(str(path))
    path.write_bytes(pickle.dumps({**stored, "W2": np.ones((3, 3))}))
    with pytest.raises(ShapeError, match=r"W2 must have shape \(18, 4\)"):
        network.load_params(str(path))
    path.write_bytes(b"PK damaged")
    with pytest.raises(FileFormatError, match="damaged"):
        network.load_params(str(path))


def test_16_dropout_leaves_nothing_to_do_in_prediction(rng: np.random.Generator):
    x = rng.normal(size=(200, 300)) + 5
    dropout = layers.Dropout(0.3)
    assert np.array_equal(dropout.forward(x, train_flg=False), x)
    state = np.random.get_state()
    out = dropout.forward(x)
    np.random.set_state(state)
    assert np.array_equal(dropout.mask, np.random.rand(*x.shape) > 0.3)  # the book's own draws
    assert np.allclose(out, x * dropout.mask / 0.7)
    assert out.mean() == pytest.approx(x.mean(), rel=0.01)
    assert np.allclose(dropout.backward(x), out)


def test_16_stored_weights_keep_the_dropout_they_were_trained_with(rng: np.random.Generator):
    x = rng.normal(size=(5, 6))
    dropout = layers.Dropout(0.3, inverted=False)
    assert np.allclose(dropout.forward(x, train_flg=False), 0.7 * x)
    assert np.array_equal(dropout.forward(x), x * dropout.mask)
    network = DeepConvNet()
    kinds = [layer for layer in network.layers if isinstance(layer, layers.Dropout)]
    assert [layer.inverted for layer in kinds] == [False, False]
