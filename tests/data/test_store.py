import builtins
from pathlib import Path
from typing import Any

import pytest

from handgrad.data import data_folder


def test_the_variable_names_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDGRAD_DATA", str(tmp_path / "sets"))
    assert data_folder() == tmp_path / "sets"
    monkeypatch.setenv("HANDGRAD_DATA", "~/sets")
    assert data_folder() == Path.home() / "sets"
    assert not (tmp_path / "sets").exists()


def test_without_it_the_system_has_a_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDGRAD_DATA", "")
    folder = data_folder()
    assert folder.is_absolute()
    assert folder.parts[-2:] == ("handgrad", "data")


def test_without_platformdirs_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HANDGRAD_DATA", raising=False)
    real = builtins.__import__

    def without(name: str, *arguments: Any) -> Any:
        if name == "platformdirs":
            raise ImportError
        return real(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", without)
    assert data_folder() == Path.home() / ".cache" / "handgrad" / "data"
