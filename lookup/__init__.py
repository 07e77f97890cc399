"""Exam results, lottery results and admissions, looked up by one candidate at a time."""

__version__ = "0.4.0"
