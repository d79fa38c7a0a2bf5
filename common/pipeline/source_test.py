import os

import numpy as np
import pytest

from common import rows as rows_of
from common.errors import BadInput
from common.formats import csv_file
from common.pipeline import source
from common.testing import runs, toy
from common.testing.toy import SCHEMA

TEST = toy.random_rows(9, 20)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "CHUNK_ROWS", 30)


def test_parquet_is_taken_where_it_is_there(tmp_path: object) -> None:
    toy.open_toy(tmp_path, TEST, TEST)
    assert source.open_data(str(tmp_path), SCHEMA, True, 0, False).train.path.endswith("toy_train")
    toy.open_toy(tmp_path, TEST, TEST, parquet=True)
    assert source.open_data(str(tmp_path), SCHEMA, True, 0,
                            False).train.path.endswith("toy_train.parquet")
    assert source.open_data(str(tmp_path), SCHEMA, False, 0, False).train.path.endswith("toy_train")


def test_tables_have_the_declared_buckets_where_ids_are_keys(tmp_path: object) -> None:
    for path in ("toy_train", "toy_test"):
        toy.write_csv("{}/{}".format(tmp_path, path), toy.random_rows(1, 20))
    keyed = source.open_data(str(tmp_path), SCHEMA.with_keys(), True, 0, False)
    data = keyed._replace(declared=SCHEMA)
    assert data.schema_of_tables == SCHEMA != data.schema


def test_label_rates(tmp_path: object) -> None:
    rows = toy.random_rows(4, 200)
    labels = np.array([[int(row[0]), int(row[1])] for row in rows], float)
    for parquet in (False, True):
        rates = toy.open_toy(tmp_path, rows, TEST, parquet).label_rates()
        np.testing.assert_allclose(rates, (labels.T.dot(labels) + 0.5) / 201)


def test_rates_by_role_are_in_the_order_of_the_roles(tmp_path: object) -> None:
    roles = {"y": "purchase", "z": "click"}
    columns = [column._replace(role=roles.get(column.name, "")) for column in toy.SCHEMA.columns]
    rows = toy.random_rows(1, 60)
    schema = toy.SCHEMA._replace(columns=tuple(columns))
    data = toy.open_toy(tmp_path, rows, rows[:5], schema=schema)
    rates = data.label_rates()
    assert data.role_rates("click", "purchase").tolist() == rates[::-1, ::-1].tolist()
    assert data.role_rates("purchase").tolist() == [[rates[0, 0]]]


def test_label_rates_of_many_chunks_are_a_sample(tmp_path: object) -> None:
    rows = toy.random_rows(4, 3000)
    rates = toy.open_toy(tmp_path, rows, TEST).label_rates()
    assert abs(rates[0, 0] - 0.5) < 0.1 and abs(rates[0, 1] - 0.25) < 0.1


def test_label_rates_look_at_the_whole_file(tmp_path: object,
                                            monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "CHUNK_ROWS", 4)
    rows = toy.random_rows(1, 31 * 4)
    for i, row in enumerate(rows):
        row[0] = str(int(i >= 62))
    rates = toy.open_toy(tmp_path, rows, rows[:5]).label_rates()
    assert rates[0, 0] == pytest.approx(0.5, abs=0.06)


def test_without_test_rows(tmp_path: object) -> None:
    toy.write_csv(os.path.join(str(tmp_path), SCHEMA.train_file), TEST)
    data = source.open_data(str(tmp_path), SCHEMA, True, 3, True, with_test=False)
    assert data.test is None and data.train_rows == len(TEST)
    with pytest.raises(ValueError, match="there are no test rows: the data were opened without"):
        rows_of.evaluation_input(runs.make_run(tmp_path), data)


def test_parquet_by_its_bytes_where_text_is_wanted(tmp_path: object) -> None:
    data = toy.open_toy(tmp_path, toy.random_rows(1, 20), toy.random_rows(2, 10))
    part = toy.write_parquet(str(tmp_path.joinpath("part")), toy.random_rows(1, 20))
    files = "{},{}".format(data.train.path, part)
    both = source.open_data(str(tmp_path), toy.SCHEMA, True, 0, False, train_files=files)
    assert both.train.num_rows == 40
    text = source.open_data(str(tmp_path), toy.SCHEMA, False, 0, False, train_files=files)
    with pytest.raises(BadInput, match="{} is Parquet, which --tf and --parquet_dataset false do "
                       "not read. Name text, or drop the flag.".format(part)):
        text.train.count()


def test_label_rates_of_several_text_files_count_no_lines(
        tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    data = toy.open_toy(tmp_path, toy.random_rows(1, 60), TEST)
    paths = []
    for number, label in enumerate("01"):
        rows = [[label] + row[1:] for row in toy.random_rows(number, 200)]
        paths.append(toy.write_csv(str(tmp_path.joinpath(label)), rows))
    paths.append(toy.write_csv(str(tmp_path.joinpath("empty")), []))
    data = source.open_data(str(tmp_path), SCHEMA, False, 0, False, train_files=",".join(paths))

    def counted(number: int) -> None:
        raise AssertionError("file {} is counted".format(number))

    monkeypatch.setattr(data.train, "chunks_of", counted)
    assert data.label_rates()[0, 0] == pytest.approx((30 + 0.5) / (60 + 1))
