from typing import List

import numpy as np
import pyarrow as pa
import pytest

from common.errors import BadInput
from common.formats import quoted_text
from common.formats.chunks import RawColumns


def columns_of(values: List[bytes]) -> RawColumns:
    arrays = {
        "other": pa.array([1, 2]),
        "plain": pa.array([b"a"], pa.binary()).dictionary_encode(),
        "user": pa.array(values, pa.binary()).dictionary_encode(),
    }
    return RawColumns(arrays, np.arange(len(values)), [])


@pytest.mark.parametrize("values", [[b'"u"'], [b'""', b"", b'"a b"', b'"\xff"']])
def test_values_in_quotes_are_refused(values: List[bytes]) -> None:
    with pytest.raises(BadInput, match="rows, column 'user': each value stands in quotes, such as "
                                       "\".*\"; quotes are read as they are. Write them without"):
        quoted_text.check("rows", columns_of(values))


@pytest.mark.parametrize("values", [[], [b""], [b'"u"', b"v"], [b'"'], [b'"a'], [b'a"', b'"a"']])
def test_other_values_may_hold_quotes(values: List[bytes]) -> None:
    quoted_text.check("rows", columns_of(values))
