import os
import time
from typing import List

import pytest

from common.errors import BadInput
from common.naming import named_files
from common.places import location
from common.testing.object_store import ObjectStore
from common.testing.toy import SCHEMA


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(str(tmp_path))


def write(*paths: str) -> None:
    for path in paths:
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        open(path, "w").close()


def write_list(path: str, content: bytes) -> None:
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)


def read(name: str) -> List[str]:
    return [file.path for file in named_files.read("--eval_files", name, SCHEMA)]


def error(name: str) -> str:
    with pytest.raises(BadInput) as caught:
        read(name)
    return str(caught.value)


def test_a_file() -> None:
    write("a b.json", "ds=1/_a.tmp")
    assert read("a b.json") == ["a b.json"]
    assert named_files.read("", "ds=1/_a.tmp", SCHEMA) == [
        ("ds=1/_a.tmp", (("ds", "1"),))]  # named by itself, any file is read


@pytest.mark.parametrize("name", ["rows", "rows/", "./rows", "rows//"])
def test_a_folder_as_spark_writes_it(name: str) -> None:
    write("rows/_SUCCESS", "rows/._SUCCESS.crc", "rows/part-1.csv", "rows/.part-1.csv.crc",
          "rows/part-0.csv", "rows/part-10.csv", "rows/_temporary/0/part-7.csv")
    folder = name.rstrip("/")
    assert read(name) == [folder + "/part-0.csv", folder + "/part-1.csv", folder + "/part-10.csv"]


def test_a_folder_of_partitions() -> None:
    write("rows/ds=2026-11-21/hour=07/b", "rows/ds=2026-11-20/hour=%3A/a",
          "rows/ds=2026-11-20/hour=__HIVE_DEFAULT_PARTITION__/a")
    assert named_files.read("", "rows", SCHEMA) == [
        ("rows/ds=2026-11-20/hour=%3A/a", (("ds", "2026-11-20"), ("hour", ":"))),
        ("rows/ds=2026-11-20/hour=__HIVE_DEFAULT_PARTITION__/a", (
            ("ds", "2026-11-20"), ("hour", None))),
        ("rows/ds=2026-11-21/hour=07/b", (("ds", "2026-11-21"), ("hour", "07")))]
    glob = named_files.read("", "rows/ds=2026-11-2[1-9]/*/*", SCHEMA)
    assert glob == [("rows/ds=2026-11-21/hour=07/b", (("ds", "2026-11-21"), ("hour", "07")))]
    write("rows/c")
    assert "rows/c lies in folders of no column, rows/ds=2026-11-20/hour=%3A/a in" in error("rows")


def test_globs() -> None:
    write("x/a.parquet/part-0", "x/b.parquet", "x/c.csv", "x/y/d.parquet", ".git/e.parquet")
    assert read("x/*.parquet") == ["x/a.parquet/part-0", "x/b.parquet"]
    assert read("**/*.parquet") == [
        "./x/a.parquet/part-0", "./x/b.parquet", "./x/y/d.parquet"]
    assert read(os.path.abspath("x") + "/?.csv") == [os.path.abspath("x/c.csv")]


def test_names_with_brackets_that_are_there_are_no_globs() -> None:
    write("a[1].csv", "a1.csv", "rows [old]/a", "rows [old]/b[2]", "rows [old]/b2")
    assert read("a[1].csv") == ["a[1].csv"]
    assert read("rows [old]/b*") == ["rows [old]/b2", "rows [old]/b[2]"]
    assert read("rows [old]") == ["rows [old]/a", "rows [old]/b2", "rows [old]/b[2]"]
    os.remove("a[1].csv")
    assert read("a[1].csv") == ["./a1.csv"]


def test_only_folders_that_a_glob_can_match_are_looked_into() -> None:
    write("a.csv", "x/b.csv")
    os.symlink("..", "x/up")
    assert read("*.csv") == ["./a.csv"]
    assert "x/up is a link that leads back to " + os.getcwd() in error("**/*.csv")


@pytest.mark.parametrize("name, message", [
    ("nope", "^--eval_files nope: no such file or folder. A relative name is looked up below the "
     "working directory, /.*A name that holds a comma goes into a list: --eval_files @FILE"),
    ("nope/*.csv", r"nope/\*.csv: no such .* Before the first wildcard there must be a folder"),
    ("x/{a", "x/{a: no such .* Braces are not expanded: list the names"),
    ("x/*.csv", r"^x/\*.csv: no file matches it. There is x with 2 files below it.$"),
    ("x/a*", r"^x/a\*: no file of rows in it. Of 1 file none"),
    ("y", "^y: no file of rows in it. Of 0 files none"),
    ("x/a.tmp/b", "^--eval_files x/a.tmp/b: no such file or folder")])
def test_names_of_nothing(name: str, message: str) -> None:
    write("x/a.tmp", "x/_b")
    os.mkdir("y")
    with pytest.raises(BadInput, match=message):
        read(name)


def test_links() -> None:
    write("real/a", "there/b")
    os.symlink("../real", "there/folder")
    os.symlink("../real/a", "there/file")
    assert read("there") == ["there/b", "there/file", "there/folder/a"]
    os.symlink("nothing", "there/broken")
    assert error("there") == "there: there/broken is a link to a file that is not there"


def test_what_is_no_file() -> None:
    write("there/a")
    os.mkfifo("there/pipe")
    assert error("there") == "there: there/pipe is a named pipe"
    once = ": it is a named pipe, and rows are read more than once and from any place. Write them "
    assert "--eval_files there/pipe" + once in error("there/pipe")
    write_list("live", b"there/pipe\n")
    assert "live, line 1: there/pipe" + once in error("@live")
    assert "--eval_files /dev/null: it is a device, and rows" in error("/dev/null")


@pytest.mark.parametrize("entry, folder, is_read", [
    ("rows", "rows/run", True), ("rows/", "./rows", True), ("rows", "rows2/run", False),
    (".", "result", True), ("rows", "rows/_run/a", False), ("rows/*", "rows/run", True),
    ("rows/*.csv", "rows/run", False), ("rows/**/*.csv", "rows/run", False),
    ("rows/**", "rows/a/b", True), ("link", "rows/run", True), ("@live", "rows/run", False),
    ("rows/a", "rows", False), ("s3://b/rows", "s3://b/rows/run", True),
    ("s3://b/rows", "s3://b/rows2", False), ("rows", "s3://b/rows", False)])
def test_a_folder_that_a_name_stands_for(entry: str, folder: str, is_read: bool) -> None:
    os.makedirs("rows")
    os.symlink("rows", "link")
    assert named_files.stands_for(entry, folder) is is_read


@pytest.mark.parametrize("lines, folder, is_read", [
    (b"a\nmore/\n", "rows/more/run", True), (b"more/\n", "rows/other/run", False),
    (b"more\n", "rows/more/run", False), (b"s3://b/rows/\n", "s3://b/rows/run", True),
    (b"../rows/\n", "run", False), (b"../\n", "run", True), (b"\xff", "rows/run", False)])
def test_a_folder_that_a_list_stands_for(lines: bytes, folder: str, is_read: bool) -> None:
    os.mkdir("rows")
    write_list("rows/live", lines)
    assert named_files.stands_for("@rows/live", folder) is is_read
    assert not named_files.stands_for("@nope", folder)


def test_hidden_links_to_nothing() -> None:
    write("x/a")
    os.symlink("user@host:1", "x/.#a")
    assert read("x") == ["x/a"]


def test_a_folder_that_may_not_be_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    write("x/y/a")

    def denied(folder: str) -> None:
        raise PermissionError(13, "Permission denied", folder)

    monkeypatch.setattr(os, "scandir", denied)
    assert error("x") == "x: [Errno 13] Permission denied: 'x'"


def test_names_that_are_not_utf8() -> None:
    write("x/a")
    os.rename(b"x/a", b"x/\xff")
    assert error("x") == r"'x/\udcff': the name is not UTF-8. Rename the file."


def test_a_bucket_with_wildcards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(location, "exists", lambda path: False)
    monkeypatch.setattr(location, "folder_exists", lambda path: False)
    assert error("s3://rows-*/a.csv") == (
        "--eval_files s3://rows-*/a.csv: a bucket or host must be named without wildcards.")


def test_a_list() -> None:
    write("days/ds=1/a.csv", "days/b,c[1].csv", "days/ d.csv", "more/part-0", os.path.abspath("e"))
    write_list("days/live.txt", "\ufeffds=1/a.csv\r\n\r\nb,c[1].csv\n d.csv\n../more/\n{}\n".format(
        os.path.abspath("e")).encode())
    assert named_files.read("", "@days/live.txt", SCHEMA) == [
        ("days/ds=1/a.csv", (("ds", "1"),)), ("days/b,c[1].csv", ()), ("days/ d.csv", ()),
        ("days/../more/part-0", ()), (os.path.abspath("e"), ())]


def test_uris_of_files() -> None:
    write("a%20b", "c d")
    folder = os.path.abspath(".")
    write_list("live", "file://{0}/a%20b\nfile:{0}/c%20d\ns3://bucket/e\n".format(folder).encode())
    assert read("@live") == [folder + "/a%20b", folder + "/c d", "s3://bucket/e"]
    assert read("file://{}/c d".format(folder)) == [folder + "/c d"]
    assert read("@file://{}/live".format(folder)) == read("@live")


@pytest.mark.parametrize("content, message", [
    (b"a\n\n*.csv\n", r"live, line 3: \*.csv: no such file. Names in a list are taken as they"),
    (b"a\nx\n", "live, line 2: x: no such file.*folders with a / at the end"),
    (b"x/\n", "x/: no file of rows in it"),
    (b" \n\n", "--eval_files @live: the list is empty. Expected a path a line"),
    (b"\xff\n", r"--eval_files @live: the list cannot be read \(.*utf-8.*\). Expected a text")])
def test_lists_that_cannot_be_used(content: bytes, message: str) -> None:
    write("a")
    os.mkdir("x")
    write_list("live", content)
    with pytest.raises(BadInput, match=message):
        read("@live")


def test_a_list_that_is_not_there() -> None:
    assert error("@nope").startswith("--eval_files @nope: the list cannot be read (")


def test_many_files_take_one_walk(monkeypatch: pytest.MonkeyPatch) -> None:
    for hour in range(10):
        write("rows/hour={}/first".format(hour))
        for part in range(1000):
            os.link("rows/hour=0/first", "rows/hour={}/part-{:05}".format(hour, part))
    sizes: List[str] = []
    monkeypatch.setattr(location, "exists", lambda path: sizes.append(path))
    start = time.time()
    assert len(read("rows")) == 10010
    assert len(sizes) == 1 and time.time() - start < 5


def test_folders_and_globs_of_an_object_store(store: ObjectStore) -> None:
    for key in ("ds=1/a.parquet", "ds=1/_SUCCESS", "ds=2/b.parquet", "ds=2/_tmp/c", "ds=2_$folder$",
                "_x/d"):
        store.put("rows/" + key, b"x")
    folder = store.address("rows")
    expected = [(folder + "/ds=1/a.parquet", (("ds", "1"),)),
                (folder + "/ds=2/b.parquet", (("ds", "2"),))]
    for name in (folder, folder + "/", folder + "/*/*.parquet", folder + "/ds=[12]",
                 store.address() + "/**/*.parquet"):
        assert named_files.read("", name, SCHEMA) == expected
    assert read(folder + "/ds=2/b.parquet") == [folder + "/ds=2/b.parquet"]
    store.put("live.txt", "rows/ds=1/a.parquet\n{}/ds=2/b.parquet\n".format(
        folder.replace("s3:", "s3a:")).encode())
    assert named_files.read("", "@" + store.address("live.txt"), SCHEMA) == expected
    store.put("rows/_delta_log/0.json", b"")
    for name in (folder, folder + "/ds=1", folder + "/*/*.parquet"):
        assert "rows is a Delta table" in error(name)
    assert "no such file or folder" in error(folder + "/nope")
