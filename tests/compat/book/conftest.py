"""What the tests of the book's names share: scripts in a folder of their own."""

import shutil
from pathlib import Path

import pytest

collect_ignore = ["scripts"]  # they find their modules when `handgrad book` runs them
SCRIPTS = Path(__file__).parent / "scripts"


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """A copy of the scripts: they write beside themselves."""
    return Path(shutil.copytree(SCRIPTS, tmp_path / "scripts"))
