"""Fixtures that several rooms' tests take."""

from common.testing.jobs import make_job  # noqa: F401
from common.testing.object_store import s3_port, store  # noqa: F401
