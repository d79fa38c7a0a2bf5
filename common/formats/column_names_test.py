from typing import List

import pytest

from common.config.schema import Column, Schema
from common.errors import BadInput
from common.formats.column_names import ColumnNames

SCHEMA = Schema(
    name="shop",
    columns=(
        Column("y", "label", other_names=("CLICKED", "clicked_at_all")),
        Column("user", "hash", 9, other_names=("UID",)),
        Column("note", "unused"),
    ),
    train_file="a",
    test_file="b",
    user_column="user",
    module="data/shop.py",
)


@pytest.mark.parametrize("names, expected", [
    (["y", "user", "note"], dict(y=0, user=1, note=2)),
    (["note", "user", "y"], dict(y=2, user=1, note=0)),
    (["UID", "CLICKED", "note"], dict(y=1, user=0, note=2)),
    (["uid", "Note", "Y"], dict(y=2, user=0, note=1)),
    (["Y", "y", "USER", "user", "note"], dict(y=1, user=3, note=4)),
    (["y", "user"], dict(y=0, user=1)),  # what is read past may be missing
    (["a", "a", "y", "user"], dict(y=2, user=3)),  # so may what is not read be there twice
])
def test_columns_are_found_by_name(names: List[str], expected: dict) -> None:
    assert ColumnNames(SCHEMA).positions("f", names) == expected


@pytest.mark.parametrize("names, message", [
    (["y", "note"], r"^f: missing columns: user \(or UID\); unknown columns: none. The columns of "
                    "shop are: y, user, note.$"),
    (["label", "u", "note"], r"f: missing columns: y \(or CLICKED, clicked_at_all\), user \(or "
                             r"UID\); unknown columns: label, u. The"),
    (["y", "user", "y"], "f: columns that occur twice: y"),
    (["UID", "y", "user"], "f: column 'user' is there as UID and as user. Write the file with one"),
    (["Uid", "y", "uiD"], "f: column 'user' is there as Uid and as uiD"),
])
def test_columns_that_cannot_be_told(names: List[str], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        ColumnNames(SCHEMA).positions("f", names)


def test_a_column_may_come_from_elsewhere() -> None:
    names = ColumnNames(SCHEMA)
    assert names.positions("f", ["y"], elsewhere=["user"]) == dict(y=0)
    with pytest.raises(BadInput, match="missing columns: user"):
        names.positions("f", ["y"], elsewhere=["note"])


def test_other_columns_are_named_once(capsys: pytest.CaptureFixture) -> None:
    names = ColumnNames(SCHEMA)
    for path in ("f", "g"):
        names.positions(path, ["y", "user", "__index_level_0__", "day"])
    names.positions("h", ["y", "user", "hour", "day"])
    names.positions("h", ["y", "user"])
    assert capsys.readouterr().err.splitlines() == [
        "f: columns that shop does not have are left out: __index_level_0__, day. "
        "--strict_columns refuses them.",
        "h: columns that shop does not have are left out: hour. --strict_columns refuses them.",
    ]


def test_other_columns_may_be_refused() -> None:
    names = ColumnNames(SCHEMA, strict=True)
    assert names.positions("f", ["UID", "y"]) == dict(y=1, user=0)
    with pytest.raises(BadInput, match="f: columns that shop does not have: day, hour. Write the "
                                       "file without them, or .* --strict_columns false"):
        names.positions("f", ["y", "day", "user", "hour"])
