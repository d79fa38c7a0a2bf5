import functools
import json
import os
import tracemalloc
from typing import Any, Dict, List

import pytest

from common.errors import BadInput
from data.din.records import BadRecords
from data.din.releases import review_keys, review_line
from data.din.script import process_data

REVIEW = {
    "reviewerID": "A1", "asin": "000100", "overall": 4.0, "unixReviewTime": 1355616000,
    "reviewText": "It's\tok"
}
READ_REVIEW = functools.partial(review_line, review_keys(REVIEW))
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
    meta = write(tmp_path, "m", [repr(ITEM), repr({"asin": ""})])
    argv = [reviews, meta, "--out", str(tmp_path), "--max_bad_records"]
    assert process_data.main(argv + ["2"]) == 1
    message = ("{}, line 2: field 'asin': '' is given, expected UTF-8 text that is not empty, "
               "without tab, line end or byte 0x02. Mend or remove the line; more than "
               "--max_bad_records 2 records cannot be used.")
    assert message.format(meta) in capsys.readouterr().err
    assert process_data.main(argv + ["3"]) == 0
    shown = capsys.readouterr()
    assert "3 bad records skipped" in shown.err
    printed = [line.split("  ")[1:] for line in shown.out.splitlines()]
    assert printed == [["1 lines", "reviews-info"], ["1 lines", "item-info"]]


def test_the_first_record_tells_the_release(tmp_path: object) -> None:
    reviews = write(tmp_path, "r", [
        json.dumps({"user_id": "AE", "asin": "B2", "parent_asin": "B1", "rating": 5.0,
                    "timestamp": 1588687728923}) for _ in range(2)])
    meta = write(tmp_path, "m", [json.dumps({"parent_asin": "B1", "categories": ["Books", "Art"]}),
                                 json.dumps({"parent_asin": "B3", "categories": []})])
    assert process_data.main([reviews, meta, "--out", str(tmp_path)]) == 0
    with open(os.path.join(str(tmp_path), "reviews-info")) as file:
        assert file.read() == "AE\tB1\t5.0\t1588687728923\n" * 2
    with open(os.path.join(str(tmp_path), "item-info")) as file:
        assert file.read() == "B1\tArt\nB3\tdefault_cat\n"


def test_a_file_of_something_else_is_not_read_to_its_end(tmp_path: object) -> None:
    path = write(tmp_path, "r", ["user,item,rating,time", json.dumps(REVIEW)])
    with pytest.raises(BadInput, match="r, line 1: 'user,item,rating,time' is given, expect"):
        process_data.first_record(path, 0)
    assert process_data.first_record(path, 1) == REVIEW


@pytest.mark.parametrize("meta, message", [
    ([json.dumps([ITEM])], "m: the file is one JSON array, expected one record a line."),
    ([json.dumps({"title": "x"})], "m, line 1: field 'asin' is missing, expected UTF-8 text"),
])
def test_a_wrong_file_of_items_is_told_before_reviews_are_read(
        tmp_path: object, meta: List[str], message: str, capsys: pytest.CaptureFixture) -> None:
    argv = [write(tmp_path, "r", [json.dumps(REVIEW), "{"]), write(tmp_path, "m", meta)]
    assert process_data.main(argv + ["--out", str(tmp_path)]) == 1
    assert message in capsys.readouterr().err
    assert sorted(os.listdir(str(tmp_path))) == ["m", "r"]


def test_files_without_records(tmp_path: object) -> None:
    target = os.path.join(str(tmp_path), "out")
    for content in (["", " "], ["{"]):
        path = write(tmp_path, "r", content)
        with pytest.raises(
                BadInput,
                match="r: there is no record in it that can be used. Expected one a line"):
            process_data.convert(path, target, READ_REVIEW, BadRecords(9))
    assert os.listdir(str(tmp_path)) == ["r"]


def test_memory_does_not_grow_with_the_file(tmp_path: object) -> None:
    peaks = []
    for size in (500, 10000):
        path = write(
            tmp_path, "r",
            [json.dumps(dict(REVIEW, reviewText="x" * 500, asin=str(i))) for i in range(size)])
        tracemalloc.start()
        process_data.convert(path, path + "out", READ_REVIEW, BadRecords(0))
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
