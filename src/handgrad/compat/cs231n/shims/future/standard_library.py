"""`future.standard_library`: the standard library has its present names already."""


def install_aliases() -> None:
    """Do nothing."""
