"""Pickles are read as data: what Python's own module writes comes back, and nothing ever runs."""

import contextlib
import os
import pickle
import pickletools
import struct
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from handgrad.checks import FileAccessError, FileFormatError, InvalidValueError
from handgrad.data import loads_pickle, read_pickle

rng = np.random.default_rng(0)
shared = [1, 2]
PLAIN = [
    None, True, False, 0, 1, -1, 255, 256, 65535, 65536, -(2**31), 2**31, 2**63, -(2**70), 2**3000,
    0.0, -1.5, 1e300, float("inf"), "", "text", "línea\nzwei \u4e2d \U0001f600", "\ud800",
    "x" * 300,
    b"", b"\x00\xff\n'", b"y" * 300, b"z" * 70000, (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4),
    [], [[], [None]], {}, {"a": 1, 2: [3], None: (4,), b"k": {}, 1.5: "x", (1, "b"): 2},
    [shared, shared, (shared, "s", "s")], list(range(3000)), {str(i): i for i in range(2000)},
]  # fmt: skip
ARRAYS: list[Any] = [
    np.arange(6, dtype=np.float32).reshape(2, 3),
    np.asfortranarray(rng.normal(size=(3, 4))),
    rng.normal(size=(3, 4))[:, ::2],
    rng.normal(size=5).astype(">f8"),
    np.array(3.5),
    np.zeros((0, 4), np.uint8),
    np.array([True, False]),
    np.array([1 + 2j], np.complex64),
    np.array(["ab", "c"]),
    np.array([b"ab", b"c"]),
    np.arange(200000, dtype=np.int16),
    *[np.ones(2, kind) for kind in "bBhHiIlLqQefd"],
]
NUMBERS = [np.float64(1.5), np.float32(-2), np.uint8(255), np.bool_(True), np.str_("a")]
PROTOCOLS = range(6)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_plain_values(protocol: int) -> None:
    for value in PLAIN:
        came = loads_pickle(pickle.dumps(value, protocol))
        assert came == value
        assert type(came) is type(value)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_arrays(protocol: int) -> None:
    for array in ARRAYS:
        content = pickle.dumps(array, protocol)
        came, own = loads_pickle(content), pickle.loads(content)  # noqa: S301  (written just now)
        np.testing.assert_array_equal(came, array)
        assert (came.dtype, came.shape) == (array.dtype, array.shape)
        assert came.dtype.byteorder == array.dtype.byteorder  # (some NumPys make it native)
        assert came.flags.f_contiguous == own.flags.f_contiguous
        assert came.flags.writeable
        assert came.flags.owndata


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_numbers_of_numpy_and_dtypes(protocol: int) -> None:
    for value in [*NUMBERS, np.dtype("f4"), np.dtype(">i8"), np.dtype("U7")]:
        came = loads_pickle(pickle.dumps({"v": [value, value]}, protocol))["v"]
        assert came == [value, value]
        assert type(came[0]) is type(value)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_is_shared_stays_shared(protocol: int) -> None:
    array = np.arange(3.0)
    loop: list[Any] = [array, {"same": array}]
    loop.append(loop)
    came = loads_pickle(pickle.dumps(loop, protocol))
    assert came[0] is came[1]["same"]
    assert came[2] is came
    np.testing.assert_array_equal(came[0], array)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_both_numpys_names(protocol: int) -> None:
    content = pickle.dumps([np.arange(3), np.float32(2)], protocol)
    old = content.replace(b"numpy._core.", b"numpy.core.")
    if protocol >= 4:  # there names have their length before them
        for name in (b"multiarray", b"numeric"):
            module = b"numpy.core." + name
            old = old.replace(bytes([len(module) + 1]) + module, bytes([len(module)]) + module)
    assert old != content
    came = loads_pickle(old)
    np.testing.assert_array_equal(came[0], np.arange(3))
    assert came[1] == 2


# -- Python 2 -----------------------------------------------------------------------------------


def python2_array(raw: bytes, key: bytes = b"data") -> bytes:
    """{key: uint8 array}, as Python 2's cPickle wrote it in protocol 2 (CIFAR-10's files)."""
    return (
        b"\x80\x02}q\x01U" + bytes([len(key)]) + key
        + b"q\x02cnumpy.core.multiarray\n_reconstruct\n"
        b"q\x03cnumpy\nndarray\nq\x04K\x00\x85U\x01b\x87Rq\x05(K\x01K" + bytes([len(raw)])
        + b"\x85cnumpy\ndtype\nq\x06U\x02u1K\x00K\x01\x87Rq\x07(K\x03U\x01|NNNJ\xff\xff\xff\xff"
        b"J\xff\xff\xff\xffK\x00tb\x89T" + struct.pack("<i", len(raw)) + raw + b"tbs."
    )  # fmt: skip


@pytest.mark.parametrize(("encoding", "key"), [("latin1", "data"), ("bytes", b"data")])
def test_an_array_of_python_2(encoding: str, key: str | bytes) -> None:
    content = python2_array(bytes(range(250)))
    came = loads_pickle(content, encoding=encoding)
    assert list(came) == [key]
    np.testing.assert_array_equal(came[key], np.arange(250, dtype=np.uint8))
    ((_, own),) = pickle.loads(content, encoding=encoding).items()  # noqa: S301  (written just now)
    np.testing.assert_array_equal(came[key], own)


def test_protocol_0_of_python_2() -> None:
    content = b"(dp1\nS'label_names'\np2\n(lp3\nS'air\\xe9\\\\\\'\\n'\np4\naI01\naL12L\na"
    content += b'sS"n\'s"\nF2.5\ns.'
    assert loads_pickle(content) == {"label_names": ["air\xe9\\'\n", True, 12], "n's": 2.5}
    assert loads_pickle(content, encoding="bytes")[b"label_names"][0] == b"air\xe9\\'\n"


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_data_is_not_text(encoding: str) -> None:
    with pytest.raises(
        FileFormatError,
        match=rf"pickle: a string of Python 2 is not {encoding} .*encoding='latin1' or 'bytes'",
    ):
        loads_pickle(python2_array(b"\xff\x00"), encoding=encoding)
    assert loads_pickle(python2_array(b"ab"), encoding=encoding)["data"].tolist() == [97, 98]


# -- what is refused ----------------------------------------------------------------------------


class Evil:
    def __reduce__(self) -> Any:
        return os.mkdir, ("ran",)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("value", "name"),
    [
        (Evil(), rf"{os.mkdir.__module__}\.mkdir"),
        ([1, {"deep": Evil()}], "mkdir"),
        (OrderedDict(a=1), r"collections\.OrderedDict"),
        (print, r"(__builtin__|builtins)\.print"),
        ({1, 2}, "set"),
        (frozenset({1}), "frozenset"),
        (1 + 2j, "complex"),
        (range(3), "range"),
        (Path("x"), "pathlib"),
        (np.random.default_rng(0), r"numpy\.random"),
        (np.ma.masked_array([1], [True]), r"numpy\.ma"),
        (np.zeros(1).view(np.recarray), r"numpy.*recarray"),
    ],
)  # fmt: skip
def test_everything_else_is_refused_by_name(
    protocol: int, value: object, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileFormatError, match=rf"mine: .*{name}.* not read\. .*save the arrays"):
        loads_pickle(pickle.dumps(value, protocol), name="mine")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array([None, 1], object), "holds Python objects"),
        (np.zeros(1, "i4,f8"), "has dtype V12"),
        (np.zeros(1, "M8[s]"), "has dtype M8"),
    ],
)
def test_arrays_of_anything_else_are_refused(protocol: int, array: Any, message: str) -> None:
    with pytest.raises(FileFormatError, match=message):
        loads_pickle(pickle.dumps(array, protocol))


BLANK = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"
F8 = b"cnumpy\ndtype\n(S'f8'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntb"
NAMED = [
    (b"(ios\nsystem\n.", r"an object \(INST\)"),
    (b"(cos\nsystem\n.", r"asks for os\.system"),
    (b"cnumpy\nload\n.", r"asks for numpy\.load"),
    (b"cnumpy.core\nmultiarray._reconstruct\n.", r"numpy\.core\.multiarray\._reconstruct"),
    (b"c\nos\n.", r"asks for \.os"),
    (b"K\x01K\x02\x93.", r"asks for 1\.2"),
    (b"cnumpy\nndarray\n.", r"it holds numpy\.ndarray, which is not read"),
    (b"]cnumpy\ndtype\na.", r"it holds numpy\.dtype, which"),
    (BLANK + b".", "it holds an array without content, which"),
    (BLANK + b"p0\n\x85.", "it holds an array without content, which"),
    (b"\x80\x06N.", "protocol must be 0 to 5, but is 6"),
    (b"P0\n.", r"outside the file \(PERSID\)"),
    (b"NQ.", r"outside the file \(BINPERSID\)"),
    (b"\x97.", r"outside the file \(NEXT_BUFFER\)"),
    (b"\x82\x01.", r"extension \(EXT1\)"),
    (b"N)\x81.", r"an object \(NEWOBJ\)"),
    (b"\x8f.", "a set"),
    (b"}]Ns.", "a key is a list"),
    (b"}]\x85Ns.", "a key is a tuple"),
    (b"}cnumpy\ndtype\nNs.", "a key is a Global"),
]
DAMAGED = [
    (b"", "1 bytes should follow"),
    (b".", "pop from empty list"),
    (b"N", "1 bytes should follow"),
    (b"\xffN.", "no instruction"),
    (b"X\xff\xff\xff\xffab.", "4,294,967,295 bytes should follow"),
    (b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7fab.", "bytes should follow"),
    (b"T\xff\xff\xff\xff.", "-1 bytes should follow"),
    (b"\x8b\xff\xff\xff\xff.", "-1 bytes should follow"),
    (b"Iabc\n.", "invalid literal"),
    (b"L" + b"9" * 5000 + b"L\n.", "Exceeds the limit"),
    (b"Fabc\n.", "could not convert"),
    (b"S'abc\n.", "no quotes"),
    (b"S'\n.", "no quotes"),
    (b"S'\\u4e2d'\n.", "escape"),
    (b"S'\\\\\\q'\n.", "escape"),
    (b"S'\\'\n.", r"at end of string"),
    (b"X\x01\x00\x00\x00\xff.", "utf-8"),
    (b"I1", "not found"),
    (b"h\x05.", "5"),
    (b"g5\n.", "5"),
    (b"q\x00.", "out of range"),
    (b"a.", "pop from empty"),
    (b"Na.", "out of range"),
    (b"NNa.", "no list"),
    (b"NNNs.", "no dict"),
    (b"}(Nu.", "no dict, or a key has no value"),
    (b"e.", "pop from empty"),
    (b"N\x86.", "a value is missing"),
    (b"NNR.", "no function"),
    (b"NNb.", "what is filled is no array"),
    (b"cnumpy\nndarray\n)R.", "made in another way"),
    (b"cnumpy\ndtype\nNR.", "no function"),
    (b"cnumpy\ndtype\n)R.", "argument"),
    (b"cnumpy\ndtype\nK\x01\x85R.", "no name"),
    (b"cnumpy\ndtype\n(S'f8'\nI0\nI1\ntR(I3\nS'?'\nNNNtb.", "byte order"),
    (b"cnumpy\ndtype\n(S'f8'\nI0\nI1\ntR(I3\nS'<'\n}NNtb.", "byte order or fields"),
    (b"cnumpy\ndtype\n(S'f8'\nI0\nI1\ntR(I3\nS'<'\nNN}tb.", "byte order or fields"),
    (b"c_codecs\nencode\n(Vx\nVrot13\ntR.", "encoded in another way"),
    (BLANK.replace(b"cnumpy\nndarray\n", b"N") + b".", "class of its own"),
    (BLANK + b"Nb.", "no array"),
    (BLANK + b"(I1\n(I1\nt" + F8 + b"I00\nS'abc'\ntb.", "array of 8 bytes has 3"),
    (BLANK + b"(I1\n(I-1\nt" + F8 + b"I00\nS'abc'\ntb.", "of another kind"),
    (BLANK + b"(I1\nN" + F8 + b"I00\nS'abc'\ntb.", "of another kind"),
    (BLANK + b"(I1\n(I1\ntNI00\nS'abcdefgh'\ntb.", "of another kind"),
    (BLANK + b"(I1\n(I1\nt" + F8 + b"I00\nNtb.", "of another kind"),
    (BLANK + b"(I1\n(" + b"I1\n" * 99 + b"t" + F8 + b"I00\nS'abcdefgh'\ntb.", "dimension"),
    (BLANK + b"(I1\n(I0\nL" + b"9" * 40 + b"L\nt" + F8 + b"I00\nS''\ntb.", ""),
    (b"<html>", "no instruction"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "message"), NAMED)
def test_names_and_objects(content: bytes, message: str) -> None:
    with pytest.raises(FileFormatError, match=rf"^pickle: .*{message}"):
        loads_pickle(content)


@pytest.mark.parametrize(("content", "message"), DAMAGED)
def test_damage(content: bytes, message: str) -> None:
    with pytest.raises(
        FileFormatError,
        match=rf"(?s)^pickle: it is no pickle, or a damaged one \(.*{message}.*; byte [\d,]+ of",
    ):
        loads_pickle(content)


def test_any_cut_and_any_changed_byte_gives_a_value_or_an_error() -> None:
    content = pickle.dumps({"w": np.arange(4.0), "names": ["a", b"b", 3]}, 2)
    for place in range(len(content)):
        with pytest.raises(FileFormatError, match="pickle"):
            loads_pickle(content[:place])
    noise = np.random.default_rng(1)
    for _ in range(3000):
        changed = bytearray(content)
        changed[noise.integers(len(content))] = noise.integers(256)
        with contextlib.suppress(FileFormatError):
            loads_pickle(bytes(changed))


def test_deep_values_need_no_recursion() -> None:
    deep = loads_pickle(b"]" * 100_000 + b"a" * 99_999 + b".")
    for _ in range(99_999):
        (deep,) = deep
    assert deep == []


def test_every_instruction_is_known() -> None:
    from handgrad.data.pickle_machine import INSTRUCTIONS

    known = {code.decode("latin1") for code in INSTRUCTIONS} | {"."}
    assert known == {opcode.code for opcode in pickletools.opcodes}


# -- files --------------------------------------------------------------------------------------


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "weights.pkl"
    path.write_bytes(pickle.dumps({"W1": np.eye(2, dtype=np.float32)}))
    np.testing.assert_array_equal(read_pickle(path)["W1"], np.eye(2))
    path.write_bytes(b"junk")
    with pytest.raises(FileFormatError, match=r"weights\.pkl: it is no pickle"):
        read_pickle(str(path))
    with pytest.raises(FileAccessError, match=r"absent\.pkl: cannot be read \(No such file"):
        read_pickle(tmp_path / "absent.pkl")
    with pytest.raises(InvalidValueError, match="encoding must be one of ascii, bytes, latin1"):
        read_pickle(path, encoding="rot13")
