"""The values that the assignments' own notebooks print or compare with, each with its notebook."""

from typing import Any

import numpy as np
import pytest

from handgrad.compat.cs231n import conventions, layer_utils, layers, optim
from handgrad.compat.cs231n.classifiers.fc_net import FullyConnectedNet, TwoLayerNet
from handgrad.compat.cs231n.classifiers.neural_net import TwoLayerNet as SelfTrainedNet
from handgrad.compat.cs231n.gradient_check import eval_numerical_gradient


def check_digits(values: Any, expected: Any, digits: Any = 8) -> None:
    """`expected` is printed with so many digits behind the point."""
    np.testing.assert_allclose(values, expected, rtol=0, atol=0.51 * 10.0**-digits)


def between(low: Any, high: Any, *shape: Any) -> Any:
    return np.linspace(low, high, num=int(np.prod(shape))).reshape(shape)


# -- assignment 1 ---------------------------------------------------------------------------------


def toy() -> Any:
    """The toy network and data of two_layer_net.ipynb (2016 to 2020)."""
    np.random.seed(0)
    net = SelfTrainedNet(4, 10, 3, std=1e-1)
    np.random.seed(1)
    return net, 10 * np.random.randn(5, 4), np.array([0, 1, 2, 2, 1])


def test_two_layer_net_scores() -> None:
    net, X, _ = toy()
    expected = [
        [-0.81233741, -1.27654624, -0.70335995],
        [-0.17129677, -1.18803311, -0.47310444],
        [-0.51590475, -1.01354314, -0.8504215],
        [-0.15419291, -0.48629638, -0.52901952],
        [-0.00618733, -0.12435261, -0.15226949],
    ]
    check_digits(net.loss(X), expected)


@pytest.mark.parametrize(("year", "reg"), [(2016, 0.1), (2017, 0.05), (2020, 0.05)])
def test_two_layer_net_loss(year: Any, reg: Any) -> None:
    net, X, y = toy()
    with conventions.in_year(year):
        loss, grads = net.loss(X, y, reg=reg)
        assert abs(loss - 1.30378789133) < 1e-11
        for name, grad in grads.items():
            numerical = eval_numerical_gradient(
                lambda _: net.loss(X, y, reg=reg)[0], net.params[name], verbose=False
            )
            np.testing.assert_allclose(grad, numerical, rtol=0, atol=1e-8)


def test_two_layer_net_training() -> None:
    _, X, y = toy()
    np.random.seed(0)
    net = SelfTrainedNet(4, 10, 3, std=1e-1)
    stats = net.train(X, y, X, y, learning_rate=1e-1, reg=5e-6, num_iters=100)
    check_digits(stats["loss_history"][-1], 0.01714960793873, digits=13)
    assert len(stats["train_acc_history"]) == len(stats["val_acc_history"]) == 100


# -- assignment 2 (from 2021 on partly assignment 1) -----------------------------------------------


def test_affine_forward_in_fully_connected_nets() -> None:
    x, w = between(-0.1, 0.5, 2, 4, 5, 6), between(-0.2, 0.3, 120, 3)
    out, _ = layers.affine_forward(x, w, np.linspace(-0.3, 0.1, num=3))
    check_digits(out, [[1.49834967, 1.70660132, 1.91485297], [3.25553199, 3.5141327, 3.77273342]])


def test_relu_forward_in_fully_connected_nets() -> None:
    out, _ = layers.relu_forward(between(-0.5, 0.5, 3, 4))
    expected = [[0, 0, 0, 0], [0, 0, 0.04545455, 0.13636364]]
    check_digits(out, [*expected, [0.22727273, 0.31818182, 0.40909091, 0.5]])


def test_losses_in_fully_connected_nets() -> None:
    np.random.seed(231)
    x = 0.001 * np.random.randn(50, 10)
    y = np.random.randint(10, size=50)
    check_digits(layers.svm_loss(x, y)[0], 8.999602749096233, digits=14)
    check_digits(layers.softmax_loss(x, y)[0], 2.302545844500738, digits=14)


def test_two_layer_net_in_fully_connected_nets() -> None:
    N, D, H, C = 3, 5, 50, 7
    model = TwoLayerNet(input_dim=D, hidden_dim=H, num_classes=C)
    model.params["W1"] = between(-0.7, 0.3, D, H)
    model.params["b1"] = np.linspace(-0.1, 0.9, num=H)
    model.params["W2"] = between(-0.3, 0.4, H, C)
    model.params["b2"] = np.linspace(-0.9, 0.1, num=C)
    X, y = between(-5.5, 4.5, D, N).T, np.array([0, 5, 1])
    first = [11.53165108, 12.2917344, 13.05181771, 13.81190102, 14.57198434]
    check_digits(model.loss(X)[0], [*first, 15.33206765, 16.09215096])
    assert abs(model.loss(X, y)[0] - 3.4702243556) < 1e-10
    model.reg = 1.0
    assert abs(model.loss(X, y)[0] - 26.5948426952) < 1e-10


@pytest.mark.parametrize(
    ("options", "losses"),
    [
        ({}, (2.3004790897684924, 7.052114776533016)),  # FullyConnectedNets.ipynb
        ({"normalization": "batchnorm"}, (2.2611955101340957, 6.996533220108303)),
    ],
)
def test_initial_losses_of_fully_connected_net(options: Any, losses: Any) -> None:
    np.random.seed(231)
    X, y = np.random.randn(2, 15), np.random.randint(10, size=(2,))
    for reg, expected in zip((0, 3.14), losses, strict=True):
        model = FullyConnectedNet(
            [20, 30],
            input_dim=15,
            num_classes=10,
            reg=reg,
            weight_scale=5e-2,
            dtype=np.float64,
            **options,
        )
        check_digits(model.loss(X, y)[0], expected, digits=14)


def test_initial_losses_with_dropout() -> None:
    np.random.seed(231)  # Dropout.ipynb
    X, y = np.random.randn(2, 15), np.random.randint(10, size=(2,))
    expected = {1: 2.3004790897684924, 0.75: 2.302371489704412, 0.5: 2.30427592207859}
    for keep, loss in expected.items():
        model = FullyConnectedNet(
            [20, 30],
            input_dim=15,
            num_classes=10,
            weight_scale=5e-2,
            dtype=np.float64,
            seed=123,
            dropout_keep_ratio=keep,
        )
        check_digits(model.loss(X, y)[0], loss, digits=14)


@pytest.mark.parametrize(
    ("p", "mean", "zeros"),
    [
        (0.25, 10.014059116977283, 0.749784),
        (0.4, 9.977917658761159, 0.600796),
        (0.7, 9.987811912159426, 0.30074),
    ],
)
def test_dropout_forward_in_dropout(p: Any, mean: Any, zeros: Any) -> None:
    np.random.seed(231)
    x = np.random.randn(500, 500) + 10
    for before in (0.25, 0.4, 0.7):  # the notebook's loop draws for each in turn
        out, _ = layers.dropout_forward(x, {"mode": "train", "p": before})
        if before == p:
            break
    check_digits([out.mean(), (out == 0).mean()], [mean, zeros], digits=12)


def test_batchnorm_forward_at_test_time_in_batch_normalization() -> None:
    np.random.seed(231)
    W1, W2 = np.random.randn(50, 60), np.random.randn(60, 3)
    gamma, beta = np.ones(3), np.zeros(3)
    bn_param: dict[str, Any] = {"mode": "train"}
    for _ in range(50):
        a = np.maximum(0, np.random.randn(200, 50).dot(W1)).dot(W2)
        layers.batchnorm_forward(a, gamma, beta, bn_param)
    bn_param["mode"] = "test"
    a = np.maximum(0, np.random.randn(200, 50).dot(W1)).dot(W2)
    a_norm, _ = layers.batchnorm_forward(a, gamma, beta, bn_param)
    check_digits(a_norm.mean(axis=0), [-0.03927354, -0.04349152, -0.10452688])
    check_digits(a_norm.std(axis=0), [1.01531428, 1.01238373, 0.97819988])


def test_conv_forward_naive_in_convolutional_networks() -> None:
    x, w = between(-0.1, 0.5, 2, 3, 4, 4), between(-0.2, 0.3, 3, 3, 4, 4)
    b = np.linspace(-0.1, 0.2, num=3)
    out, _ = layers.conv_forward_naive(x, w, b, {"stride": 2, "pad": 1})
    expected = [
        [[-0.08759809, -0.10987781], [-0.18387192, -0.2109216]],
        [[0.21027089, 0.21661097], [0.22847626, 0.23004637]],
        [[0.50813986, 0.54309974], [0.64082444, 0.67101435]],
        [[-0.98053589, -1.03143541], [-1.19128892, -1.24695841]],
        [[0.69108355, 0.66880383], [0.59480972, 0.56776003]],
        [[2.36270298, 2.36904306], [2.38090835, 2.38247847]],
    ]
    check_digits(out.reshape(6, 2, 2), expected)


def test_max_pool_forward_naive_in_convolutional_networks() -> None:
    pool_param = {"pool_height": 2, "pool_width": 2, "stride": 2}
    out, _ = layers.max_pool_forward_naive(between(-0.3, 0.4, 2, 3, 4, 4), pool_param)
    check_digits(out[0, 0], [[-0.26315789, -0.24842105], [-0.20421053, -0.18947368]])
    check_digits(out[1, 2], [[0.32631579, 0.34105263], [0.38526316, 0.4]])


W, DW = between(-0.4, 0.6, 4, 5), between(-0.6, 0.4, 4, 5)


def test_sgd_momentum_in_fully_connected_nets() -> None:
    config = {"learning_rate": 1e-3, "velocity": between(0.6, 0.9, 4, 5)}
    next_w, config = optim.sgd_momentum(W, DW, config=config)
    check_digits(next_w[0], [0.1406, 0.20738947, 0.27417895, 0.34096842, 0.40775789])
    check_digits(next_w[3], [1.14244211, 1.20923158, 1.27602105, 1.34281053, 1.4096])
    check_digits(config["velocity"][0], [0.5406, 0.55475789, 0.56891579, 0.58307368, 0.59723158])


def test_rmsprop_in_fully_connected_nets() -> None:
    config = {"learning_rate": 1e-2, "cache": between(0.6, 0.9, 4, 5)}
    next_w, config = optim.rmsprop(W, DW, config=config)
    check_digits(next_w[0], [-0.39223849, -0.34037513, -0.28849239, -0.23659121, -0.18467247])
    check_digits(next_w[3], [0.38739248, 0.43947102, 0.49155973, 0.54365823, 0.59576619])
    check_digits(config["cache"][0], [0.5976, 0.6126277, 0.6277108, 0.64284931, 0.65804321])


def test_adam_in_fully_connected_nets() -> None:
    config = {"learning_rate": 1e-2, "m": between(0.6, 0.9, 4, 5), "v": between(0.7, 0.5, 4, 5)}
    next_w, config = optim.adam(W, DW, config=config | {"t": 5})
    check_digits(next_w[0], [-0.40094747, -0.34836187, -0.29577703, -0.24319299, -0.19060977])
    check_digits(next_w[3], [0.38774145, 0.44031188, 0.49288093, 0.54544852, 0.59801459])
    check_digits(config["v"][0], [0.69966, 0.68908382, 0.67851319, 0.66794809, 0.65738853])
    check_digits(config["m"][0], [0.48, 0.49947368, 0.51894737, 0.53842105, 0.55789474])
    assert config["t"] == 6


def test_sandwich_layers_are_their_parts() -> None:
    np.random.seed(231)  # the "sandwich" cell of FullyConnectedNets.ipynb
    x, w, b = np.random.randn(2, 3, 4), np.random.randn(12, 10), np.random.randn(10)
    out, _ = layer_utils.affine_relu_forward(x, w, b)
    np.testing.assert_array_equal(out, np.maximum(x.reshape(2, 12) @ w + b, 0))


def test_spatial_batchnorm_at_test_time_in_convolutional_networks() -> None:
    np.random.seed(231)
    gamma, beta = np.ones(4), np.zeros(4)
    bn_param: dict[str, Any] = {"mode": "train"}
    for _ in range(50):
        x = 2.3 * np.random.randn(10, 4, 11, 12) + 13
        layers.spatial_batchnorm_forward(x, gamma, beta, bn_param)
    bn_param["mode"] = "test"
    x = 2.3 * np.random.randn(10, 4, 11, 12) + 13
    out, _ = layers.spatial_batchnorm_forward(x, gamma, beta, bn_param)
    axes = (0, 2, 3)
    check_digits(out.mean(axis=axes), [-0.08034406, 0.07562881, 0.05716371, 0.04378383])
    check_digits(out.std(axis=axes), [0.96718744, 1.0299714, 1.02887624, 1.00585577])


def test_spatial_batchnorm_with_integer_factors_in_convolutional_networks() -> None:
    np.random.seed(231)
    x = 4 * np.random.randn(2, 3, 4, 5) + 10
    gamma, beta = np.array([3, 4, 5]), np.array([6, 7, 8])
    out, _ = layers.spatial_batchnorm_forward(x, gamma, beta, {"mode": "train"})
    check_digits(out.mean(axis=(0, 2, 3)), [6, 7, 8])
    check_digits(out.std(axis=(0, 2, 3)), [2.99999885, 3.99999804, 4.99999798])
