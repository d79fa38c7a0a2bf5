import gzip
import re
from typing import Any

import pyarrow.parquet as pq
import pytest

from data import quoted, schema

TEXT = ('who,"what, and when",n\r\n'
        '007,"a, ""b""\r\nc",1\r\n'
        '\r\n'
        'NULL,d"e,\r\n')
COLUMNS = {"who": ["007", "NULL"], "what, and when": ['a, "b"\r\nc', 'd"e'], "n": ["1", ""]}


@pytest.mark.parametrize("form", ["plain", "mark", "gzip", "tabs"])
def test_quotes_hold_fields_together(tmp_path: Any, form: str,
                                     capsys: pytest.CaptureFixture) -> None:
    text = TEXT.replace(",", "\t") if form == "tabs" else TEXT
    data = text.encode("utf-8-sig" if form == "mark" else "utf-8")
    source = tmp_path.joinpath("rows.csv.gz" if form == "gzip" else "rows.csv")
    source.write_bytes(gzip.compress(data) if form == "gzip" else data)
    target = str(tmp_path.joinpath("rows.parquet"))
    flags = ["--delimiter", "\\t"] if form == "tabs" else []
    assert schema.main(["convert", str(source), target, *flags]) == 0
    assert "rows.parquet: 2 rows" in capsys.readouterr().out
    expected = COLUMNS
    if form == "tabs":
        expected = {name.replace(",", "\t"): [text.replace(",", "\t") for text in texts]
                    for name, texts in COLUMNS.items()}
    assert pq.read_table(target).to_pydict() == expected


def test_rows_are_written_some_at_a_time(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quoted, "_BATCH_ROWS", 2)
    tmp_path.joinpath("rows.csv").write_text("a\n1\n2\n3\n4\n5\n")
    target = str(tmp_path.joinpath("rows.parquet"))
    assert quoted.to_parquet(str(tmp_path.joinpath("rows.csv")), target, ",") == 5
    assert pq.read_table(target).to_pydict() == {"a": ["1", "2", "3", "4", "5"]}
    assert pq.ParquetFile(target).num_row_groups == 3


@pytest.mark.parametrize("content, message", [
    (b"", "rows.csv: has no rows."),
    (b"a,b\n", "rows.csv: has no rows."),
    (b"a,b\n1,2\n3,4,5\n", "rows.csv, line 3: expected 2 fields, as the first line has, and not 3"),
    (b'a,b\n1,"2\n3,4\n', "rows.csv, line 2: unexpected end of data. A field that begins with a"),
    (b'a,b\n1,"2"x\n', "rows.csv, line 2: ',' expected after '\"'. A field that begins with a"),
    (b"a,b\n1,\xff\n", r"rows.csv, line 1 or one below: b'\\xff' is not UTF-8. Write the file"),
    (b"a,a\n1,2\n", "rows.csv: columns that occur twice: 'a'. Rename or remove one of each"),
    (b"a;b\n1;2\n", "',' divides its first line into one column, 'a;b'"),
    ("a,b\n1,2\n".encode("utf-16"), "rows.csv: this is UTF-16"),
    (None, "rows.csv: no such file"),
])
def test_text_that_cannot_be_read_leaves_the_target(tmp_path: Any, content: Any, message: str,
                                                    capsys: pytest.CaptureFixture) -> None:
    target = tmp_path.joinpath("rows.parquet")
    target.write_text("before")
    if content is not None:
        tmp_path.joinpath("rows.csv").write_bytes(content)
    assert schema.main(["convert", str(tmp_path.joinpath("rows.csv")), str(target)]) == 1
    assert re.search(message, capsys.readouterr().err)
    assert target.read_text() == "before"
    assert {path.name for path in tmp_path.iterdir()} <= {"rows.csv", "rows.parquet"}


def test_the_target_is_parquet(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit, match="2"):
        schema.main(["convert", "a.csv", "b.csv"])
    assert "expected a name that ends in .parquet. Got: 'b.csv'" in capsys.readouterr().err
