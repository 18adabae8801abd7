"""`past`, for code that ran in Python 2 too."""
