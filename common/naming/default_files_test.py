import os

import pytest

from common.errors import BadInput
from common.naming import default_files
from common.testing import toy
from common.testing.toy import SCHEMA

ROWS = toy.random_rows(9, 20)


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(str(tmp_path))


def find(parquet: bool = True) -> str:
    return default_files.find_file("d", SCHEMA.train_file, SCHEMA, parquet)


@pytest.mark.parametrize("parquet, missing", [
    (True, "d/toy_train.parquet is missing and d/toy_train is missing"),
    (False, "d/toy_train is missing")])
def test_missing_files_name_the_commands(parquet: bool, missing: str) -> None:
    for there in ("there is no folder d", missing):
        with pytest.raises(
                BadInput,
                match="no rows of toy: {}.\n.*python data/toy.py make .*--out d\n.*python "
                "data/toy.py convert IN d/toy_train\n.*--train_files and --eval_files$".format(
                    there)):
            find(parquet)
        os.makedirs("d", exist_ok=True)


def test_a_schema_without_a_script_names_none() -> None:
    schema = SCHEMA._replace(module="")
    with pytest.raises(BadInput, match="no rows of toy: there is no folder d. Name files of rows: "
                                       "--train_files and --eval_files$"):
        default_files.find_file("d", SCHEMA.train_file, schema, True)
    with pytest.raises(BadInput, match="schema 'toy' names no files of rows. Name them: --train_f"):
        default_files.find_file("d", "", schema, True)
    os.mkdir("d")
    toy.write_csv("d/toy_train", ROWS)
    toy.write_parquet("d/toy_train.parquet", ROWS)
    os.utime("d/toy_train.parquet", (1e9, 1e9))
    with pytest.raises(BadInput, match="in its place. Write it again, remove d/toy_train.parquet"):
        default_files.find_file("d", SCHEMA.train_file, schema, True)


def test_published_files_are_converted() -> None:
    schema = SCHEMA._replace(published=True)
    with pytest.raises(BadInput, match="no rows of toy: there is no folder d.\n  Convert the "
                                       "published files: python data/toy.py convert SOURCE --out d"
                                       "\n  Or name files of rows: --train_files and --eval_fil"):
        default_files.find_file("d", SCHEMA.train_file, schema, True)
    os.mkdir("d")
    toy.write_csv("d/toy_train", ROWS)
    toy.write_parquet("d/toy_train.parquet", ROWS)
    os.utime("d/toy_train.parquet", (1e9, 1e9))
    with pytest.raises(BadInput, match="in its place. Write it again, remove d/toy_train.parquet"):
        default_files.find_file("d", SCHEMA.train_file, schema, True)


def test_a_file_of_older_parquet_rows_is_not_taken() -> None:
    os.mkdir("d")
    toy.write_csv("d/toy_train", ROWS)
    toy.write_parquet("d/toy_train.parquet", ROWS)
    assert find() == "d/toy_train.parquet"
    os.utime("d/toy_train.parquet", (1e9, 1e9))
    with pytest.raises(
            BadInput, match="d/toy_train is newer than d/toy_train.parquet, which would be read in "
            r"its place. Convert it again \(python data/toy.py convert"):
        find()
    assert find(parquet=False) == "d/toy_train"


@pytest.mark.parametrize("name", ["toy_train", "toy_train.parquet"])
def test_a_folder_of_part_files(name: str) -> None:
    os.makedirs("d/" + name)
    assert find() == "d/" + name


@pytest.mark.parametrize("folder, other", [
    ("toy_train.parquet", "toy_train"), ("toy_train", "toy_train.parquet")])
@pytest.mark.parametrize("age", [0, 10**6])
def test_a_folder_beside_a_file(folder: str, other: str, age: int) -> None:
    os.makedirs("d/" + folder)
    toy.write_csv("d/" + other, ROWS)
    os.utime("d/" + other, (1e9 - age, 1e9 - age))
    with pytest.raises(
            BadInput, match="d/{} is a folder, and d/{} is there, too: which of them holds the "
            "rows.*--train_files or --eval_files".format(folder, other)):
        find()
    assert find(parquet=False) == "d/toy_train"


def test_two_folders() -> None:
    os.makedirs("d/toy_train")
    os.makedirs("d/toy_train.parquet")
    with pytest.raises(BadInput, match="d/toy_train.parquet is a folder, and d/toy_train is there"):
        find()


def test_what_is_there_in_place_of_a_missing_file() -> None:
    os.mkdir("d")
    toy.write_csv("d/toy_train.csv.gz", ROWS)
    with pytest.raises(BadInput, match="--eval_files; d/toy_train.csv.gz is there$"):
        find()
    os.mkdir("d/toy_train.parquet")
    with pytest.raises(BadInput, match="--eval_files; d/toy_train.parquet is there, which --tf and "
                       "--parquet_dataset false do not read$"):
        find(parquet=False)
