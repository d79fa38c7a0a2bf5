import os
import subprocess
import sys

import pytest

from common.errors import BadInput
from data.din import records

REVIEW = "{'reviewerID': 'A1', 'asin': '1', 'overall': 4.0, 'unixReviewTime': 1}"
ITEM = "{'asin': '1', 'categories': [['Books']]}"


@pytest.mark.parametrize("line", [
    "{", "nonsense", "__import__('os').mkdir('made')", "{'asin': open('made', 'w')}", "{[]: 1}",
    "(" * 500, "[" * 9999, "{'a': 10L}", "\0", "7", "[1]", "{'a', 'b'}", "'a'",
    "{\"a\": 1} {\"a\": 2}"
])
def test_what_is_no_record(tmp_path: object, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(str(tmp_path))
    with pytest.raises(records.BadRecord,
                       match="is given, expected a JSON object or a Python dict of literals"):
        records.parse(line.encode("utf-8"))
    assert os.listdir(str(tmp_path)) == []


@pytest.mark.slow
@pytest.mark.parametrize("start, step, end", [("1", "+1", ""), ("a", ".b", ""), ("1.", ".b", ""),
                                              ("x", "()", ""), ("1", "()", ""), ("x", "[0]", ""),
                                              ("[0]", "[0]", ""), ("{}", "{}", ""),
                                              ("''", "%''", ""), ("", "-", "1"), ("", "not ", "1"),
                                              ("", "1if 1else ", "1"), ("", "lambda:", "0"),
                                              ("''' ' '''", "+1", "+''"), ("f'{0", "+0", "}'"),
                                              ("'\\\\'", "+1", "+'\\''")])
def test_long_operations_are_bad_records(tmp_path: object, start: str, step: str, end: str) -> None:
    text = start + step * 200000 + end
    program = os.path.join(os.path.dirname(records.__file__), "script", "process_data.py")
    reviews, meta = [os.path.join(str(tmp_path), name) for name in "rm"]
    with open(reviews, "w") as review_file, open(meta, "w") as meta_file:
        review_file.write(REVIEW)
        meta_file.write("\n".join([text, ITEM, "{'a': " + text + "}"]))
    argv = [reviews, meta, "--out", str(tmp_path), "--max_bad_records",
            "2"]  # in a process of its own, for it may die
    run = subprocess.run([sys.executable, program] + argv, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE)
    assert run.returncode == 0 and b"2 bad records skipped" in run.stderr
    with pytest.raises(records.BadRecord,
                       match="is given, expected a JSON object or a Python dict of literals"):
        records.parse(text.encode("utf-8"))


@pytest.mark.parametrize("record", [
    {}, [], (1,), {"a": -1.5e-07, "b": +7, "c": (), "d": [None, True, False, 1.0, 1e22]},
    {b"a'b": b"\\'\xff", 1: {2: {3}}},
    {"it's": "\"1+1\", \\", "\\": "'\"", "\\'": "\\\"'\t\n\x02", "": "f'{x}' # [0](1)"}])
def test_literals_are_read(record: object) -> None:
    assert records.parse(repr({"x": record}).encode("utf-8")) == {"x": record}


def test_what_is_no_utf8() -> None:
    with pytest.raises(records.BadRecord,
                       match=r"^.{.*xff.* is given, expected a JSON object .* in UTF-8"):
        records.parse(b"{'asin': '\xff'}")


@pytest.mark.parametrize("content", [b'[{"asin": "1"}]', b'\n [\n  {"asin": "1"},\n'])
def test_an_array_is_told_from_records(tmp_path: object, content: bytes) -> None:
    path = os.path.join(str(tmp_path), "meta.json")
    with open(path, "wb") as file:
        file.write(content)
    with pytest.raises(BadInput, match="meta.json: the file is one JSON array, expected one record "
                       "a line. Write it so: jq -c '.\\[\\]' .*meta.json > LINES"):
        list(records.read_records(path))


def test_records_on_several_lines(tmp_path: object) -> None:
    path = os.path.join(str(tmp_path), "meta.json")
    with open(path, "w") as file:
        file.write('{\n  "asin": "1",\n  "categories": []\n}\n')
    with pytest.raises(BadInput, match="meta.json: a record is on several lines, expected one "
                       "record a line. Write it so: jq -c . .*meta.json > LINES"):
        list(records.read_records(path))


def test_a_field_that_is_not_there() -> None:
    assert records.value_of({"a": None}, "a", "a number") is None
    with pytest.raises(records.BadRecord, match="^field 'a' is missing, expected a number$"):
        records.value_of({}, "a", "a number")
