import os
from typing import List

import pytest

from common.errors import BadInput
from common.pipeline import source
from common.testing import toy
from common.testing.toy import NAMES, SCHEMA
from data import amazon

ROWS = toy.random_rows(1, 50)
ITEMS = ["default_mid", "b1", "b2", "b3"]


def write_books(folder: object, train: List[str], test: List[str]) -> None:
    """Rows of books with some histories of items, and the vocabularies."""
    words = {"uid_voc": ["default_uid", "u"], "mid_voc": ITEMS, "cat_voc": ["default_cat", "c d"]}
    for name, names in words.items():
        with open(os.path.join(str(folder), name + ".txt"), "w") as file:
            file.write("".join(word + "\n" for word in names))
    schema = amazon.SCHEMA
    for name, histories in ((schema.train_file, train), (schema.test_file, test)):
        with open(os.path.join(str(folder), name), "w") as file:
            for items in histories:
                categories = "\x02".join("c d" for _ in items.split("\x02"))
                file.write("\t".join(["1", "u", "b1", "c d", items, categories]) + "\n")


def test_test_rows_are_looked_at_before_training(tmp_path: object) -> None:
    test = [row + ["more"] for row in ROWS]
    with pytest.raises(BadInput, match="toy_test, row 1: .* expected 7 columns, not 8"):
        toy.open_toy(tmp_path, ROWS, test)
    test = [list(row) for row in ROWS]
    test[30][0] = "3"
    with pytest.raises(BadInput, match="toy_test, row 31, column 'y': '3' is given, expected 0 or"):
        toy.open_toy(tmp_path, ROWS, test)
    data = toy.open_toy(tmp_path, ROWS, test, max_bad_rows=1)
    assert data.usable_rows(data.test) == 49
    assert toy.open_toy(tmp_path, test, ROWS).train_rows == 50  # are named when they are used


@pytest.mark.parametrize("is_train", [True, False])
def test_a_header_and_quotes_are_told_before_training(tmp_path: object, is_train: bool) -> None:
    name = "toy_train" if is_train else "toy_test"
    with pytest.raises(BadInput, match=name + r": its first line is 'y,z,.*Is this a header\?"):
        toy.open_toy(tmp_path, *[[NAMES, *ROWS], ROWS][::1 if is_train else -1])
    quoted = [[*row[:2], '"{}"'.format(row[2]), *row[3:]] for row in ROWS]
    with pytest.raises(BadInput, match=name + ", column 'user': each value stands in quotes"):
        toy.open_toy(tmp_path, *[quoted, ROWS][::1 if is_train else -1])


@pytest.mark.parametrize("is_train", [True, False])
def test_wrongly_divided_histories_are_told_before_training(tmp_path: object,
                                                            is_train: bool) -> None:
    right, wrong = ["b1\x02b2", "b3\x02b1"], ["b1 b2", "b3 b1"]
    write_books(tmp_path, *[wrong, right][::1 if is_train else -1])
    name = amazon.SCHEMA.train_file if is_train else amazon.SCHEMA.test_file
    with pytest.raises(BadInput, match=name + ", column 'history_items': 2 of the 2 lists in the "
                                              "first rows are divided by a blank"):
        source.open_data(str(tmp_path), amazon.SCHEMA, False, 0, False)


def test_single_items_are_no_wrongly_divided_lists(tmp_path: object,
                                                   capsys: pytest.CaptureFixture) -> None:
    write_books(tmp_path, ["b1\x02b2"], ["b1\x02b2", "b3"])
    source.open_data(str(tmp_path), amazon.SCHEMA, False, 0, False)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("folders, message", [
    ("z=2", r"z=2: column 'z' is '2' by the name of this folder, expected 0 or 1\. Rename the"),
    ("z=__HIVE_DEFAULT_PARTITION__/day=3", "z=__HIVE_DEFAULT_PARTITION__: column 'z' is '' by"),
    ("size=9", "size=9: column 'size' is '9' by the name of this folder, expected a whole number")])
@pytest.mark.parametrize("is_train", [True, False])
def test_a_value_of_a_folder_that_no_row_can_have_is_told_before_training(
        tmp_path: object, folders: str, message: str, is_train: bool) -> None:
    names = []
    for name, of_rows in (("good", "z=1/size=3"), ("bad", folders)):
        names.append("{}/{}".format(tmp_path, name))
        folder = "{}/{}".format(names[-1], of_rows)
        os.makedirs(folder)
        kept = [NAMES.index(name) for name in NAMES if name + "=" not in of_rows]
        toy.write_csv(folder + "/part", [[row[place] for place in kept] for row in ROWS])
    both = [",".join(names), names[0]]
    with pytest.raises(BadInput, match="bad/" + message):
        source.open_data("", SCHEMA, True, 0, False, *both[::1 if is_train else -1])


def test_a_header_is_taken_where_it_is_asked_for(tmp_path: object) -> None:
    names = NAMES[::-1]
    for name in (SCHEMA.train_file, SCHEMA.test_file):
        rows = [["day", *names], *(["7", *row[::-1]] for row in ROWS)]
        toy.write_csv("{}/{}".format(tmp_path, name), rows)
    data = source.open_data(str(tmp_path), SCHEMA, False, 0, True, csv_header=True)
    assert data.train_rows == data.usable_rows(data.test) == 50
    columns = data.train.read(data.train.chunks[0], NAMES)
    for position, name in enumerate(NAMES):
        assert columns.arrays[name].to_pylist() == [row[position].encode() for row in ROWS]
    with pytest.raises(BadInput, match="toy_train: columns that toy does not have: day"):
        source.open_data(str(tmp_path), SCHEMA, False, 0, False, csv_header=True,
                         strict_columns=True)


def test_a_vocabulary_that_lacks_most_words_is_told(tmp_path: object,
                                                    capsys: pytest.CaptureFixture) -> None:
    write_books(tmp_path, ["b1\x0201\x0202"], ["b1\x02b2"])
    source.open_data(str(tmp_path), amazon.SCHEMA, False, 0, False)
    assert capsys.readouterr().err == (
        "warning: {}/local_train_splitByUser: mid_voc lacks 2 of the 3 values of column "
        "'history_items' in the first 1 rows, all of which are one id, that of unknown words. Is "
        "it the vocabulary of these rows, and does it write them alike (integers have no leading "
        "zeros)?\n".format(tmp_path))
