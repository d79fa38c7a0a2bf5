"""A plugin of pytest: what tests leave in memory, such as graphs, is looked through once and not at each collection.

pyarrow.csv.read_csv too looks through all objects that may be collected.
"""

import gc
from typing import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def frozen_after() -> Iterator[None]:
    """Freezes what a module of tests has left."""
    yield
    gc.collect()
    gc.freeze()
