"""`google.colab`: there is no drive to mount here; the script's files are in its own folder."""


class drive:  # noqa: N801  (on Colab it is a module)
    """Google Drive."""

    @staticmethod
    def mount(_mountpoint: str = "", **_options: object) -> None:
        """Do nothing."""
