"""A plugin of pytest: cheaper tests, and an order for several workers.

What tests leave in memory, such as graphs, is looked through once and not at each collection;
pyarrow.csv.read_csv too looks through all objects that may be collected. Collections are rare, as
graphs are made of very many objects that stay for long.
"""

import gc
import os
import sys
from typing import Iterator, List, Optional

import pytest

_SHORT_BYTES = 20


def pytest_configure() -> None:
    """Lets collections be rare."""
    gc.set_threshold(100000, 20, 20)


def pytest_collection_modifyitems(items: List[pytest.Item]) -> None:
    """Puts slow tests first in the part of each worker.

    pytest-xdist cuts the list into as many parts as it has workers, and a worker that is done takes
    tests from the end of another's part: at last all share what is short.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if workers > 1:
        items[:] = slow_first(items, workers)


def slow_first(items: List[pytest.Item], parts: int) -> List[pytest.Item]:
    """The tests in equal parts, each with its share of the slow ones at its front."""
    slow = [item for item in items if item.get_closest_marker("slow")]
    fast = [item for item in items if not item.get_closest_marker("slow")]
    ordered: List[pytest.Item] = []
    for part in range(parts):
        of_slow = slow[len(slow) * part // parts:len(slow) * (part + 1) // parts]
        end = len(items) * (part + 1) // parts - len(ordered) - len(of_slow)
        ordered += of_slow + fast[:end]
        fast = fast[end:]
    return ordered


@pytest.fixture(scope="module", autouse=True)
def cheap_module() -> Iterator[None]:
    """Leaves out costs of TensorFlow where it is used; freezes what a module of tests has left."""
    if "tensorflow" in sys.modules:
        from common.testing import quick  # here, as many tests do without TensorFlow
        quick.skip_costs()
    yield
    gc.collect()
    gc.freeze()


def pytest_make_parametrize_id(val: object) -> Optional[str]:
    """Names long bytes by their number, as what gzip writes differs from second to second."""
    if isinstance(val, bytes) and len(val) > _SHORT_BYTES:
        return "{} bytes".format(len(val))
    return None
