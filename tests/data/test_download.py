"""Downloads end with the published file or with the reason why not, whatever a server does."""

import errno
import gzip
import hashlib
import io
import socket
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mirror_server as servers
from handgrad.checks import FileAccessError, HandgradError
from handgrad.data.download import Listener, download, what_is_wrong
from handgrad.data.mirrors import RemoteFile

CONTENT = gzip.compress(np.random.default_rng(0).bytes(40_000), mtime=0)
FILE = RemoteFile("set.gz", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
FILES = {"set.gz": CONTENT}
TIMEOUT = 0.4
HALF = CONTENT[: len(CONTENT) // 2]


class Told(Listener):
    def __init__(self) -> None:
        self.notes: list[str] = []
        self.steps: list[int] = []

    def progress(self, done: int) -> None:
        self.steps.append(done)

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handgrad.data.download.PAUSE", 0)


def get(folder: Path, server: servers.Mirror, *mirrors: str) -> Told:
    """Download, and see that it is the published file and nothing besides it is left."""
    told = Told()
    bases = [server.base(each) for each in mirrors]
    path = download(FILE, folder, bases, timeout=TIMEOUT, listener=told)
    assert path.read_bytes() == CONTENT
    assert [each.name for each in folder.iterdir()] == ["set.gz"]
    return told


# -- what is overcome ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "behaviour",
    [
        servers.whole,
        servers.ignore_ranges,
        servers.close_in_the_middle,
        servers.say_nothing,
        servers.send_more,
        servers.in_chunks,
        servers.redirect("good"),
        servers.at_first(servers.stall(2)),
    ],
)
def test_one_mirror_is_enough(tmp_path: Path, behaviour: servers.Behaviour) -> None:
    with servers.mirror(FILES, one=behaviour) as server:
        told = get(tmp_path / "new" / "folder", server, "one")
    assert told.steps == sorted(told.steps)
    assert told.steps[-1] == len(CONTENT)


def test_a_break_costs_nothing_twice(tmp_path: Path) -> None:
    with servers.mirror(FILES, one=servers.close_in_the_middle) as server:
        told = get(tmp_path, server, "one")
    half = len(CONTENT) // 2
    assert server.ranges("one")[:2] == [None, f"bytes={half}-"]
    assert "breaks off after" in told.notes[0]
    assert told.notes[0].endswith("; asking for the rest")


def test_another_mirror_goes_on_where_one_ended(tmp_path: Path) -> None:
    once = servers.at_first(servers.close_in_the_middle, servers.status(503))
    with servers.mirror(FILES, one=once) as server:
        told = get(tmp_path, server, "one", "two")
    assert server.ranges("two") == [f"bytes={len(HALF)}-"]
    assert told.notes[-1].endswith("answers 503 Service Unavailable")


def test_a_part_from_before_is_gone_on_with(tmp_path: Path) -> None:
    (tmp_path / "set.gz.part").write_bytes(HALF)
    with servers.mirror(FILES) as server:
        get(tmp_path, server, "good")
    assert server.ranges("good") == [f"bytes={len(HALF)}-"]


@pytest.mark.parametrize(
    ("part", "asked"),
    [
        (b"\x1f\x8bwrong", ["bytes=7-", None]),
        (bytes(len(CONTENT)), [None]),
        (bytes(len(CONTENT) + 1), [None]),
        (CONTENT, []),
        (b"", [None]),
    ],
)
def test_a_part_that_is_wrong_or_whole(tmp_path: Path, part: bytes, asked: list[str]) -> None:
    (tmp_path / "set.gz.part").write_bytes(part)
    with servers.mirror(FILES) as server:
        get(tmp_path, server, "good")
    assert server.ranges("good") == asked


def test_a_server_that_cannot_do_parts_sends_it_all(tmp_path: Path) -> None:
    (tmp_path / "set.gz.part").write_bytes(b"\x1f\x8b" + bytes(500))
    with servers.mirror(FILES, one=servers.ignore_ranges) as server:
        get(tmp_path, server, "one")
    assert server.ranges("one") == ["bytes=502-"]


def test_a_server_that_refuses_the_rest_is_asked_for_all(tmp_path: Path) -> None:
    def no_parts(request: servers.Request) -> None:
        (servers.status(416) if request.wanted else servers.whole)(request)

    (tmp_path / "set.gz.part").write_bytes(HALF)
    with servers.mirror(FILES, one=no_parts) as server:
        get(tmp_path, server, "one")


def test_what_is_here_is_not_asked_for(tmp_path: Path) -> None:
    (tmp_path / "set.gz").write_bytes(CONTENT)
    assert download(FILE, tmp_path, []).read_bytes() == CONTENT


def test_what_is_damaged_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "set.gz").write_bytes(HALF)
    with servers.mirror(FILES) as server:
        get(tmp_path, server, "good")


# -- what is refused ----------------------------------------------------------------------------

REFUSED = [
    (servers.status(403), "answers 403 Forbidden"),
    (servers.status(404), "answers 404 Not Found"),
    (servers.status(503), "answers 503 Service Unavailable"),
    (servers.status(204), "answers 204"),
    (servers.status(999), "answers 999"),
    (servers.web_page, "sends a web page instead of the file"),
    (servers.web_page_as_data, "sends something else: b'<!DOCTYPE html>"),
    (servers.redirect("one"), "redirects without end"),
    (servers.redirect_elsewhere, r"answers 302 Found|cannot be talked to"),
    (servers.close_at_once, "closes the connection|cannot be talked to"),
    (servers.nonsense, "cannot be talked to"),
    (servers.say_too_little, r"offers \d+ bytes, not 40,0"),
    (servers.say_too_much, r"offers \d+ bytes, not 40,0"),
    (servers.wrong_part, r"offers other bytes than asked for \('bytes 7-"),
    (servers.other_total, r"offers other bytes than asked for \('bytes 0-"),
    (servers.another_file, "sends another file: its SHA-256 is not the published one"),
    (servers.silent(2), r"does not answer within 0\.4 s"),
    (servers.trickle(0.05, 2), r"sends only \d+ bytes in 0\.4 s"),
    (servers.ignore_ranges_and_close, r"breaks off after 30,0\d\d of 40,0\d\d bytes"),
    (servers.in_chunks_and_close, r"breaks off after \d"),
]


@pytest.mark.parametrize(("behaviour", "reason"), REFUSED)
def test_bad_mirrors_are_left_for_good_ones(
    tmp_path: Path, behaviour: servers.Behaviour, reason: str
) -> None:
    with servers.mirror(FILES, one=behaviour) as server:
        told = get(tmp_path, server, "one", "good")
        assert len(told.notes) >= 1
        with pytest.raises(
            FileAccessError,
            match=rf"^set\.gz: none of its 1 mirrors has it: 127\.0\.0\.1:\d+ ({reason}).*Try",
        ):
            get(tmp_path / "again", server, "one")
    assert not (tmp_path / "again" / "set.gz").exists()


def test_good_bytes_outlive_a_bad_mirror(tmp_path: Path) -> None:
    (tmp_path / "set.gz.part").write_bytes(HALF)
    for behaviour in (servers.web_page_as_data, servers.web_page, servers.status(404)):
        with servers.mirror(FILES, one=behaviour) as server, pytest.raises(FileAccessError):
            get(tmp_path, server, "one")
        assert (tmp_path / "set.gz.part").read_bytes() == HALF


def test_all_reasons_are_told(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{unused.getsockname()[1]}/"
    bases = [closed, "http://no.such.host.invalid/"]
    with (
        servers.mirror(FILES, one=servers.status(404)) as server,
        pytest.raises(
            FileAccessError,
            match=r"none of its 3 mirrors .*1:\d+ refuses the connection; no\.such\.host\.invalid "
            r"(is not found|cannot).*; .* answers 404 Not Found\. Try .* put the file into",
        ),
    ):
        download(FILE, tmp_path, [*bases, server.base("one")], timeout=TIMEOUT)


# -- disks, other processes, Ctrl-C -------------------------------------------------------------


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.FileIO):
        def write(self, content: Any) -> int:
            if self.tell() > 10_000:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(content)

    real = Path.open
    monkeypatch.setattr("handgrad.data.download.CHUNK", 4096)
    monkeypatch.setattr(
        Path, "open", lambda path, mode="r": Full(path, mode[0]) if "b" in mode else real(path)
    )
    with (
        servers.mirror(FILES) as server,
        pytest.raises(
            FileAccessError,
            match=r"cannot write .*set\.gz: No space left on device\. .* room for 40,0.* is kept",
        ),
    ):
        get(tmp_path, server, "good")
    assert 0 < (tmp_path / "set.gz.part").stat().st_size < len(CONTENT)


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileAccessError, match=r"cannot write .*set\.gz: (Not a directory|File ex)"):
        download(FILE, tmp_path / "file" / "folder", [])


def test_ctrl_c_leaves_what_has_come(tmp_path: Path) -> None:
    class Stop(Listener):
        def progress(self, done: int) -> None:
            raise KeyboardInterrupt

    with servers.mirror(FILES) as server:
        with pytest.raises(KeyboardInterrupt):
            download(FILE, tmp_path, [server.base("good")], listener=Stop())
        assert CONTENT.startswith((tmp_path / "set.gz.part").read_bytes())
        assert [each.name for each in tmp_path.iterdir()] == ["set.gz.part"]
        get(tmp_path, server, "good")


def test_two_at_once_get_it_once(tmp_path: Path) -> None:
    told = [Told() for _ in range(4)]
    with servers.mirror(FILES, slow=servers.in_chunks) as server:
        bases = [server.base("slow")]
        threads = [
            threading.Thread(target=download, args=(FILE, tmp_path, bases), kwargs={"listener": t})
            for t in told
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(server.asked) == 1
    assert (tmp_path / "set.gz").read_bytes() == CONTENT
    assert [each.name for each in tmp_path.iterdir()] == ["set.gz"]
    assert sum("another process" in "".join(t.notes) for t in told) in range(4)


def test_where_there_are_no_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(_: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("handgrad.data.locks._lock", no_locks)
    (tmp_path / "set.gz.part").write_bytes(b"another process is writing this")
    with servers.mirror(FILES) as server:
        download(FILE, tmp_path, [server.base("good")])
    assert (tmp_path / "set.gz").read_bytes() == CONTENT
    assert (tmp_path / "set.gz.part").read_bytes() == b"another process is writing this"


# -- what is here -------------------------------------------------------------------------------


def test_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "set.gz"
    assert what_is_wrong(path, FILE) == "absent"
    path.write_bytes(HALF)
    assert what_is_wrong(path, FILE) == f"has {len(HALF):,} bytes, not {len(CONTENT):,}"
    path.write_bytes(bytes(len(CONTENT)))
    assert what_is_wrong(path, FILE) == "has another SHA-256"
    path.write_bytes(CONTENT)
    assert what_is_wrong(path, FILE) is None
    assert isinstance(FileAccessError(), HandgradError)
