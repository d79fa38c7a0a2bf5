"""The columns of several small chunks as those of one, so that decoding begins once for all.

Where there are thousands of small files, beginning takes longer than decoding.
"""

from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np
import pyarrow as pa

from common.formats.chunks import RawColumns
from common.formats.splits import splits_of
from common.formats.string_views import StringViews

_MAX_BYTES = 1 << 28  # of text, whose positions are int32

Buffers = Dict[Tuple[int, ...], np.ndarray]


def join(pieces: Sequence[RawColumns]) -> List[RawColumns]:
    """The same rows, as few columns as can be: one, or the pieces where their forms differ."""
    if len(pieces) < 2:
        return list(pieces)
    buffers: Buffers = {}
    arrays: Dict[str, Any] = {}
    for name in pieces[0].arrays:
        joined = _join_arrays([piece.arrays[name] for piece in pieces], buffers)
        if joined is None:
            return list(pieces)
        arrays[name] = joined
    sizes = np.array([len(piece.rows) for piece in pieces])
    starts = splits_of(sizes)[:-1]
    rows = np.concatenate([piece.rows for piece in pieces])
    rejects = [reject for piece in pieces for reject in piece.rejects]
    return [RawColumns(arrays, rows, rejects, starts)]


def _join_arrays(arrays: List[Any], buffers: Buffers) -> Optional[Any]:
    """Arrays of one form as one; None where their forms differ, or they are too large."""
    are_views = [isinstance(array, StringViews) for array in arrays]
    if all(are_views):
        return _join_views(arrays, buffers)
    if any(are_views):  # files may differ in how their strings are best read
        arrays = [_encoded(array) for array in arrays]
    kinds = {array.type for array in arrays}
    if len(kinds) > 1:
        return None
    return pa.chunked_array(arrays).unify_dictionaries().combine_chunks()


def _encoded(array: Any) -> pa.Array:
    """An array as it is, but views as a dictionary and indices."""
    return array.to_arrow().dictionary_encode() if isinstance(array, StringViews) else array


def _join_views(views: List[StringViews], buffers: Buffers) -> Optional[StringViews]:
    """Views into one buffer, which the columns of text share.

    Args:
      buffers: joined before, by those that they are made of.
    """
    sizes = np.array([view.data.nbytes for view in views])
    if sizes.sum() > _MAX_BYTES:
        return None
    parts = tuple(view.data.ctypes.data for view in views)
    data = buffers.get(parts)
    if data is None:
        data = np.concatenate([view.data for view in views])
        buffers[parts] = data
    shifts = splits_of(sizes)[:-1].astype(np.int32)
    starts = [view.starts + shift for view, shift in zip(views, shifts)]
    ends = [view.ends + shift for view, shift in zip(views, shifts)]
    return StringViews(data, np.concatenate(starts), np.concatenate(ends))
