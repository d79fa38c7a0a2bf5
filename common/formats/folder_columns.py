"""Columns whose values the names of a file's folders hold: one text for all of its rows."""

from typing import Any, Dict, Optional

import numpy as np
import pyarrow as pa

from common.naming.partitions import Partition


def added(arrays: Dict[str, Any], partition: Partition, num_rows: int) -> Dict[str, Any]:
    """The columns of some rows, and those that the folders of their file name."""
    constants = {name: _constant(value, num_rows) for name, value in partition}
    return {**arrays, **constants}


def _constant(value: Optional[str], num_rows: int) -> pa.DictionaryArray:
    """A column of one text, empty where it is missing."""
    indices = pa.array(np.zeros(num_rows, np.int32))
    text = value or ""
    values = pa.array([text.encode()], pa.binary())
    return pa.DictionaryArray.from_arrays(indices, values)
