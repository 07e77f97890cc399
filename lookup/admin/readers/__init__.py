"""Readers: a file as an office sends it, in; numbered rows of text cells, out."""
