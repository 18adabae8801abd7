"""Modules of the book's chapter 7, for scripts that stand alone."""
