import os
import subprocess
import sys

import pytest

from common.benchmark import rows
from data import taobao


@pytest.mark.slow
def test_reads_by_every_variant(tmp_path: object, capsys: pytest.CaptureFixture) -> None:
    taobao.make(1200, 100, 1, 0.3, 0.1, str(tmp_path))
    rows.main(["esmm", "--data_location", str(tmp_path), "--rounds", "1"])
    printed = capsys.readouterr().out
    assert "`python -m common.benchmark.rows esmm --data_location" in printed
    lines = [line for line in printed.splitlines() if line.startswith("| ")][1:]
    assert len(lines) == 7 and any(line.startswith("| Parquet, `--ev` keys | ") for line in lines)


def test_a_missing_form_is_named(tmp_path: object, capsys: pytest.CaptureFixture) -> None:
    taobao.make(600, 100, 1, 0.3, 0.1, str(tmp_path))
    for name in ("taobao_train_data", "taobao_test_data"):
        os.remove(os.path.join(str(tmp_path), name + ".parquet"))
    with pytest.raises(SystemExit, match="taobao_train_data: expected Parquet, beside the same"):
        rows.main(["esmm", "--data_location", str(tmp_path)])


def test_polars_runs_in_an_interpreter_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def check_output(words: object) -> bytes:
        assert words == [sys.executable, "-c", rows._POLARS, "a.parquet"]
        return b"7000 0.5 0.25\n"

    monkeypatch.setattr(subprocess, "check_output", check_output)
    cost = rows._by_polars(sys.executable, ["a.parquet"])
    assert cost == rows.Cost(7000, 0.5, 0.25)
    assert rows._table({"Polars": cost})[-1] == "| Polars | 14,000 | 35.71 |"
