import json
import os
import subprocess
import sys
import tracemalloc
from typing import Any, Dict, List

import pytest

from common.errors import BadInput
from data.din.script import process_data

REVIEW = {
    "reviewerID": "A1", "asin": "000100", "overall": 4.0, "unixReviewTime": 1355616000,
    "reviewText": "It's\tok"
}
ITEM = {
    "asin": "000100", "categories": [["Books", "Crime & \"Co\""], ["Books", "Other"]],
    "title": "'A'"
}


def write(folder: object, name: str, lines: List[str]) -> str:
    path = os.path.join(str(folder), name)
    with open(path, "w", encoding="utf-8") as file:
        file.write("".join(line + "\n" for line in lines))
    return path


def with_field(record: Dict[str, Any], name: str, value: object) -> Dict[str, Any]:
    return dict(record, **{name: value})


def test_json_and_literals_give_the_same(tmp_path: object) -> None:
    reviews = write(tmp_path, "r",
                    [json.dumps(REVIEW), "", " " + repr(with_field(REVIEW, "overall", 5)) + " "])
    meta = write(tmp_path, "m", [
        repr(ITEM),
        json.dumps(with_field(ITEM, "asin", "naïve")),
        "{'asin': u'x', 'categories': [['Bücher']], 'a': None, 'b': True}"
    ])
    assert process_data.main([reviews, meta, "--out", str(tmp_path)]) == 0
    with open(os.path.join(str(tmp_path), "reviews-info"), encoding="utf-8") as file:
        assert file.read() == "A1\t000100\t4.0\t1355616000\nA1\t000100\t5\t1355616000\n"
    with open(os.path.join(str(tmp_path), "item-info"), encoding="utf-8") as file:
        assert file.read() == "000100\tCrime & \"Co\"\nnaïve\tCrime & \"Co\"\nx\tBücher\n"


@pytest.mark.parametrize("line", [
    "{", "nonsense", "__import__('os').mkdir('made')", "{'asin': open('made', 'w')}", "{[]: 1}",
    "(" * 500, "[" * 9999, "{'a': 10L}", "\0", "7", "[1]", "{'a', 'b'}", "'a'",
    "{\"a\": 1} {\"a\": 2}"
])
def test_what_is_no_record(tmp_path: object, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(str(tmp_path))
    with pytest.raises(process_data.BadRecord,
                       match="is given, expected a JSON object or a Python dict of literals"):
        process_data.parse(line.encode("utf-8"))
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
    reviews = write(tmp_path, "r", [json.dumps(REVIEW)])
    meta = write(tmp_path, "m", [text, repr(ITEM), "{'a': " + text + "}"])
    argv = [reviews, meta, "--out", str(tmp_path), "--max_bad_records",
            "2"]  # in a process of its own, for it may die
    run = subprocess.run([sys.executable, process_data.__file__] + argv, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE)
    assert run.returncode == 0 and b"2 bad records skipped" in run.stderr
    with pytest.raises(process_data.BadRecord,
                       match="is given, expected a JSON object or a Python dict of literals"):
        process_data.parse(text.encode("utf-8"))


@pytest.mark.parametrize("record", [
    {}, [], (1,), {"a": -1.5e-07, "b": +7, "c": (), "d": [None, True, False, 1.0, 1e22]},
    {b"a'b": b"\\'\xff", 1: {2: {3}}},
    {"it's": "\"1+1\", \\", "\\": "'\"", "\\'": "\\\"'\t\n\x02", "": "f'{x}' # [0](1)"}])
def test_literals_are_read(record: object) -> None:
    assert process_data.parse(repr({"x": record}).encode("utf-8")) == {"x": record}


def test_what_is_no_utf8() -> None:
    with pytest.raises(process_data.BadRecord,
                       match=r"^.{.*xff.* is given, expected a JSON object .* in UTF-8"):
        process_data.parse(b"{'asin': '\xff'}")


@pytest.mark.parametrize("field, value, message", [
    ("overall", "5", "'5' is given, expected a number"),
    ("overall", None, "None is given, expected a number"),
    ("overall", True, "True is given, expected a number"),
    ("overall", float("nan"), "nan is given, expected a number"),
    ("overall", float("inf"), "inf is given, expected a number"),
    ("overall", 10 ** 400, "10{76}... is given, expected a number"),
    ("unixReviewTime", 1.5, "1.5 is given, expected a whole number of seconds"),
    ("unixReviewTime", "12 16, 2012", "'12 16, 2012' is given, expected a whole number of seconds"),
    ("unixReviewTime", False, "False is given, expected a whole number of seconds"),
    ("unixReviewTime", 1 << 63, "9223372036854775808 is given, expected a whole number"),
    ("reviewerID", "",
     "'' is given, expected UTF-8 text that is not empty, without tab, line end or byte 0x02"),
    ("reviewerID", 7, "7 is given, expected UTF-8 text"),
    ("reviewerID", "A\t1", r"'A\\t1' is given, expected UTF-8 text"),
    ("asin", "A\n1", r"'A\\n1' is given"),
    ("asin", "A\r", r"'A\\r' is given"),
    ("asin", "A\x02" + "1" * 99, r"'A\\x021{71}\.\.\. is given"),
    ("asin", "\ud800", r"'\\ud800' is given"),
    ("asin", None, "None is given"),
])
def test_bad_reviews(field: str, value: object, message: str) -> None:
    with pytest.raises(process_data.BadRecord, match="^field '" + field + "': " + message):
        process_data.review_line(with_field(REVIEW, field, value))


@pytest.mark.parametrize("field, value, message", [
    ("asin", "", "'' is given, expected UTF-8 text"),
    ("categories", None, "None is given, expected a list of paths, each a list of names"),
    ("categories", [], r"\[\] is given, expected a list of paths"),
    ("categories", [[]], r"\[\[\]\] is given, expected a list of paths"),
    ("categories", ["Books"], r"\['Books'\] is given, expected a list of paths"),
    ("categories", [["Books", 7]], "7 is given, expected UTF-8 text"),
    ("categories", [["Books", ""]], "'' is given, expected UTF-8 text"),
    ("categories", [["Books", "a\x02b"]], r"'a\\x02b' is given, expected UTF-8 text"),
])
def test_bad_items(field: str, value: object, message: str) -> None:
    with pytest.raises(process_data.BadRecord, match="^field '" + field + "': " + message):
        process_data.item_line(with_field(ITEM, field, value))


def test_a_bad_record_stops_the_run(tmp_path: object, capsys: pytest.CaptureFixture) -> None:
    reviews = write(tmp_path, "r",
                    [json.dumps(REVIEW), "",
                     json.dumps(with_field(REVIEW, "overall", "x"))])
    meta = write(tmp_path, "m", [repr(ITEM)])
    assert process_data.main([reviews, meta, "--out", str(tmp_path)]) == 1
    message = ("error: {}, line 3: field 'overall': 'x' is given, expected a number. Mend or "
               "remove the line, or skip up to N such records with --max_bad_records N.\n")
    assert message.format(reviews) in capsys.readouterr().err
    assert sorted(os.listdir(str(tmp_path))) == ["m", "r"]


def test_bad_records_are_skipped_and_counted(tmp_path: object,
                                             capsys: pytest.CaptureFixture) -> None:
    reviews = write(tmp_path, "r", ["{", json.dumps(REVIEW), "[]"])
    meta = write(tmp_path, "m", [repr(ITEM), repr({"asin": "B"})])
    argv = [reviews, meta, "--out", str(tmp_path), "--max_bad_records"]
    assert process_data.main(argv + ["2"]) == 1
    message = ("{}, line 2: field 'categories': None is given, expected a list of paths, each a "
               "list of names. Mend or remove the line; more than --max_bad_records 2 records "
               "cannot be used.")
    assert message.format(meta) in capsys.readouterr().err
    assert process_data.main(argv + ["3"]) == 0
    shown = capsys.readouterr()
    assert "3 bad records skipped" in shown.err
    printed = [line.split("  ")[1:] for line in shown.out.splitlines()]
    assert printed == [["1 lines", "reviews-info"], ["1 lines", "item-info"]]


def test_files_without_records(tmp_path: object) -> None:
    target = os.path.join(str(tmp_path), "out")
    for content in (["", " "], ["{"]):
        path = write(tmp_path, "r", content)
        with pytest.raises(
                BadInput,
                match="r: there is no record in it that can be used. Expected one a line"):
            process_data.convert(path, target, process_data.review_line, process_data.BadRecords(9))
    assert os.listdir(str(tmp_path)) == ["r"]


def test_memory_does_not_grow_with_the_file(tmp_path: object) -> None:
    peaks = []
    for size in (500, 10000):
        path = write(
            tmp_path, "r",
            [json.dumps(dict(REVIEW, reviewText="x" * 500, asin=str(i))) for i in range(size)])
        tracemalloc.start()
        process_data.convert(path, path + "out", process_data.review_line,
                             process_data.BadRecords(0))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert os.path.getsize(path) > 6e6 and peaks[1] < peaks[0] + 20000 < 4e5


@pytest.mark.parametrize("argv, message", [
    (["r", "m", "--max_bad_records", "-1"], "--max_bad_records must be >= 0. Got: -1"),
    (["r", "m", "--max_bad_records", "x"], "invalid int value: 'x'"),
    (["r"], "the following arguments are required: meta"),
])
def test_wrong_use(argv: List[str], message: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as end:
        process_data.main(argv)
    assert end.value.code == 2 and message in capsys.readouterr().err
