"""Intake: tables as readers give them, in; records of a kind, out."""
