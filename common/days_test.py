import json
import os
from typing import List

import pytest

from common import days, files
from common.errors import NeverCame


def test_a_day_is_filled_in_in_any_form() -> None:
    assert days.filled("rows/ds={day}/*.{{x}", "2026-11-02") == "rows/ds=2026-11-02/*.{{x}"
    assert days.filled("{day:%Y/%m/%d} {day:%Y%m%d}", "2026-11-02") == "2026/11/02 20261102"
    assert days.names_day("a{day}") and not days.names_day("a{days}")


@pytest.mark.parametrize("name, marker", [
    ("rows/ds={day}", "rows/ds={day}/_SUCCESS"),
    ("rows/ds={day}/", "rows/ds={day}/_SUCCESS"),
    ("rows/ds={day}/*", "rows/ds={day}/_SUCCESS"),
    ("rows/{day:%Y/%m/%d}/*/part-*.csv", "rows/{day:%Y/%m/%d}/_SUCCESS"),
    ("s3://b/ds={day}/rows.parquet", "s3://b/ds={day}/_SUCCESS"),
])
def test_the_marker_lies_in_the_folder_of_the_day(name: str, marker: str) -> None:
    assert days.markers([name]) == [marker]


@pytest.mark.parametrize("name", ["rows/{day}.csv", "rows/*{day}*", "{day}.csv"])
def test_a_file_of_a_day_needs_a_path_that_says_it_is_ready(name: str) -> None:
    with pytest.raises(ValueError, match="no folder of this name is of one day alone.* Give "
                       "--ready a path with {day}"):
        days.markers([name])


def test_rows_are_waited_for(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    marker = os.path.join(str(tmp_path), "_SUCCESS")
    slept: List[float] = []

    def sleep(secs: float) -> None:
        slept.append(secs)
        open(marker, "w").close()

    monkeypatch.setattr(days.time, "sleep", sleep)
    days.await_rows("2026-11-02", [marker], 60.0)
    days.await_rows("2026-11-02", [marker], 60.0)
    assert len(slept) == 1


def test_rows_that_never_come(tmp_path: object) -> None:
    marker = os.path.join(str(tmp_path), "_SUCCESS")
    with pytest.raises(NeverCame, match=r"waited 0 s for the rows of 2026-11-02: there is no "
                       r".*_SUCCESS. See what writes them; .*--wait_secs makes it wait longer"):
        days.await_rows("2026-11-02", [marker], 0.0)


def write_run(folder: str) -> None:
    """What a training process leaves of a day."""
    values = dict(rows=200.0, positives=50.0, auc=0.7, auc_low=0.65, auc_high=0.75, log_loss=0.5,
                  calibration=1.01)
    one_class = dict(values, positives=0.0, auc=None, auc_low=None, auc_high=None)
    files.add_line(os.path.join(folder, "validation.jsonl"), dict(
        step=10, first_task="y", tasks={"y": values, "z": one_class}, rows="{}"))
    for step, new, evicted in ((10, 99, 9), (15, 5, 1), (20, 7, 0), (25, 50, 0)):
        files.add_line(os.path.join(folder, "keys.jsonl"),
                       dict(step=step, keys=1, waiting=0, new=new, evicted=evicted))
    with open(os.path.join(folder, "metrics.json"), "w") as file:
        json.dump({"global_step": 20}, file)
    for name in ("100", "200", ".tmp7"):
        os.makedirs(os.path.join(folder, "export", name))


def test_a_finished_day_has_a_line(tmp_path: object) -> None:
    folder = str(tmp_path)
    write_run(folder)
    assert days.record_of(folder, "2026-11-02") is None
    days.finish(folder, "2026-11-02", 12.34)
    record = days.record_of(folder, "2026-11-02")
    assert record and record["new_keys"] == 12 and record["evicted_keys"] == 1
    assert (record["first_step"], record["last_step"], record["export"]) == (10, 20, "200")
    words = days.table_line(record).split()
    assert words == ["2026-11-02", "200", "0.2500", "0.70000", "[0.6500,", "0.7500]", "0.50000",
                     "1.0100", "12", "1", "12.3"]
    assert days.table_line(dict(record, first_task="z")).split()[3:5] == ["n/a", "n/a"]
    assert len(days.header()) == len(days.table_line(record))
