"""Modules of the book's chapter 4, for scripts that stand alone."""
