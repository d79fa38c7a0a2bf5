"""A plugin of pytest that makes tests cheaper.

What tests leave in memory, such as graphs, is looked through once and not at each collection;
pyarrow.csv.read_csv too looks through all objects that may be collected. Collections are rare, as
graphs are made of very many objects that stay for long.
"""

import gc
import sys
from typing import Iterator

import pytest


def pytest_configure() -> None:
    """Lets collections be rare."""
    gc.set_threshold(100000, 20, 20)


@pytest.fixture(scope="module", autouse=True)
def cheap_module() -> Iterator[None]:
    """Leaves out costs of TensorFlow where it is used; freezes what a module of tests has left."""
    if "tensorflow" in sys.modules:
        from common.testing import quick  # here, as many tests do without TensorFlow
        quick.skip_costs()
    yield
    gc.collect()
    gc.freeze()
