import gc
from typing import Iterator

import pytest


@pytest.fixture(autouse=True)
def few_objects() -> Iterator[None]:
    """Hides what earlier tests left in memory: pyarrow.csv.read_csv looks through all objects that may be collected."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
