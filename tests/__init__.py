"""Tests: one file a module, and journeys."""
