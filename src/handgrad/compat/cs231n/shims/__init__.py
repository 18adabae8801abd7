"""Stand-ins for modules that notebooks import, but hardly need: for Python 2, for Google Colab.

They are found only where the reader has no such module installed.
"""
