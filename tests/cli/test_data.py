import contextlib
import gzip
import hashlib
import io
import json
import re
import signal
from pathlib import Path

import pytest

import mirror_server as servers
from command_line import call, interrupt_when, start
from handgrad.cli import main
from handgrad.data.mirrors import SETS, RemoteFile, RemoteSet

CONTENT = gzip.compress(bytes(range(256)) * 50, mtime=0)
FILES = {"small.gz": CONTENT}


@pytest.fixture(autouse=True)
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RemoteSet:
    files = (RemoteFile("small.gz", len(CONTENT), hashlib.sha256(CONTENT).hexdigest()),)
    found = RemoteSet(
        "small", "a set", "nobody", "small", files, ("http://no.invalid/",), "f({own})"
    )
    monkeypatch.setitem(SETS, "small", found)
    monkeypatch.setenv("HANDGRAD_DATA", str(tmp_path))
    return found


def test_list(tmp_path: Path) -> None:
    done = call("data", "list")
    assert (done.status, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0].split() == ["mnist", "11.6", "MB", "comes", "with", "handgrad"]
    assert lines[3].split() == ["fashion_mnist", "30.9", "MB", "not", "here"]
    assert f"They are kept in {tmp_path}" in lines
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "small.gz").write_bytes(CONTENT)
    assert re.search(r"^small +0\.0 MB  here$", call("data", "list").out, re.MULTILINE)
    rows = json.loads(call("data", "list", "--json").out)
    assert [row["name"] for row in rows if row["here"]] == ["small"]


def test_help_where_nothing_is_named() -> None:
    done = call("data")
    assert done.status == 0
    assert all(word in done.out for word in ("list", "get", "doctor"))


def test_get(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with servers.mirror(FILES, bad=servers.web_page) as server:
        monkeypatch.setenv("HANDGRAD_MIRRORS", f"{server.base('bad')} {server.base('good')}")
        done = call("data", "get", "small")
        assert (done.status, done.err) == (0, "")  # quiet in a pipe
        assert f"small: 1 file, 0.0 MB, whole, in {tmp_path / 'small'}" in done.out
        assert done.out.endswith("        f()\n")
        own = tmp_path / "my own"
        done = call("data", "get", "SMALL", "--folder", own, "--json")
        assert json.loads(done.out) == {
            "set": "small",
            "folder": str(own),
            "bytes": len(CONTENT),
            "use": f"f(folder={str(own)!r})",
        }
    assert (own / "small.gz").read_bytes() == CONTENT


def test_get_where_no_mirror_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with servers.mirror(FILES, bad=servers.status(403)) as server:
        monkeypatch.setenv("HANDGRAD_MIRRORS", server.base("bad"))
        done = call("data", "get", "small")
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("handgrad: small.gz: none of its 1 mirrors has it: 127.0.0.1:")
    assert "answers 403 Forbidden. Try again later" in done.err
    assert len(done.err.splitlines()) == 1


def test_wrong_use() -> None:
    done = call("data", "get", "imagenet")
    assert done.status == 2
    assert "data: the set must be one of mnist, fashion_mnist" in done.err
    done = call("data", "doctor", "small", "--timeout", 0)
    assert done.status == 2
    assert "data: --timeout must be in (0, inf), but is 0.0" in done.err


def test_ctrl_c_keeps_what_has_come(tmp_path: Path) -> None:
    part = tmp_path / "fashion_mnist" / "train-images-idx3-ubyte.gz.part"

    def endless(request: servers.Request) -> None:
        request.begin()
        request.wfile.write(b"\x1f\x8b" + bytes(50_000))
        servers.silent(20)(request)

    with servers.mirror({}, any=endless) as server:
        environment = {"HANDGRAD_MIRRORS": server.base("any"), "HANDGRAD_DATA": str(tmp_path)}
        program = start("data", "get", "fashion_mnist", **environment)
        done = interrupt_when(program, lambda: part.exists() and part.stat().st_size > 0)
    assert done.status == 128 + signal.SIGINT
    assert done.out == ""
    assert done.err == (
        "handgrad: stopped by Ctrl-C. What has come so far is kept; "
        "the same command goes on from there.\n"
    )
    assert [path.name for path in part.parent.iterdir()] == [part.name]
    assert part.stat().st_size == 50_002


# -- doctor -------------------------------------------------------------------------------------


def test_doctor_where_all_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    with servers.mirror(FILES, bad=servers.status(503)) as server:
        monkeypatch.setenv("HANDGRAD_MIRRORS", f"{server.base('bad')} {server.base('good')}")
        done = call("data", "doctor", "small")
        assert (done.status, done.err) == (0, "")
        assert done.out.splitlines()[:4] == [
            "small",
            "  small.gz: not here",
            "  Get it with: handgrad data get small",
            f"  mirror {server.base('bad')}small/ answers 503 Service Unavailable",
        ]
        assert f"  mirror {server.base('good')}small/ answers, in 0." in done.out
        call("data", "get", "small")
        report = json.loads(call("data", "doctor", "small", "--json").out)
    assert report["healthy"] is True
    assert report["sets"]["small"]["files"][0]["state"] == "whole"
    assert [each["answers"] for each in report["sets"]["small"]["mirrors"]] == [False, True]


def test_doctor_where_something_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with servers.mirror(FILES, bad=servers.status(503)) as server:
        monkeypatch.setenv("HANDGRAD_MIRRORS", server.base("bad"))
        done = call("data", "doctor", "small")
        assert done.status == 1  # nothing here, and nobody has it
        done = call("data", "doctor", "mnist")
        assert done.status == 0  # it comes with handgrad
        assert "mnist (comes with handgrad; " in done.out
        monkeypatch.setenv("HANDGRAD_MIRRORS", server.base("good"))
        (tmp_path / "small.gz").write_bytes(CONTENT[:-1] + b"x")
        done = call("data", "doctor", "small", "--folder", tmp_path)
    assert done.status == 1
    assert "  small.gz: not the published file: has another SHA-256" in done.out
    assert f"handgrad data get small --folder {tmp_path}" in done.out


def test_doctor_of_several_files(monkeypatch: pytest.MonkeyPatch) -> None:
    def some(request: servers.Request) -> None:
        size = {"train": 26_421_880}.get(request.path.split("/")[-1].split("-")[0])
        if size is None:
            servers.status(404)(request)
        else:
            request.begin(206, Content_Range=f"bytes 0-0/{size}", Content_Length=1)

    with servers.mirror({}, some=some) as server:
        monkeypatch.setenv("HANDGRAD_MIRRORS", server.base("some"))
        done = call("data", "doctor", "fashion_mnist")
    assert done.status == 1
    assert "fashion_mnist/ fails: train-labels-idx1-ubyte.gz offers other bytes" in done.out
    assert "t10k-labels-idx1-ubyte.gz answers 404 Not Found" in done.out


def test_a_bar_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")
    shown = Terminal()
    with servers.mirror(FILES, bad=servers.status(404)) as server:
        monkeypatch.setenv("HANDGRAD_MIRRORS", f"{server.base('bad')} {server.base('good')}")
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(shown):
            assert main(["data", "get", "small"]) == 0
    assert "small.gz" in shown.getvalue()
    assert "answers 404 Not Found" in shown.getvalue()
