"""Fixtures of the acceptance tests."""

from tests.acceptance.engine import engine

__all__ = ["engine"]
