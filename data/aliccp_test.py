import gzip
import io
import os
from typing import Dict, List

import pytest

from common.errors import BadInput
from data import aliccp

NAMES = [column.name for column in aliccp.SCHEMA.columns]


def feature(field: str, name: str, value: str = "1.0") -> str:
    return "{}\x02{}\x03{}".format(field, name, value)


def publish(folder: object, shared: List[str], impressions: List[str]) -> str:
    """Writes the same lines as training and as test files, of which one is compressed."""
    for kind, lines in (("common_features", shared), ("sample_skeleton", impressions)):
        text = "".join(line + "\n" for line in lines).encode()
        with open(os.path.join(str(folder), kind + "_train.csv"), "wb") as file:
            file.write(text)
        with gzip.open(os.path.join(str(folder), kind + "_test.csv.gz"), "wb") as packed:
            packed.write(text)
    return str(folder)


USER = "k1,4,{}\x01{}\x01{}\x01{}".format(
    feature("101", "u1"), feature("109_14", "a", "0.5"), feature("109_14", "b", "2"),
    feature("109_14", "c", "2"))
IMPRESSION = "1,1,0,k1,2,{}\x01{}".format(feature("205", "i1"), feature("301", "x"))


def rows_of(folder: str, name: str) -> List[Dict[str, str]]:
    with open(os.path.join(folder, name)) as file:
        lines = [line.rstrip("\n").split(",") for line in file]
    assert lines[0] == NAMES
    return [dict(zip(NAMES, line)) for line in lines[1:]]


def test_impressions_are_joined_with_what_they_share(tmp_path: object) -> None:
    other = IMPRESSION.replace("k1", "k2").replace("i1", "i2")
    users = [USER, "k2,1," + feature("101", "u2")]
    folder = publish(tmp_path, users, [IMPRESSION, other, IMPRESSION])
    assert aliccp.convert(folder, 2, folder) == {"aliccp_train": 3, "aliccp_test": 3}
    rows = rows_of(folder, "aliccp_train")
    assert [(row["101"], row["205"], row["109_14"]) for row in rows] == [
        ("u1", "i1", "b|c"), ("u2", "i2", ""), ("u1", "i1", "b|c")]
    assert (rows[0]["click"], rows[0]["purchase"], rows[0]["301"], rows[0]["853"]) == (
        "1", "0", "x", "")
    assert rows_of(folder, "aliccp_test") == rows


@pytest.mark.parametrize("old, new, message", [
    ("1,1,0", "1,yes,0", "sample_skeleton_train.csv, line 1: click is 'yes', expected 0 or 1"),
    ("1,1,0", "1,1,-", "line 1: purchase is '-', expected 0 or 1"),
    ("1,1,0,", "1,1,", "line 1: the line is '1,1,k1.*expected 6 fields divided by ',', not 5"),
    ("k1", "k9", "line 1: the index of common features is 'k9', expected one that the file of com"),
    ("205", "999", "line 1: a feature is '999.*, expected FIELD 0x02 ID 0x03 VALUE with one of"),
    ("301", "205", "line 1: a feature is '205.*, expected one feature of field 205"),
    ("i1", "i|1", "line 1: a feature is '205.*, expected FIELD 0x02 ID 0x03 VALUE with one of"),
    ("1.0", "", "line 1: a feature is '205.*, expected FIELD 0x02 ID 0x03 VALUE"),
])
def test_impressions_that_are_refused(tmp_path: object, old: str, new: str, message: str) -> None:
    folder = publish(tmp_path, [USER], [IMPRESSION.replace(old, new, 1)])
    before = sorted(os.listdir(folder))
    with pytest.raises(BadInput, match=message):
        aliccp.convert(folder, 2, folder)
    assert sorted(os.listdir(folder)) == before


def test_an_index_stands_once(tmp_path: object) -> None:
    folder = publish(tmp_path, [USER, USER], [IMPRESSION])
    path = os.path.join(folder, "common_features_train.csv")
    with pytest.raises(BadInput, match="line 2: the index is 'k1', expected one that no other"):
        aliccp.CommonFeatures(path, io.BytesIO(), 2)


def test_missing_files_and_wrong_use(tmp_path: object, capsys: pytest.CaptureFixture) -> None:
    out = str(tmp_path)
    assert aliccp.main(["convert", out, "--out", out]) == 1
    assert "sample_skeleton_train.csv: no such file, and no sample_skeleton_train.csv.gz either. " \
        "Name the folder of the four published files" in capsys.readouterr().err
    with pytest.raises(SystemExit) as end:
        aliccp.main(["convert", out, "--items", "0"])
    assert end.value.code == 2 and "--items must be > 0. Got: 0" in capsys.readouterr().err


def test_made_files_are_joined(tmp_path: object, capsys: pytest.CaptureFixture) -> None:
    out = str(tmp_path)
    assert aliccp.main(["make", "--rows", "60", "--out", out]) == 0
    assert aliccp.main(["convert", out, "--out", out]) == 0
    rows = rows_of(out, "aliccp_train")
    assert len(rows) == 60 and len({row["101"] for row in rows}) == 6
    assert all(row["110_14"].count("|") == 4 for row in rows)
