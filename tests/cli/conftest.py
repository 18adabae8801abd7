"""What the tests of the command line share: one small run, and an empty folder."""

import functools
from pathlib import Path

import pytest

from command_line import call
from handgrad.data import mnist

read_mnist = functools.cache(mnist)


def no_pictures_drawn(*_: object) -> None:
    """Stands in for what draws the pictures."""


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small finished run."""
    folder = tmp_path_factory.mktemp("runs") / "small"
    done = call("train", "mnist", "--model", "mlp", "--epochs", 2, "--limit", 1000, "--out", folder)
    assert done.status == 0, done.err
    (folder.parent / "output.txt").write_text(done.out, encoding="utf-8")
    return folder


@pytest.fixture(autouse=True)
def mnist_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read the images once for all commands of this process: they only look at them."""
    monkeypatch.setattr("handgrad.data.mnist", read_mnist)
    monkeypatch.setattr("handgrad.cli.recipe.mnist", read_mnist)


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the pictures out: one run with them is enough."""
    monkeypatch.setattr("handgrad.cli.train.draw_pictures", no_pictures_drawn)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
