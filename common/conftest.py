"""Fixtures that several rooms' tests take."""

from common.testing.jobs import make_job  # noqa: F401
