"""Text files whose values stand in quotes, which are read as a part of the values."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from common.errors import BadInput
from common.formats import parsing
from common.formats.chunks import RawColumns

_QUOTE = '"'


def check(path: str, columns: RawColumns) -> None:
    """Raises BadInput where all values of a column of some rows stand in quotes.

    They would not be the values that the same rows have elsewhere: other hashes, words that no
    vocabulary has.

    Args:
      columns: as dictionaries; columns that hold something else are left out.
    """
    for name, array in columns.arrays.items():
        if not isinstance(array, pa.DictionaryArray):
            continue
        values = array.dictionary
        is_filled = pc.greater(pc.binary_length(values), 0)
        filled = values.filter(is_filled)
        if len(filled) and _are_quoted(filled):
            message = ("{}, column {!r}: each value stands in quotes, such as {}; quotes are "
                       "read as they are. Write them without, or text with a header as Parquet by "
                       "data/schema.py convert: quoting=csv.QUOTE_NONE in pandas, "
                       "quote=FALSE in R, quote_style='never' in Polars.")
            raise BadInput(message.format(path, name, parsing.shown(filled[0].as_py())))


def _are_quoted(values: pa.BinaryArray) -> bool:
    """Whether each value begins and ends with a quote, and is not just one."""
    begins = pc.starts_with(values, _QUOTE)
    ends = pc.ends_with(values, _QUOTE)
    is_long = pc.greater(pc.binary_length(values), 1)
    is_quoted = pc.and_(pc.and_(begins, ends), is_long)
    return bool(np.array(is_quoted, bool).all())
