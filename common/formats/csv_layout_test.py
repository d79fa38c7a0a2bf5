from typing import List, Optional

import pytest

from common.config.schema import Schema
from common.errors import BadInput
from common.formats import csv_layout
from common.formats.column_names import ColumnNames
from common.formats.csv_layout import Layout
from common.formats.text_bytes import TextBytes
from common.places import location
from common.testing.toy import NAMES, SCHEMA

ROW = "1,0,u,k,e,3,a|b"
MARK = b"\xef\xbb\xbf"
TABBED = SCHEMA._replace(delimiter="\t", columns=tuple(
    column._replace(other_names=(column.name.upper() + "_ID",)) for column in SCHEMA.columns))


def layout_of(folder: object, data: bytes, header: bool = False,
              schema: Schema = SCHEMA) -> Layout:
    path = "{}/rows".format(folder)
    with open(path, "wb") as file:
        file.write(data)
    text = TextBytes(path, location.stamp(path))
    return csv_layout.find(text, schema, ColumnNames(schema) if header else None)


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", MARK])
@pytest.mark.parametrize("header, columns", [
    (",".join(NAMES), NAMES),
    ("tags,size,day,extra,kind,user,z,y",
     ["tags", "size", "day", "extra", "kind", "user", "z", "y"]),
    ('"tags", "size","a ""day"", or two",extra,kind,user,z,y',
     ["tags", "size", 'a "day", or two', "extra", "kind", "user", "z", "y"]),
    (",y , z,USER,kind,extra,size,tags", ["", *NAMES]),  # pandas' index, blanks, letter case
    ("y,z,user,kind,size,tags", ["y", "z", "user", "kind", "size", "tags"]),  # extra is not read
])
def test_a_header_names_the_columns(tmp_path: object, header: str, columns: List[str],
                                    mark: bytes, line_end: str) -> None:
    line = mark + (header + line_end).encode()
    layout = layout_of(tmp_path, line + (ROW + line_end).encode(), header=True)
    assert layout == Layout(columns, len(line), True, mark == MARK)


def test_a_header_of_other_names_and_another_delimiter(tmp_path: object) -> None:
    names = [name.upper() + "_ID" for name in reversed(NAMES)]
    layout = layout_of(tmp_path, "\t".join(names).encode(), header=True, schema=TABBED)
    assert layout.columns == NAMES[::-1]


def test_a_file_without_header_has_the_columns_of_the_schema(tmp_path: object) -> None:
    assert layout_of(tmp_path, ROW.encode()) == Layout(NAMES, 0)
    assert layout_of(tmp_path, MARK + ROW.encode()) == Layout(NAMES, 3, has_mark=True)
    assert layout_of(tmp_path, b"") == Layout(NAMES, 0)
    assert layout_of(tmp_path, b"", header=True) == Layout(NAMES, 0)


@pytest.mark.parametrize("header, message", [
    ("y,z,user,kind,tags", "rows: missing columns: size; unknown columns: none"),
    ("y,z,user,kind,size,tags,user", "rows: columns that occur twice: user"),
    (ROW, r"rows: with --csv_header its first line should name the columns of toy. It is "
          r"'1,0,u,k,e,3,a\|b'. Give --csv_header false"),
    ("", "rows: with --csv_header its first line should name the columns of toy. It is ''"),
])
def test_headers_that_cannot_be_used(tmp_path: object, header: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        layout_of(tmp_path, "{}\n{}\n".format(header, ROW).encode(), header=True)


@pytest.mark.parametrize("first", [
    ",".join(NAMES), '"y","z","user","kind","extra","size","tags"', "Y,Z,more,other,User,Tags\r",
    "clicked,purchase,u,k,e,3,a", '"Is bought","purchase_2",u,k,e,3,a'
])
def test_a_header_that_was_not_asked_for(tmp_path: object, first: str) -> None:
    data = "{}\n{}\n".format(first, ROW).encode()
    for mark in (b"", MARK):
        with pytest.raises(BadInput, match=r"rows: its first line is '.*'. Is this a header\? Then "
                                           "give --csv_header"):
            layout_of(tmp_path, mark + data)


@pytest.mark.parametrize("first, second", [
    ("true,false,u,k,e,3,a", ROW), ("x,x", ROW), ("2,z,u,k,e,3,a", ROW), ("a,b,c,d,e,f,g", "x,y"),
    ("a,b,c,d,e,f,g", None), ("1,0,user,kind,e,3,a", ROW), ("a,b,u,k,e,3,a", "a,b,u,k,e,3,a")
])
def test_rows_that_are_no_header(tmp_path: object, first: str, second: Optional[str]) -> None:
    data = "\n".join([first, second] if second else [first]).encode()
    assert layout_of(tmp_path, data) == Layout(NAMES, 0)


def test_long_lines(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    row = ROW + "|item" * 200000
    for data in (row + "\n" + row + "\n" + row, row, '"' + row, row + "\0"):
        assert layout_of(tmp_path, data.encode()).start == 0
    monkeypatch.setattr(csv_layout, "_MAX_HEAD_BYTES", 1 << 18)
    with pytest.raises(BadInput, match="rows: there are not two lines in its first .* bytes. Is"):
        layout_of(tmp_path, row.encode())
