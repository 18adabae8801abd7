import pytest


@pytest.fixture(autouse=True)
def small_cases_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twins answer for cases that are too small to be worth it, as the cases of ops are."""
    monkeypatch.setattr(pytest.importorskip("handgrad.kernels.blocks"), "WORTH", 0)
