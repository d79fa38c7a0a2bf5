"""Labels by texts or by a number, read alike from text, from Parquet and by --tf."""

import os
from typing import Any, Dict, List

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from common.config import schema_file
from common.config.schema import Schema
from common.errors import BadInput
from common.pipeline import dataset, source, tf_path
from common.pipeline.row_order import Stream
from common.testing import graphs, toy

SHOP: Dict[str, Any] = {
    "train_file": "train",
    "test_file": "train",
    "columns": [
        {"name": "who", "kind": "hash", "buckets": 9},
        {"name": "result", "kind": "label", "labels": {
            "opened": {"positive": ["opened", "ordered"], "role": "click"},
            "ordered": {"positive": ["ordered"], "task": "buy", "role": "purchase"}}},
        {"name": "stars", "kind": "label", "at_least": 3.5, "task": "liked"},
        {"name": "state", "kind": "label", "positive": ["1"]},
    ],
}
ROWS = [["a", "opened", "4", "1"], ["b", "seen", "3.5", "2"], ["c", "ordered", "3", "1"],
        ["d", "Ordered ", "-1e9", "01"]]
EXPECTED = {"opened": [1, 0, 1, 0], "ordered": [0, 0, 1, 0], "stars": [1, 1, 0, 0],
            "state": [1, 0, 1, 0]}
TYPES = {"text": [pa.string()] * 4,
         "dictionary": [pa.dictionary(pa.int32(), pa.string())] * 4,
         "numbers": [pa.string(), pa.string(), pa.float64(), pa.string()]}


def shop() -> Schema:
    return schema_file.from_json(SHOP, "shop.json", "shop")


def labels_of(folder: object, parquet: bool, by_tf: bool = False) -> Dict[str, List[float]]:
    data = source.open_data(str(folder), shop(), parquet, 0, False)
    stream = Stream(9)
    make = dataset.columnar_input(data.train, data, stream)
    if by_tf:
        make = tf_path.tf_input(data.train, data, stream, with_users=False)
    batch, = graphs.read_batches(make, 1)
    return {name: batch[name].tolist() for name in EXPECTED}


def write_parquet(folder: object, rows: List[List[Any]], kinds: List[pa.DataType]) -> None:
    arrays = []
    for values, kind in zip(zip(*rows), kinds):
        texts = pa.array(values, pa.string())
        arrays.append(texts.dictionary_encode() if pa.types.is_dictionary(kind)
                      else texts.cast(kind))
    names = [column["name"] for column in SHOP["columns"]]
    pq.write_table(pa.table(arrays, names), os.path.join(str(folder), "train.parquet"))


def test_text_gives_labels_by_texts_and_by_size(tmp_path: object) -> None:
    toy.write_csv("{}/train".format(tmp_path), ROWS)
    assert labels_of(tmp_path, parquet=False) == EXPECTED
    assert labels_of(tmp_path, parquet=False, by_tf=True) == EXPECTED


@pytest.mark.parametrize("kinds", TYPES.values(), ids=TYPES)
def test_parquet_gives_the_same(tmp_path: object, kinds: List[pa.DataType]) -> None:
    write_parquet(tmp_path, ROWS, kinds)
    assert labels_of(tmp_path, parquet=True) == EXPECTED


def test_integers_are_texts_of_their_digits(tmp_path: object) -> None:
    rows = [[row[0], row[1], "4", "1"] for row in ROWS]
    write_parquet(tmp_path, rows, [pa.string(), pa.string(), pa.int8(), pa.int64()])
    found = labels_of(tmp_path, parquet=True)
    assert found["stars"] == found["state"] == [1, 1, 1, 1]


def test_positive_texts_that_never_occur_are_told(tmp_path: object,
                                                  capfd: pytest.CaptureFixture) -> None:
    toy.write_csv("{}/train".format(tmp_path), [["a", "opened", "4", "yes"]])
    labels_of(tmp_path, parquet=False)
    told = capfd.readouterr()
    assert ("column 'state': none of the first 1 rows has one of the texts that are positive for "
            "label 'state', '1'. There is, for instance, 'yes'.") in told.out + told.err
    assert "label 'ordered', 'ordered'. There is, for instance, 'opened'." in told.out + told.err


@pytest.mark.parametrize("place, value, message", [
    (1, "", r"row 5, column 'result': '' is given, expected a label's text"),
    (1, " ", r"row 5, column 'result': ' ' is given, expected a label's text"),
    (2, "", r"row 5, column 'stars': '' is given, expected a finite number"),
    (2, "four", r"row 5, column 'stars': 'four' is given, expected a finite number"),
    (3, "", r"row 5, column 'state': '' is given, expected a label's text"),
])
def test_a_missing_label_is_an_error(tmp_path: object, place: int, value: str,
                                     message: str) -> None:
    row = list(ROWS[0])
    row[place] = value
    toy.write_csv("{}/train".format(tmp_path), [*ROWS, row])
    write_parquet(tmp_path, [*ROWS, [item or None for item in row]], TYPES["text"])
    for parquet in (False, True):
        with pytest.raises(BadInput, match=message):
            labels_of(tmp_path, parquet)


@pytest.mark.parametrize("roles", [True, False])
def test_a_purchase_without_a_click_is_none(tmp_path: object, capfd: pytest.CaptureFixture,
                                            roles: bool) -> None:
    columns = [{"name": "bought", "kind": "label"}, {"name": "u", "kind": "hash", "buckets": 9},
               {"name": "clicked", "kind": "label"}]
    if roles:
        columns[0]["role"], columns[2]["role"] = "purchase", "click"
    schema = schema_file.from_json(
        {"train_file": "train", "test_file": "train", "columns": columns}, "shop.json", "shop")
    toy.write_csv("{}/train".format(tmp_path), [["1", "a", "0"], ["1", "a", "1"], ["0", "b", "1"]])
    data = source.open_data(str(tmp_path), schema, False, 0, False)
    expected = [0, 1, 0] if roles else [1, 1, 0]
    stream = Stream(9)
    for make in (dataset.columnar_input(data.train, data, stream),
                 tf_path.tf_input(data.train, data, stream, with_users=False)):
        batch, = graphs.read_batches(make, 1)
        assert batch["bought"].tolist() == expected and batch["clicked"].tolist() == [0, 1, 1]
    assert data.label_rates()[0, 0] == (sum(expected) + 0.5) / 4
    told = "in a sample of the rows, 1 of 3 have a purchase (bought) without a click. It counts as "
    assert (told in capfd.readouterr().err) == roles


def test_labels_that_are_the_same_in_all_rows_are_told(tmp_path: object,
                                                       capfd: pytest.CaptureFixture) -> None:
    columns = [{"name": name, "kind": "label"} for name in "abc"]
    columns.append({"name": "u", "kind": "hash", "buckets": 9})
    schema = schema_file.from_json({"train_file": "train", "test_file": "train",
                                    "columns": columns}, "shop.json", "shop")
    toy.write_csv("{}/train".format(tmp_path), [["0", "1", "1", "x"], ["0", "1", "0", "y"]])
    source.open_data(str(tmp_path), schema, False, 0, False).label_rates()
    told = capfd.readouterr().err
    assert "train: in a sample of the rows, label 'a' is 0 in all 2 rows. A model that is" in told
    assert "label 'b' is 1 in all 2 rows" in told and "label 'c'" not in told
