"""Getting whole sets, and what is known about them and their mirrors."""

import gzip
import hashlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import mirror_server as servers
from handgrad.checks import FileAccessError, InvalidValueError, UnknownNameError
from handgrad.data.mirrors import SETS, RemoteFile, RemoteSet, bases, find_set
from handgrad.data.remote import ask_mirrors, get_set, what_is_here

CONTENTS = {f"{part}.gz": gzip.compress(part.encode() * 999, mtime=0) for part in ("x", "labels")}
SMALL = RemoteSet(
    "small",
    "two files",
    "nobody",
    "small_folder",
    tuple(
        RemoteFile(name, len(content), hashlib.sha256(content).hexdigest())
        for name, content in CONTENTS.items()
    ),
    ("http://mirror.invalid/",),
    "small({own})",
)


@pytest.fixture(autouse=True)
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RemoteSet:
    monkeypatch.setitem(SETS, SMALL.name, SMALL)
    monkeypatch.setenv("HANDGRAD_DATA", str(tmp_path))
    monkeypatch.delenv("HANDGRAD_MIRRORS", raising=False)
    return SMALL


def test_the_published_sets() -> None:
    published = [each for each in SETS.values() if each is not SMALL]
    assert [each.name for each in published] == [
        *("mnist", "fashion_mnist", "cifar10", "cifar10_binary")
    ]
    for each in published:
        assert len(each.mirrors) > 1
        for file in each.files:
            assert re.fullmatch("[0-9a-f]{64}", file.sha256)
            assert file.name.endswith(".gz")
        for base in each.mirrors:
            assert re.fullmatch(r"https?://[\w.-]+/\S*/|http://[\w.-]+/", base), base
    assert SETS["cifar10"].size == 170_498_071


def test_names() -> None:
    assert find_set("Fashion-MNIST") is SETS["fashion_mnist"]
    with pytest.raises(UnknownNameError, match=r"the set must be one of mnist, .*, but is 'imagen"):
        find_set("imagenet")


def test_own_mirrors(monkeypatch: pytest.MonkeyPatch) -> None:
    data = SETS["cifar10"]
    monkeypatch.setenv("HANDGRAD_MIRRORS", "http://a.example http://b.example/sets/")
    assert bases(data) == ["http://a.example/cifar10/", "http://b.example/sets/cifar10/"]
    monkeypatch.setenv("HANDGRAD_MIRRORS", " ")
    assert bases(data) == list(data.mirrors)
    monkeypatch.setenv("HANDGRAD_MIRRORS", "file:///etc")
    with pytest.raises(InvalidValueError, match=r"HANDGRAD_MIRRORS must hold addresses .*'file:"):
        bases(data)


def test_a_set_comes_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with servers.mirror(CONTENTS, bad=servers.status(503)) as server:
        mirrors = f"{server.base('bad')} {server.base('good')}"
        monkeypatch.setenv("HANDGRAD_MIRRORS", mirrors)
        folder = get_set("small")
        assert folder == tmp_path / "small_folder"
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == CONTENTS
        assert [path for path, _ in server.asked] == [
            "/bad/small/x.gz",
            "/good/small/x.gz",
            "/bad/small/labels.gz",
            "/good/small/labels.gz",
        ]
        assert get_set("small") == folder
        assert len(server.asked) == 4  # nothing is asked for twice
        own = get_set("small", folder=tmp_path / "mine")
        assert sorted(path.name for path in own.iterdir()) == sorted(CONTENTS)


def test_a_set_that_does_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    with servers.mirror(CONTENTS, bad=servers.status(404)) as server:
        monkeypatch.setenv("HANDGRAD_MIRRORS", server.base("bad"))
        with pytest.raises(
            FileAccessError, match=r"^x\.gz: none of its 1 mirrors .* 404 Not Found"
        ):
            get_set("small")


def test_what_is_here(small: RemoteSet, tmp_path: Path) -> None:
    def states() -> list[str]:
        return [f"{file.state}: {file.text}" for file in what_is_here(small, None)]

    folder = tmp_path / "small_folder"
    assert states() == ["absent: not here"] * 2
    assert [file.came for file in what_is_here(small, None)] == [0, 0]
    assert not folder.exists()
    folder.mkdir()
    (folder / "x.gz.part").write_bytes(CONTENTS["x.gz"][:5])
    (folder / "labels.gz").write_bytes(b"<html>")
    assert states() == [
        f"part: 5 of {len(CONTENTS['x.gz'])} bytes have come",
        f"damaged: not the published file: has 6 bytes, not {len(CONTENTS['labels.gz'])}",
    ]
    for name, content in CONTENTS.items():
        (folder / name).write_bytes(content)
    assert states() == ["whole: whole"] * 2
    assert [file.came for file in what_is_here(small, folder)] == [
        len(content) for content in CONTENTS.values()
    ]


@pytest.mark.parametrize(
    ("behaviour", "text"),
    [
        (servers.whole, None),
        (servers.ignore_ranges, None),
        (servers.say_nothing, None),
        (servers.status(403), "answers 403 Forbidden"),
        (servers.web_page, "sends a web page instead of the file"),
        (servers.say_too_much, "offers .* bytes, not"),
        (servers.silent(1), r"does not answer within 0\.3 s"),
    ],
)
def test_mirrors_are_asked(
    small: RemoteSet,
    behaviour: servers.Behaviour,
    text: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with servers.mirror(CONTENTS, one=behaviour) as server:
        monkeypatch.setenv("HANDGRAD_MIRRORS", f"{server.base('one')} {server.base('two')}")
        answers = ask_mirrors(small, timeout=0.3)
    assert [(each.mirror, each.file) for each in answers] == [
        (f"{server.base(mirror)}small/", name) for mirror in ("one", "two") for name in CONTENTS
    ]
    assert all(each.answers for each in answers[2:])
    for each in answers[:2]:
        assert each.answers is (text is None)
        assert re.match(text or "answers$", each.text)
        assert each.seconds < 1
    assert set(server.ranges("one")) == {"bytes=0-0"}


def test_two_processes_at_once(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from handgrad.data.download import download; "
        "from handgrad.data.mirrors import RemoteFile; name, size, sha, base, folder = sys.argv[1:]"
        "; download(RemoteFile(name, int(size), sha), Path(folder), [base])"
    )
    file = SMALL.files[0]

    def slowly(request: servers.Request) -> None:
        servers.trickle(0.01, 0.2)(request)  # then it closes: the rest is asked for
        request.server.behave.clear()  # pyright: ignore[reportAttributeAccessIssue]

    with servers.mirror(CONTENTS, slow=slowly) as server:
        arguments = [file.name, str(file.size), file.sha256, server.base("slow"), str(tmp_path)]
        both = [subprocess.Popen([sys.executable, "-c", program, *arguments]) for _ in range(2)]
        assert [process.wait(30) for process in both] == [0, 0]
        assert len([1 for _, range_ in server.asked if range_ is None]) == 1
    assert (tmp_path / file.name).read_bytes() == CONTENTS[file.name]
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_loading_never_asks_for_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from handgrad.data import cifar10, fashion_mnist

    monkeypatch.setenv("HANDGRAD_DATA", str(tmp_path))
    with servers.mirror({}) as server:
        monkeypatch.setenv("HANDGRAD_MIRRORS", server.base("any"))
        for load in (cifar10, fashion_mnist):
            with pytest.raises(FileAccessError, match="Get it with: handgrad data get"):
                load()
        assert not server.asked
