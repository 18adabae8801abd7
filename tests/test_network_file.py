import hashlib
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import SafetensorError

from handgrad import Affine, Layer, Network, Relu, Rescale, Residual
from handgrad.checks import FileAccessError, FileFormatError
from handgrad.network_file import digest, read_network, write_network


def network() -> Network:
    return Network([Affine(4), Relu(), Affine(3, name="last")], 3, seed=4)


def test_a_shared_layer_is_shared_in_the_file_too(tmp_path: Path) -> None:
    shared = Affine(3)
    net = Network([shared, Relu(), Residual(shared_inside := Affine(3), shared_inside), shared], 3)
    net.save(tmp_path / "n.safetensors")
    again = Network.load(tmp_path / "n.safetensors")
    assert list(again.params) == list(net.params)
    assert again.layers[0] is again.layers[3]
    x = np.ones((2, 3))
    assert np.array_equal(again.predict(x), net.predict(x))


def test_a_layer_of_ones_own_does_not_pass_for_one_of_handgrad(tmp_path: Path) -> None:
    path = tmp_path / "n.safetensors"
    own = type("Affine", (Doubled,), {})
    Network([own()], 3).save(path)
    assert isinstance(Network.load(path).layers[0], own)
    newer = type("Affine", (Doubled,), {})  # a notebook's cell, run again
    assert isinstance(Network.load(path).layers[0], newer)


class Doubled(Layer):
    """A layer of a user's own."""

    def build(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return input_shape

    def forward(self, x: np.ndarray, *, training: bool) -> tuple[np.ndarray, None]:
        del training
        return 2 * x, None


@pytest.mark.parametrize(
    "change",
    [
        lambda arrays: {"state" + k[6:] if "last" in k else k: v for k, v in arrays.items()},
        lambda arrays: {"evil" + k[6:] if "last" in k else k: v for k, v in arrays.items()},
        lambda arrays: {**arrays, "other": np.zeros(3, np.float32)},
        lambda arrays: {k: v for k, v in arrays.items() if k != "params/last.bias"},
        lambda arrays: {k: v.astype(np.float64) for k, v in arrays.items()},
        lambda arrays: {k: v.astype(np.int32) for k, v in arrays.items()},
    ],
)
def test_arrays_that_do_not_fit_the_architecture(tmp_path: Path, change: Any) -> None:
    path = tmp_path / "n.safetensors"
    network().save(path)
    arrays, description = read_network(path)
    write_network(path, change(arrays), description)
    with pytest.raises(FileFormatError, match=r"architecture needs for '.*' .*, but the file has"):
        Network.load(path)


@pytest.mark.parametrize("again", [1, -1, 0.0, "0", [0], 10**30])
def test_a_layer_that_comes_again_before_it_comes(tmp_path: Path, again: Any) -> None:
    path = tmp_path / "n.safetensors"
    Network([Relu(), Relu()], 3).save(path)
    arrays, description = read_network(path)
    description["layers"][1] = {"again": again}
    write_network(path, arrays, description)
    with pytest.raises(FileFormatError, match=r"layer .* comes again before it comes"):
        Network.load(path)


@pytest.mark.parametrize("name", ["", ".", "a\0b"])
def test_saving_under_what_is_no_file_name(name: str) -> None:
    with pytest.raises(FileAccessError, match=r"cannot write .*: it is not the name of a file"):
        network().save(name)


def test_saving_where_a_file_is_in_the_way_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("here")
    with pytest.raises(
        FileAccessError, match=r"cannot write .*: Not a directory\. Choose a folder"
    ):
        network().save(tmp_path / "file" / "n.safetensors")


def test_saving_under_the_longest_name_that_a_folder_takes(tmp_path: Path) -> None:
    network().save(tmp_path / ("n" * 243 + ".safetensors"))
    with pytest.raises(FileAccessError, match=r"cannot write .*: File name too long"):
        network().save(tmp_path / ("n" * 256))
    assert len(list(tmp_path.iterdir())) == 1


def test_a_disk_that_fills_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device")

    monkeypatch.setattr("safetensors.numpy.save_file", full)
    with pytest.raises(FileAccessError, match=r"No space left.*on a disk with room"):
        network().save(tmp_path / "n.safetensors")
    assert not list(tmp_path.iterdir())


def test_a_changed_digit_of_the_description_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "n.safetensors"
    Network([Rescale(0.25), Affine(2)], 3).save(path)
    raw = path.read_bytes()
    assert raw.count(b"0.25") == 1
    path.write_bytes(raw.replace(b"0.25", b"0.75"))
    with pytest.raises(FileFormatError, match="does not have the checksum"):
        Network.load(path)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
def test_others_may_read_a_saved_network_as_they_may_read_other_files(tmp_path: Path) -> None:
    network().save(tmp_path / "n.safetensors")
    (tmp_path / "other").touch()
    modes = {file.stat().st_mode for file in tmp_path.iterdir()}
    assert len(modes) == 1


def test_a_dtype_that_numpy_has_not(tmp_path: Path) -> None:
    path = tmp_path / "n.safetensors"
    header = b'{"x":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]}}'
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"\0\0")
    with pytest.raises(FileFormatError, match="has arrays that NumPy cannot hold"):
        Network.load(path)


def test_a_checksum_copies_no_array() -> None:
    arrays = {"whole": np.ones((1000, 100)), "empty": np.ones((0, 3)), "number": np.array(2.0)}
    tracemalloc.start()
    try:
        text = digest(arrays, {})
        assert tracemalloc.get_traced_memory()[1] < arrays["whole"].nbytes / 10
    finally:
        tracemalloc.stop()
    want = hashlib.sha256(b"{}")
    for name, shape in (("empty", (0, 3)), ("number", (1,)), ("whole", (1000, 100))):
        want.update(f"{name} <f8 {shape}\n".encode() + arrays[name].tobytes())
    assert text == want.hexdigest()
