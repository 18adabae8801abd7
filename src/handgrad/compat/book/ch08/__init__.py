"""Modules of the book's chapter 8, for scripts that stand alone."""
