import os
from typing import List

import pytest

from common.config.flag_types import FlagParser
from common.errors import BadInput
from common.naming import file_names
from common.naming.file_names import NamedFile
from common.testing.toy import SCHEMA


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(str(tmp_path))


def write(*paths: str) -> None:
    for path in paths:
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        open(path, "w").close()


def parse(*words: str) -> object:
    parser = FlagParser("")
    file_names.add_flags(parser)
    return parser.parse_args(words)


def train(names: str, parquet: bool = True) -> List[str]:
    write("d/toy_test")
    files = file_names.to_train_on(names, "d", SCHEMA, parquet)
    test = file_names.to_evaluate_on("", "d", SCHEMA, parquet)
    assert test == [NamedFile("d/toy_test")]
    return [file.path for file in files]


@pytest.mark.parametrize("words, expected", [
    ((), ""),
    (("--train_files", "a,b c"), "a,b c"),
    (("--train_files", "rows/a.csv", "rows/b.csv", "--eval_files", "c"), "rows/a.csv,rows/b.csv"),
    (("--train_files=@live.txt",), "@live.txt")])
def test_the_flags(words: tuple, expected: str) -> None:
    args = parse(*words)
    assert args.train_files == expected
    assert args.eval_files == ("c" if "c" in words else "")


@pytest.mark.parametrize("words", [("",), ("a,",), ("a, ,b",), ("a", "")])
@pytest.mark.parametrize("flag", ["--train_files", "--eval_files"])
def test_empty_names(flag: str, words: tuple, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        parse(flag, *words)
    assert flag + (": expected names divided by commas, none of them empty. Got: ") in (
        capsys.readouterr().err)


def test_names_below_data_location() -> None:
    write("d/toy_train.parquet/ds=1/part-0.parquet", "d/toy_train.parquet/ds=1/_SUCCESS",
          "d/toy_test.parquet")
    assert file_names.to_train_on("", "d", SCHEMA, True) == [
        ("d/toy_train.parquet/ds=1/part-0.parquet", (("ds", "1"),))]
    assert file_names.to_evaluate_on("", "d", SCHEMA, True) == [("d/toy_test.parquet", ())]


def test_files_in_the_order_of_the_list() -> None:
    write("c", "b", "a/2", "a/1", "x/ds=1/p", "x/ds=2/p")
    write("live")
    with open("live", "w") as file:
        file.write("c\n")
    assert train("@live, b,a,x/*/p") == [
        "c", "b", "a/1", "a/2", "x/ds=1/p", "x/ds=2/p"]


def test_evaluation_files() -> None:
    write("d/toy_train", "e/1", "e/2")
    assert file_names.to_train_on("", "d", SCHEMA, False) == [("d/toy_train", ())]
    assert file_names.to_evaluate_on("e", "d", SCHEMA, False) == [("e/1", ()), ("e/2", ())]


def test_missing_evaluation_rows() -> None:
    write("a")
    with pytest.raises(BadInput, match="no rows of toy: there is no folder d.*\n.*\n.*\n.*"
                       "--eval_files"):
        file_names.to_evaluate_on("", "d", SCHEMA, True)


@pytest.mark.parametrize("names, path, first, second", [
    ("a,b,a", "a", "a", "a"), ("x,x/a", "x/a", "x", "x/a"), ("x/*,./x", "./x/a", r"x/\*", "./x"),
    ("a,link", "link", "a", "link"), ("x,folder/a", "folder/a", "x", "folder/a"),
    ("all", "all/x/a", "all", "all"), ("a,@live", "ABOVE/a", "a", "@live"),
    ("a,x/../a", "x/../a", "a", "x/../a")])
def test_a_file_named_twice(names: str, path: str, first: str, second: str) -> None:
    write("a", "b", "x/a", "all/b")
    os.symlink("a", "link")
    os.symlink("x", "folder")
    os.symlink("../x", "all/x")
    os.symlink("../x", "all/w")
    with open("live", "w") as file:
        file.write("b\n" + os.path.abspath("a"))
    path = path.replace("ABOVE", os.getcwd())
    with pytest.raises(BadInput, match="^{} is named twice, by {} and by {}, so that its rows would"
                       " count double. Leave out one.$".format(path, first, second)):
        train(names)


def test_hard_links_are_files_of_their_own() -> None:
    write("x/a")
    os.link("x/a", "x/b")
    assert train("x") == ["x/a", "x/b"]


def test_parquet_where_text_is_wanted() -> None:
    write("x/a.csv", "x/b.Parquet")
    assert train("x") == ["x/a.csv", "x/b.Parquet"]
    with pytest.raises(BadInput, match="x/b.Parquet is Parquet, which --tf and --parquet_dataset "
                       "false do not read. Name text, or drop the flag."):
        train("x", parquet=False)


def test_files_that_are_trained_and_evaluated_on(capsys: pytest.CaptureFixture) -> None:
    write("a", "b")
    os.symlink("a", "link")
    files = [NamedFile(path) for path in ("a", "b", "link")]
    file_names.warn_of_shared(files[:1], files[1:2])
    assert capsys.readouterr().err == ""
    file_names.warn_of_shared(files[:1], files[1:])
    assert capsys.readouterr().err == (
        "warning: training reads 1 of 2 evaluation files, too, the first link: metrics on "
        "seen rows say little about new ones\n")
