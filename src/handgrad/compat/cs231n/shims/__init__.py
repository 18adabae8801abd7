"""Stand-ins for modules that notebooks import for Python 2 or for Google Colab, and do not need.

They are found only where the reader has no such module installed.
"""
