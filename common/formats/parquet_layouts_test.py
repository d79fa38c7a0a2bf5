"""The same rows in the layouts that writers choose: the same ids, labels and numbers."""

import decimal
import json
from typing import Callable, Dict, List, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from common.config.schema import Column, Schema
from common.formats import parquet_reader, reader
from common.pipeline.checks import BadRows
from common.pipeline.encoder import Encoder
from common.pipeline.features import Block
from common.testing import foreign_parquet

SCHEMA = Schema(
    name="shop",
    columns=(
        Column("y", "label"),
        Column("user", "hash", 1000, other_names=("UID",)),
        Column("shop", "hash", 100),
        Column("word", "words", words=("tea", "lunch")),
        Column("price", "identity", 50, default="0"),
        Column("amount", "number", default="0"),
        Column("tags", "hash", 50, separator="|"),
        Column("costs", "number", separator=";", default="0"),
        Column("items", "vocabulary", vocabulary="v", separator="\x02", default="", newest=5,
               aligned=True),
        Column("kinds", "vocabulary", vocabulary="w", separator="\x02", default="", newest=5,
               aligned=True),
    ),
    train_file="train",
    test_file="test",
    user_column="user",
    module="data/shop.py",
    delimiter="\t",
)

NUMBERS = [str(number) for number in range(40)]
VOCABULARIES = {name: {text.encode(): i for i, text in enumerate(NUMBERS)} for name in "vw"}
SIZE = 500

Values = Dict[str, List]
Rows = Dict[str, pa.Array]


@pytest.fixture(autouse=True, params=[0, 10 ** 9], ids=["by C++", "by pyarrow"])
def small_row_groups(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """No row group is small, or all are, which pyarrow reads."""
    monkeypatch.setattr(parquet_reader, "_SMALL_ROWS", request.param)


def draw(seed: int) -> Values:
    """Values of each column; None where one is missing, lists as lists."""
    rng = np.random.default_rng(seed)

    def lists(most: int, items: Sequence) -> List[list]:
        sizes = rng.integers(0, most, SIZE)
        return [rng.choice(items, size).tolist() for size in sizes]

    items = lists(8, range(50))
    price = rng.integers(0, 49, SIZE).tolist()
    amount = [float(number) / 4 for number in rng.integers(-9, 9999, SIZE)]
    shop = rng.integers(0, 70, SIZE).tolist()
    for values in (price, amount, shop):
        for row in rng.integers(0, SIZE, 50):
            values[row] = None
    return {
        "y": rng.integers(0, 2, SIZE).tolist(),
        "user": rng.integers(0, 10 ** 12, SIZE).tolist(),
        "shop": shop,
        "word": rng.choice(["tea", "lunch"], SIZE).tolist(),
        "price": price,
        "amount": amount,
        "tags": lists(4, range(20)),
        "costs": lists(4, [0.5, 7.25, 20.0]),
        "items": items,
        "kinds": [[item % 7 for item in row] for row in items],
    }


def as_text(value: object, separator: str) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return separator.join(as_text(item, "") for item in value)
    return "{:g}".format(value) if isinstance(value, float) else str(value)


def texts_of(values: Values) -> Dict[str, List[str]]:
    return {
        column.name: [as_text(value, column.separator) for value in values[column.name]]
        for column in SCHEMA.columns
    }


def string_arrays(values: Values, text: pa.DataType = pa.string()) -> Rows:
    """Everything as text, missing values as nulls."""
    rows = {}
    for name, texts in texts_of(values).items():
        rows[name] = pa.array([value or None for value in texts], text)
    return rows


def with_lists(values: Values, text: pa.DataType = pa.string(),
               list_of: Callable[[pa.DataType], pa.DataType] = pa.list_) -> Rows:
    """Text and lists of text; numbers as such."""
    rows = string_arrays(values, text)
    for name in ("tags", "items", "kinds"):
        lists = [[str(item) for item in row] for row in values[name]]
        rows[name] = pa.array(lists, list_of(text))
    rows["costs"] = pa.array(values["costs"], list_of(pa.float64()))
    return {**rows, "y": pa.array(values["y"], pa.uint8()), "price": pa.array(values["price"]),
            "amount": pa.array(values["amount"])}


def inferred(values: Values) -> Rows:
    """What tools infer from CSV: integers, booleans, floats."""
    rows = {name: pa.array(column) for name, column in values.items()}
    return {**rows, "y": rows["y"].cast(pa.bool_())}


def of_pandas(values: Values) -> Rows:
    """Integers with missing values are floats with NaN."""
    rows = with_lists(values)
    nan = float("nan")
    price = [nan if value is None else float(value) for value in values["price"]]
    return {**rows, "price": pa.array(price), "y": pa.array(values["y"], pa.float32()),
            "amount": pa.array([nan if value is None else value for value in values["amount"]])}


def decimals(values: Values) -> Rows:
    def as_decimals(column: List, kind: pa.DataType) -> pa.Array:
        quantum = decimal.Decimal(1).scaleb(-kind.scale)
        numbers = [value if value is None else decimal.Decimal(value).quantize(quantum)
                   for value in column]
        return pa.array(numbers, kind)

    rows = inferred(values)
    costs = pa.ListArray.from_arrays(
        rows["costs"].offsets, as_decimals(rows["costs"].values.to_pylist(),
                                           pa.decimal128(38, 3)))
    return {**rows, "y": as_decimals(values["y"], pa.decimal128(12, 1)), "costs": costs,
            "price": as_decimals(values["price"], pa.decimal256(60, 20)),
            "amount": as_decimals(values["amount"], pa.decimal128(9, 2)),
            "user": as_decimals(values["user"], pa.decimal128(20, 0))}


def fixed(values: Values) -> Rows:
    """Lists of one length, filled up with nulls at either end; text of one length."""
    rows = with_lists(values)
    for name in ("items", "kinds"):
        lists = [[None] + row + [None] * (9 - len(row)) for row in values[name]]
        rows[name] = pa.array(lists, pa.list_(pa.int64(), 10))
    texts = [text.encode().ljust(13, b"\x00") for text in texts_of(values)["user"]]
    return {**rows, "user": pa.array(texts, pa.binary(13))}


def encoded(values: Values) -> Rows:
    rows = with_lists(values)
    numbers = ("y", "amount", "costs", "price", "tags", "items", "kinds")
    return {name: array if name in numbers else array.dictionary_encode()
            for name, array in rows.items()}


def write(path: str, rows: Rows, **options: object) -> str:
    names = [column.name for column in SCHEMA.columns]
    table = pa.table([rows[name] for name in reversed(names)], names=names[::-1])
    pq.write_table(table.rename_columns([SCHEMA.columns[1].other_names[0] if name == "user"
                                         else name for name in names[::-1]]), path, **options)
    return path


def write_json(path: str, values: Values) -> str:
    rows = with_lists(values)
    names = ("tags", "costs", "items", "kinds")
    for name in names:
        rows[name] = pa.array([json.dumps(row) if row else None for row in values[name]])
    write(path, rows)
    for name in names:
        foreign_parquet.annotate(path, name, "JSON")
    return path


LAYOUTS = {
    "text": (string_arrays, {}),
    "lists": (with_lists, {}),
    "large": (lambda values: with_lists(values, pa.large_string(), pa.large_list), {}),
    "binary": (lambda values: with_lists(values, pa.binary()), {}),
    "inferred": (inferred, {}),
    "pandas": (of_pandas, {}),
    "decimals": (decimals, {}),
    "decimals as integers": (decimals, dict(store_schema=False, version="1.0")),
    "fixed": (fixed, {}),
    "dictionaries": (encoded, {}),
    "plain": (with_lists, dict(use_dictionary=False, compression="none")),
    "small dictionaries": (with_lists, dict(dictionary_pagesize_limit=64, data_page_size=128)),
    "second pages": (with_lists, dict(data_page_version="2.0", compression="zstd")),
    "old lists": (with_lists, dict(use_compliant_nested_type=False, version="1.0")),
    "split": (inferred, dict(use_dictionary=False, column_encoding={
        "amount": "BYTE_STREAM_SPLIT", "price": "DELTA_BINARY_PACKED"})),
    "delta lengths": (with_lists, dict(use_dictionary=False, column_encoding={
        "UID": "DELTA_LENGTH_BYTE_ARRAY", "word": "DELTA_LENGTH_BYTE_ARRAY",
        "tags.list.item": "DELTA_LENGTH_BYTE_ARRAY"})),
}


def blocks_of(path: str) -> List[Block]:
    """All rows of a file, decoded a chunk at a time."""
    schema = SCHEMA.with_vocabularies({"v": 40, "w": 40})
    file = reader.open_file(path, schema)
    encoder = Encoder([path], schema, VOCABULARIES, BadRows(0))
    names = [column.name for column in schema.columns]
    return [encoder.encode(file.read(chunk, names, as_views=True)) for chunk in file.chunks]


def check_alike(path: str, text: Block) -> None:
    first = 0
    for block in blocks_of(path):
        rows = np.arange(first, first + len(block.rows))
        first += len(rows)
        expected = text.take(rows)
        for got, wanted in zip(block.dense, expected.dense):
            np.testing.assert_array_equal(got, wanted)
        for column, got, wanted in zip(SCHEMA.lists, block.lists, expected.lists):
            for one, other in zip(got, wanted):
                np.testing.assert_array_equal(one, other, err_msg=column.name)
    assert first == len(text.rows)


def text_block(folder: object, values: Values) -> Block:
    columns = texts_of(values)
    path = "{}/text".format(folder)
    with open(path, "w") as file:
        for row in zip(*columns.values()):
            file.write("\t".join(row) + "\n")
    block, = blocks_of(path)
    return block


@pytest.mark.parametrize("layout", list(LAYOUTS))
def test_what_layout_rows_have_is_not_seen(layout: str, tmp_path: object) -> None:
    make, options = LAYOUTS[layout]
    values = draw(len(layout))
    path = "{}/rows".format(tmp_path)
    write(path, make(values), row_group_size=170, **options)
    check_alike(path, text_block(tmp_path, values))


def test_lists_as_json_are_lists(tmp_path: object) -> None:
    values = draw(5)
    check_alike(write_json("{}/rows".format(tmp_path), values), text_block(tmp_path, values))


def test_enumerations_are_text(tmp_path: object) -> None:
    values = draw(6)
    path = write("{}/rows".format(tmp_path), with_lists(values))
    check_alike(foreign_parquet.annotate(path, "word", "ENUM"), text_block(tmp_path, values))


def test_columns_of_nothing_but_nulls(tmp_path: object) -> None:
    values = draw(7)
    for name in ("shop", "price", "amount"):
        values[name] = [None] * SIZE
    for name in ("tags", "costs", "items", "kinds"):
        values[name] = [[]] * SIZE
    text = text_block(tmp_path, values)
    rows = with_lists(values)
    names = ("shop", "price", "amount", "tags", "costs", "items", "kinds")
    path = "{}/rows".format(tmp_path)
    check_alike(write(path, {**rows, **{name: pa.nulls(SIZE) for name in names}}), text)
    no_items = pa.array([None, []] * (SIZE // 2), pa.list_(pa.null()))
    check_alike(write(path, {**rows, **{name: no_items for name in names[3:]}}), text)
