"""Fixtures of the tests of faults."""

from tests.faults.stage import stage

__all__ = ["stage"]
