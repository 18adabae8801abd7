import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from handgrad import (
    Affine,
    BinaryCrossEntropy,
    Flatten,
    Hinge,
    Layer,
    Loss,
    MeanSquaredError,
    Network,
    Relu,
    Rescale,
    Residual,
    Softmax,
    SoftmaxCrossEntropy,
)
from handgrad.checks import (
    DtypeError,
    FileAccessError,
    FileFormatError,
    InvalidValueError,
    ShapeError,
    UnknownNameError,
)
from handgrad.network_file import digest


def network(**options: Any) -> Network:
    layers = [
        Rescale(1 / 255),
        Flatten(),
        Affine(5, name="first"),
        Residual(Affine(5), Relu(), name="skip"),
        Affine(3, name="last"),
    ]
    return Network(layers, (1, 2, 3), seed=4, **options)


def images(rows: int = 7) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (rows, 1, 2, 3), dtype=np.uint8)


# -- parameters -----------------------------------------------------------------------------------


def test_params_are_live_and_assigning_copies() -> None:
    net = network()
    value = np.ones((5, 3))
    net.params["last.weight"] = value
    value[...] = 7
    assert net.params["last.weight"].tolist() == np.ones((5, 3)).tolist()
    net.params["last.weight"] *= 2
    assert net.layers[-1].params["weight"][0, 0] == 2


def test_params_refuse_another_shape_an_unknown_name_and_deletion() -> None:
    net = network()
    with pytest.raises(ShapeError, match=r"last\.weight must have shape \(5, 3\), but has"):
        net.params["last.weight"] = np.ones((3, 5))
    with pytest.raises(KeyError, match=r"network\.params has no 'nope'; it has first.weight"):
        net.params["nope"]
    with pytest.raises(InvalidValueError, match="cannot be deleted"):
        del net.params["last.weight"]


def test_same_seed_same_bits_and_another_seed_others() -> None:
    one, two = network(), network()
    assert all(np.array_equal(one.params[name], two.params[name]) for name in one.params)
    other = Network([Flatten(), Affine(5, name="first")], (1, 2, 3), seed=5)
    assert not np.array_equal(one.params["first.weight"], other.params["first.weight"])


def test_dtype_holds_throughout() -> None:
    for dtype in ("float32", "float64"):
        net = network(dtype=dtype)
        y, saved = net.forward(images(), training=True)
        dx, grads = net.backward(y, saved)
        assert {a.dtype.name for a in (y, dx, *grads.values(), *net.params.values())} == {dtype}


@pytest.mark.parametrize("dtype", ["float16", "int32", "complex128", "nonsense", None])
def test_other_dtypes_are_refused(dtype: str) -> None:
    with pytest.raises(DtypeError, match="dtype must be float32 or float64"):
        network(dtype=dtype)


# -- input ----------------------------------------------------------------------------------------


def test_a_single_example_gets_the_cure() -> None:
    with pytest.raises(ShapeError, match=r"\(N, 1, 2, 3\).*has shape \(1, 2, 3\).*x\[np.newaxis\]"):
        network().predict(images()[0])


def test_text_is_refused() -> None:
    with pytest.raises(DtypeError, match="x must hold real numbers, but has dtype <U1"):
        network().predict(np.full((2, 1, 2, 3), "a"))


def test_input_shape_and_seed_are_checked() -> None:
    with pytest.raises(InvalidValueError, match="every size in input_shape must be at least 1"):
        Network([Relu()], (3, 0))
    with pytest.raises(InvalidValueError, match="seed must be at least 0"):
        Network([Relu()], 3, seed=-1)


# -- arguments ------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [6, np.int64(6), [6], (6,), np.array([6])])
def test_input_shape_in_all_its_forms(shape: Any) -> None:
    assert Network([Affine(2)], shape).input_shape == (6,)


@pytest.mark.parametrize("shape", [None, 6.0, "6"])
def test_what_is_no_input_shape(shape: Any) -> None:
    with pytest.raises(DtypeError, match="input_shape must be one example's shape, such as"):
        Network([Affine(2)], shape)


@pytest.mark.parametrize("shape", [(None, 6), (6.0,), True])
def test_sizes_that_are_no_whole_numbers(shape: Any) -> None:
    with pytest.raises(DtypeError, match="every size in input_shape must be a whole number, but"):
        Network([Affine(2)], shape)


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        ([[1, 2, 3], [1]], ShapeError, "x must have rows of equal length, but came ragged"),
        (7, ShapeError, r"x must have shape \(N, 3\), but has shape \(\)"),
        (None, DtypeError, "x must hold real numbers, but has dtype object. Convert with x.astype"),
        (np.ma.masked_greater(np.eye(3), 0), DtypeError, r"x must not have masked.*filled\(0\)"),
    ],
)
def test_what_is_no_batch(x: Any, error: type[Exception], message: str) -> None:
    net = Network([Affine(2)], 3)
    for run in (net.predict, net.forward):
        with pytest.raises(error, match=message):
            run(x)


def test_a_bias_is_there_or_not() -> None:
    with pytest.raises(DtypeError, match=r"Affine: bias must be a bool, but is 0 \(int\)"):
        Affine(2, bias=0)  # pyright: ignore[reportArgumentType]


def test_backward_takes_the_shape_of_the_output_and_any_dtype() -> None:
    net = Network([Affine(2)], 3)
    y, saved = net.forward(np.ones((4, 3)), training=True)
    with pytest.raises(
        ShapeError, match=r"Network\.backward: dy must have shape \(N, 2\), but has"
    ):
        net.backward(y.T, saved)
    for rows in (1, 3, 5):  # NumPy would take the one row for all
        with pytest.raises(
            ShapeError,
            match=rf"Network\.backward: dy must have shape \(4, 2\), but has shape \({rows}, 2\)\. "
            "Give the gradient of the output that forward returned with this saved",
        ):
            net.backward(np.ones((rows, 2)), saved)
    dx, grads = net.backward(y.astype(float).tolist(), saved)
    assert {dx.dtype, *(grad.dtype for grad in grads.values())} == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        ("x", DtypeError, r"network\.params: last\.bias must hold real numbers, but has dtype <U1"),
        (np.ones(3) * 1j, DtypeError, "but has dtype complex128"),
        ([[1], [1, 2]], ShapeError, "must have rows of equal length"),
    ],
)
def test_params_take_numbers_only(value: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        network().params["last.bias"] = value


def test_an_unknown_name_is_a_handgrad_error_that_can_be_read() -> None:
    with pytest.raises(UnknownNameError) as raised:
        network().params["nope"]
    assert str(raised.value).startswith("network.params has no 'nope'; it has first.weight, ")
    assert network().params.get("nope") is None
    with pytest.raises(KeyError, match=r"^network\.state has no 'nope'; it has nothing\.$"):
        network().state["nope"]


@pytest.mark.parametrize(
    ("head", "labels", "loss"),
    [
        (None, [0], SoftmaxCrossEntropy()),
        ("softmax", [0], SoftmaxCrossEntropy()),
        ("scores", [0], Hinge()),
        ("linear", [[0.5, 2.0]], MeanSquaredError()),
        ("sigmoid", [[0, 1]], BinaryCrossEntropy()),
    ],
)
def test_inspect_takes_the_loss_of_the_head(head: str | None, labels: Any, loss: Loss) -> None:
    net = Network([Affine(2)], 3)
    net.head = head
    x = np.ones((1, 3))
    assert net.inspect(x, labels=labels).loss == net.inspect(x, labels=labels, loss=loss).loss


# -- predicting -----------------------------------------------------------------------------------


def test_predict_in_batches_equals_predict_at_once() -> None:
    net = network(dtype="float64")
    np.testing.assert_allclose(net.predict(images(), batch_size=3), net.predict(images()))
    assert net.predict(images(0)).shape == (0, 3)


def test_probabilities_and_classes() -> None:
    net = network()
    p = net.predict_proba(images())
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-6)
    assert np.array_equal(p.argmax(axis=1), net.predict_classes(images()))


def test_one_logit_gives_two_probabilities() -> None:
    net = Network([Affine(1)], 3)
    x = np.random.default_rng(0).normal(size=(9, 3))
    p = net.predict_proba(x)
    assert p.shape == (9, 2)
    assert np.array_equal(p[:, 1] > 0.5, net.predict_classes(x) == 1)


def test_a_network_that_ends_in_softmax_is_not_put_through_it_again() -> None:
    net = Network([Affine(3), Softmax()], 3)
    x = np.ones((2, 3))
    assert np.array_equal(net.predict_proba(x), net.predict(x))


def test_a_regression_has_no_probabilities() -> None:
    net = network()
    net.head = "linear"
    with pytest.raises(InvalidValueError, match=r"head 'linear'.*no logits. Use predict\(\)"):
        net.predict_proba(images())
    with pytest.raises(InvalidValueError, match=r"one class per row. Use predict\(\)"):
        net.predict_classes(images())


def test_several_questions_have_no_single_class() -> None:
    net = network()
    net.head = "sigmoid"
    assert net.predict_proba(images()).shape == (7, 3)
    with pytest.raises(InvalidValueError, match=r"Use predict_proba\(x\) > 0\.5"):
        net.predict_classes(images())


# -- looking --------------------------------------------------------------------------------------


def test_inspect_shows_every_output_and_gradient() -> None:
    net = network(dtype="float64")
    labels = np.array([0, 1, 2, 0, 1, 2, 0])
    seen = net.inspect(images(), labels=labels)
    assert list(seen.outputs) == [
        "rescale_1",
        "flatten_1",
        "first",
        "skip.body.affine_1",
        "skip.body.relu_1",
        "skip.body",
        "skip",
        "last",
    ]
    assert np.array_equal(seen.outputs["last"], net.predict(images()))
    assert set(seen.gradients) == set(seen.outputs)
    assert all(seen.gradients[name].shape == seen.outputs[name].shape for name in seen.outputs)
    loss, saved = SoftmaxCrossEntropy().forward(seen.outputs["last"], labels=labels)
    assert seen.loss == float(loss)
    (expected,) = SoftmaxCrossEntropy().backward(1.0, saved)
    assert np.array_equal(seen.gradients["last"], expected)
    assert list(seen.grads) == sorted(seen.grads, key=list(seen.grads).index)
    assert set(seen.grads) == set(net.params)


def test_inspect_without_labels_has_outputs_only() -> None:
    seen = network().inspect(images())
    assert seen.gradients == {}
    assert seen.loss is None


def test_summary_counts() -> None:
    summary = network().summary()
    assert summary.parameters == 6 * 5 + 5 + 5 * 5 + 5 + 5 * 3 + 3
    assert "skip.body.affine_1" in str(summary)
    assert "(N, 3)" in str(summary)
    frozen = network()
    frozen.layers[2].freeze()
    assert frozen.summary().trainable == summary.parameters - 35
    assert "first (frozen)" in str(frozen.summary())


def test_a_copy_is_independent() -> None:
    net = network()
    twin = net.copy()
    net.params["last.weight"] *= 0
    assert twin.params["last.weight"].any()
    assert twin.layers[-1].params["weight"] is twin.params["last.weight"]


# -- files ----------------------------------------------------------------------------------------


def test_a_saved_network_predicts_the_same_bits_in_another_process(tmp_path: Path) -> None:
    net = network()
    path = tmp_path / "network.safetensors"
    net.save(path)
    np.save(tmp_path / "x.npy", images())
    program = (
        "import sys, numpy as np; from handgrad import Network; n = Network.load(sys.argv[1]);"
        "sys.stdout.buffer.write(n.predict(np.load(sys.argv[2])).tobytes())"
    )
    arguments = [sys.executable, "-c", program, str(path), str(tmp_path / "x.npy")]
    came = subprocess.run(arguments, check=True, capture_output=True).stdout
    assert came == net.predict(images()).tobytes()


def test_loading_keeps_everything(tmp_path: Path) -> None:
    net = network(dtype="float64")
    net.layers[2].freeze()
    net.head = "softmax"
    net.save(tmp_path / "n.safetensors")
    twin = Network.load(tmp_path / "n.safetensors")
    assert repr(twin.layers) == repr(net.layers)
    assert twin.layers[2].frozen
    assert (twin.head, twin.dtype, twin.seed) == ("softmax", net.dtype, 4)
    assert [p.name for p in tmp_path.iterdir()] == ["n.safetensors"]


def test_an_initializer_of_ones_own_can_be_saved(tmp_path: Path) -> None:
    def mine(rng: np.random.Generator, shape: Any, dtype: Any) -> np.ndarray:
        del rng
        return np.full(shape, 0.5, dtype)

    net = Network([Affine(2, init=mine)], 3)
    net.save(tmp_path / "n.safetensors")
    twin = Network.load(tmp_path / "n.safetensors")
    assert np.array_equal(twin.predict(np.ones((1, 3))), net.predict(np.ones((1, 3))))


class Doubler(Layer):
    """A layer of a user's own."""

    def build(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return input_shape

    def forward(self, x: np.ndarray, *, training: bool) -> tuple[np.ndarray, None]:
        return 2 * x, None

    def backward(self, dy: np.ndarray, saved: None) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        return 2 * dy, {}


def test_a_layer_of_ones_own_is_found(tmp_path: Path) -> None:
    Network([Doubler()], 3).save(tmp_path / "n.safetensors")
    twin = Network.load(tmp_path / "n.safetensors")
    assert twin.predict(np.ones((1, 3))).tolist() == [[2, 2, 2]]


def saved_file(tmp_path: Path) -> Path:
    path = tmp_path / "network.safetensors"
    network().save(path)
    return path


def rewrite(path: Path, change: Any) -> None:
    """Change the JSON description in a file's header, leaving the arrays as they are."""
    raw = path.read_bytes()
    (size,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + size])
    description = json.loads(header["__metadata__"]["handgrad"])
    changed = change(description)
    if isinstance(changed, dict):  # an attacker can compute a checksum too
        changed["sha256"] = digest(load_file(path), changed)
    header["__metadata__"]["handgrad"] = (
        changed if isinstance(changed, str) else json.dumps(changed)
    )
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + raw[8 + size :])


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(FileAccessError, match=r"nope\.safetensors: it does not exist"):
        Network.load(tmp_path / "nope.safetensors")
    with pytest.raises(FileAccessError, match="it is a folder"):
        Network.load(tmp_path)


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_a_file_cut_short(tmp_path: Path, keep: int) -> None:
    path = saved_file(tmp_path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(FileFormatError, match=r"not a whole safetensors file.*another copy"):
        Network.load(path)


def test_a_text_file(tmp_path: Path) -> None:
    path = tmp_path / "network.safetensors"
    path.write_text("I am not a network, but I am quite long, so that there is a header.")
    with pytest.raises(FileFormatError, match="not a whole safetensors file"):
        Network.load(path)


def test_one_flipped_bit_of_a_weight(tmp_path: Path) -> None:
    path = saved_file(tmp_path)
    raw = bytearray(path.read_bytes())
    raw[-3] ^= 1
    path.write_bytes(raw)
    with pytest.raises(FileFormatError, match="checksum"):
        Network.load(path)


def test_arrays_of_somebody_else(tmp_path: Path) -> None:
    save_file({"a": np.zeros(3)}, tmp_path / "n.safetensors")
    with pytest.raises(FileFormatError, match="no network of handgrad"):
        Network.load(tmp_path / "n.safetensors")


def hostile_width(description: dict[str, Any]) -> dict[str, Any]:
    description["layers"][-1]["options"]["features"] = 10**15
    return description


def unknown_type(description: dict[str, Any]) -> dict[str, Any]:
    description["layers"][0]["type"] = "os.system"
    return description


def unknown_option(description: dict[str, Any]) -> dict[str, Any]:
    description["layers"][2]["options"]["command"] = "rm"
    return description


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            hostile_width,
            r"needs for 'params/last.bias' float32 \(10{15},\), but the file has float32 \(3,\)",
        ),
        (unknown_type, "type 'os.system', which is not known"),
        (unknown_option, "options of the layer Affine are not usable"),
        (lambda d: {**d, "layers": 3}, "cannot be built"),
        (lambda d: {**d, "layers": [7]}, "not the description of a layer: 7"),
        (lambda d: {**d, "dtype": "object"}, "cannot be built"),
        (lambda d: {**d, "input_shape": [10**18, 10**18]}, "cannot be built|architecture needs"),
        (lambda d: {**d, "head": 5}, "head"),
        (lambda d: {**d, "seed": -1}, "cannot be built: Network: seed must be at least 0"),
        (lambda d: {**d, "seed": "x"}, "cannot be built: Network: seed must be a whole number"),
        (lambda d: {k: v for k, v in d.items() if k != "seed"}, "cannot be built: 'seed'"),
        (lambda d: {**d, "format": 99}, "has format 99.*Update handgrad"),
        (lambda _: [], "not a JSON object"),
        (lambda _: "[" * 100_000, "not valid JSON"),
        (lambda _: "nonsense", "not valid JSON"),
    ],
)
def test_a_hostile_description(tmp_path: Path, change: Any, message: str) -> None:
    path = saved_file(tmp_path)
    rewrite(path, change)
    with pytest.raises(FileFormatError, match=message):
        Network.load(path)


def test_an_unwritable_folder(tmp_path: Path) -> None:
    with pytest.raises(FileAccessError, match=r"cannot write .*No such file"):
        network().save(tmp_path / "nowhere" / "n.safetensors")
