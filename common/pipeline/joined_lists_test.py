from typing import List, Optional

import numpy as np
import pyarrow as pa
import pytest

from common.config.schema import Schema
from common.errors import BadInput
from common.formats.chunks import RawColumns
from common.pipeline import joined_lists
from data import amazon, taobao

ITEMS = {b"default": 0, b"b1": 1, b"b2": 2, b"b3": 3, b"a book": 4}
CATEGORIES = {b"default": 0, b"Books 01": 1, b"Books 02": 2}
VOCABULARIES = {"mid_voc": ITEMS, "cat_voc": CATEGORIES, "uid_voc": {}}


def check(schema: Schema = amazon.SCHEMA, vocabularies: dict = VOCABULARIES,
          **columns: List[Optional[bytes]]) -> None:
    size = len(next(iter(columns.values())))
    columns = dict(dict(item=size * [b"b1"], category=size * [b"Books 01"]), **columns)
    arrays = {
        name: pa.array(values, pa.binary()).dictionary_encode() for name, values in columns.items()
    }
    joined_lists.check("rows", RawColumns(arrays, np.arange(size), []), schema, vocabularies)


@pytest.mark.parametrize("lists, divider", [
    ([b"b1 b2", b"b3 b1 b1"], "a blank, such as 'b1 b2'"),
    ([b"b1,b2", b"b3,b1,b1", b"", b"b1,b1", None], "',', such as 'b1,b2'"),
    ([b"b1\\x02b2"], r"the 4 characters \\x02, such as"),
    ([b"b1^Bb2"], r"the 2 characters \^B, such as"),
    ([b"b1\\u0002b2"], r"the 6 characters \\u0002, such as"),
    ([b"b1\x01b2"], r"'\\x01', such as"),
])
def test_all_lists_are_divided_otherwise(lists: List[Optional[bytes]], divider: str) -> None:
    total = sum(bool(value) for value in lists)
    message = (r"rows, column 'history_items': {0} of the {0} lists in the first rows are divided "
               "by {1}.*; expected the byte 02. Each is").format(total, divider)
    with pytest.raises(BadInput, match=message):
        check(history_items=lists)
    # Vocabularies that were made of the giant words do not hide it.
    giant_words = {value: 1 for value in lists if value}
    with pytest.raises(BadInput, match=message):
        check(history_items=lists, vocabularies=dict(VOCABULARIES, mid_voc=giant_words))


def test_names_with_blanks_are_no_lists(capsys: pytest.CaptureFixture) -> None:
    check(history_categories=[b"Books 01", b"Books 02"])
    check(history_categories=[b"Books 01\x02Books 02", b"Books 02"], item=[b"b1", b"b2"])
    check(history_items=[b"b1", b"b2", b"", None])
    check(history_items=[b"b1 b7\x02b2", b"an unknown book", b"a book"])
    assert capsys.readouterr().err == ""


def test_categories_of_names_with_blanks_that_a_blank_divides() -> None:
    with pytest.raises(BadInput, match="'history_categories': 2 of the 2 lists .* by a blank"):
        check(history_categories=[b"c1 c2", b"c2 c1"], category=[b"c1", b"c2"],
              vocabularies=dict(VOCABULARIES, cat_voc={b"c1 c2": 1}))
    with pytest.raises(BadInput, match="'history_categories': 2 of the 2 lists .* by ','"):
        check(history_categories=[b"Books 01,Books 02", b"Books 01,Books 01"])


def test_some_lists_are_divided_otherwise(capsys: pytest.CaptureFixture) -> None:
    check(history_items=9 * [b"b1\x02b2"] + [b"b1 b3"])
    assert capsys.readouterr().err == (
        "rows, column 'history_items': 1 of the 10 lists in the first rows are divided by a blank, "
        "such as 'b1 b3'; expected the byte 02. Each is read as one item. Write them with the "
        "separator '\\x02'.\n")
    check(history_items=999 * [b"b1\x02b2"] + [b"b1 b3"])
    assert capsys.readouterr().err == ""


def test_lists_of_hashes_are_told_where_there_are_many(capsys: pytest.CaptureFixture) -> None:
    texts: List[Optional[bytes]] = [b"%d;%d" % (number, number + 1) for number in range(100)]
    check(taobao.SCHEMA, {}, tag_brand_list=texts)
    assert "rows, column 'tag_brand_list': 100 of the 100 lists in the first rows are divided by " \
        "';', such as '0;1'; expected the byte 7c." in capsys.readouterr().err
    check(taobao.SCHEMA, {}, tag_brand_list=texts[:99])
    check(taobao.SCHEMA, {}, tag_brand_list=[*texts, b"1"])
    assert capsys.readouterr().err == ""


def test_printed_lists_are_refused() -> None:
    for texts in ([b"['b1', 'b2']", b"[]", None], [b'["b1"]'], [b"('b1',)", b""]):
        with pytest.raises(BadInput, match="rows, column 'history_items': all of the first rows "
                                           "hold text such as .*, a list as programs print it."):
            check(history_items=texts)
    with pytest.raises(BadInput, match="'tag_brand_list': .* Write its items divided by '|'"):
        check(taobao.SCHEMA, {}, tag_brand_list=[b"[1,2]"])
    check(history_items=[b"[b1]\x02b2", b"b3"])


def test_columns_that_hold_something_else_are_left_out() -> None:
    arrays = {"history_items": pa.array([[b"b1 b2"]]), "item": pa.array([1])}
    joined_lists.check("rows", RawColumns(arrays, np.arange(1), []), amazon.SCHEMA, VOCABULARIES)


def test_lists_of_one_item_do_not_hide_what_divides_the_others() -> None:
    for divider in (b" ", b",", b"\\x02"):
        lists = [divider.join([b"b1", b"b2"]), divider.join([b"b2", b"b3", b"b1"]), b"b3"]
        with pytest.raises(BadInput, match="2 of the 3 lists in the first rows are divided by"):
            check(history_items=lists)
