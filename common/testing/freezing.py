"""A plugin of pytest: what tests leave in memory, such as graphs, is looked through once and not at each collection.

pyarrow.csv.read_csv too looks through all objects that may be collected. Collections are rare, as graphs are made of
very many objects that stay for long.
"""

import gc
from typing import Iterator

import pytest


def pytest_configure() -> None:
    """Lets collections be rare."""
    gc.set_threshold(100000, 20, 20)


@pytest.fixture(scope="module", autouse=True)
def frozen_after() -> Iterator[None]:
    """Freezes what a module of tests has left."""
    yield
    gc.collect()
    gc.freeze()
