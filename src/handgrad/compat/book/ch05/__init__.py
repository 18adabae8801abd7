"""Modules of the book's chapter 5, for scripts that stand alone."""
