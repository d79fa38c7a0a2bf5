from typing import List
from unittest import mock

import pyarrow as pa
import pytest

from common.config.schema import Column, Schema
from data import command

SCHEMA = Schema(name="tiny", columns=(Column("y", "label"), Column("u", "hash", 9)),
                train_file="tiny_train", test_file="tiny_test", user_column="u",
                module="data/tiny.py")
RATES = {"click_rate": command.Rate(0.25, "share of rows clicked")}


def test_a_failed_conversion_is_no_wrong_use(monkeypatch: pytest.MonkeyPatch,
                                             capsys: pytest.CaptureFixture) -> None:
    conversion = mock.Mock(side_effect=pa.ArrowInvalid("offset overflow"))
    monkeypatch.setattr(command, "convert", conversion)
    assert command.run(["convert", "a", "b"], SCHEMA, 1, {}, dict) == 1
    assert "error: offset overflow" in capsys.readouterr().err


def test_make_is_given_its_arguments(capsys: pytest.CaptureFixture) -> None:
    make = mock.Mock(return_value={"rows": 12})
    assert command.run(["make"], SCHEMA, 12, RATES, make) == 0
    make.assert_called_once_with(rows=12, test_rows=2, seed=1, click_rate=0.25, out="data")
    assert capsys.readouterr().out == '{\n  "rows": 12\n}\n'
    argv = [
        "make", "--rows", "3", "--test_rows", "7", "--seed", "5", "--click_rate", "0.5", "--out",
        "b"
    ]
    command.run(argv, SCHEMA, 12, RATES, make)
    make.assert_called_with(rows=3, test_rows=7, seed=5, click_rate=0.5, out="b")


def test_errors_of_make(capsys: pytest.CaptureFixture) -> None:
    make = mock.Mock(side_effect=ValueError("--click_rate must be < 1"))
    with pytest.raises(SystemExit) as end:
        command.run(["make"], SCHEMA, 12, RATES, make)
    assert end.value.code == 2 and "error: --click_rate must be < 1" in capsys.readouterr().err
    assert command.run(["make"], SCHEMA, 12, RATES,
                       mock.Mock(side_effect=OSError("disk full"))) == 1
    assert "error: disk full" in capsys.readouterr().err


@pytest.mark.parametrize("argv", [["make", "--out", "s3://b/x"], ["convert", "a", "s3://b/x"]])
def test_rows_are_written_to_local_disks(argv: List[str], capsys: pytest.CaptureFixture) -> None:
    make = mock.Mock()
    with pytest.raises(SystemExit) as end:
        command.run(argv, SCHEMA, 12, RATES, make)
    assert end.value.code == 2 and not make.called
    assert "s3://b/x: this is written to a local folder." in capsys.readouterr().err
