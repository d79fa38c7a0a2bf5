import os
import sys
from typing import Any

import pytest

from common import daily, days, flags, predict
from common.benchmark import daily_runs, day_by_day
from common.benchmark.daily_runs import Anew, DailyRun, Kill, Rows
from common.benchmark.day_by_day import Results
from common.config import model as models
from common.reporting import svg

DAYS = ["2026-11-01", "2026-11-02", "2026-11-03"]


def results() -> Results:
    """Three days of 100 rows in batches of 30."""
    records = []
    for number, day in enumerate(DAYS):
        records.append({
            "day": day, "first_task": "click", "tasks": {"click": {"auc": 0.5 + 0.1 * number}},
            "first_step": 4 * number, "last_step": 4 * number + 4, "secs": 10.0})
    run = DailyRun(records, 50.0, 2)
    once = {DAYS[1]: 0.58, DAYS[2]: 0.56}
    anew = {DAYS[1]: Anew(0.6, 20.0), DAYS[2]: Anew(0.65, 30.0)}
    return Results(dict.fromkeys(DAYS, 0.8), run, once, anew)


def test_the_table_has_each_day_but_the_first_and_the_means() -> None:
    lines = day_by_day.table(results())
    assert lines[2:] == [
        "| 2026-11-02 | 0.6000 | 0.5800 | 0.6000 | 0.8000 | 10.0 | 20.0 |",
        "| 2026-11-03 | 0.7000 | 0.5600 | 0.6500 | 0.8000 | 10.0 | 30.0 |",
        "| mean | 0.6500 | 0.5700 | 0.6250 | 0.8000 | 10.0 | 25.0 |"]


def test_the_plot_names_the_three_models() -> None:
    plot = svg.standalone(day_by_day.plot(results()))
    for name in ("day by day", "first day alone", "trained anew", "perfect model"):
        assert name in plot


def test_steps_that_are_lost_or_made_twice_are_counted() -> None:
    run = results().daily
    assert daily_runs.lost_steps(run, 100, 30) == 0
    assert daily_runs.lost_steps(run, 130, 30) == 3
    run.records[1]["first_step"] = 3
    assert daily_runs.lost_steps(run, 100, 30) == 2


def test_kills_are_spread_over_the_days() -> None:
    kills = daily_runs.plan(30, 20, 1)
    assert [kill.day for kill in kills][:4] == [0, 1, 3, 4] and kills[-1].day == 28
    assert all(1 <= kill.secs <= 12 for kill in kills)
    assert kills == daily_runs.plan(30, 20, 1) and daily_runs.plan(3, 0, 1) == []


def test_wrong_use(tmp_path: Any, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    for argv, message in ((["din", "--out", "x"], "din: its rows are not Taobao's"),
                          (["esmm", "--out", str(tmp_path)], "there is something in it")):
        with pytest.raises(SystemExit) as end:
            day_by_day.main(argv)
        assert end.value.code == 2 and message in capsys.readouterr().err


def test_the_commands_are_ones_that_their_programs_take(tmp_path: Any) -> None:
    rows = Rows("esmm", "click", str(tmp_path / "rows"), DAYS, ["--ev"])
    read = daily.read(rows.daily("run")[2:])
    assert read.days == DAYS and "--ev" in read.words
    parser = flags.make_parser("", models.read("esmm"))
    trained = parser.parse_args(rows.train("run", DAYS[:2], "--eval_files", rows.of(DAYS[2]))[2:])
    assert trained.train_files.split(",") == [rows.of(day) for day in DAYS[:2]]
    assert trained.ev and trained.epochs == 1 and trained.eval_files == rows.of(DAYS[2])
    scored = predict.make_parser().parse_args(rows.score("run", DAYS[1:], "out.parquet")[2:])
    assert scored.files.split(",") == [rows.of(day) for day in DAYS[1:]] and scored.keep == "clk"


def test_a_run_is_killed_within_the_day_that_is_wanted(tmp_path: Any) -> None:
    run = str(tmp_path)
    script = """
import sys, time
for day in range(9):
    time.sleep(0.3)
    with open(sys.argv[1] + "/days.jsonl", "a") as file:
        file.write("{}\\n")
"""
    words = [sys.executable, "-c", script, run]
    log = os.path.join(run, "log")
    assert daily_runs.killed(words, run, Kill(2, 0.1), log)
    with open(os.path.join(run, days.FILE)) as file:
        assert 2 <= len(file.readlines()) < 9
    assert not daily_runs.killed([sys.executable, "-c", ""], run, Kill(2, 30.0), log)
    with pytest.raises(RuntimeError, match="ended with status 3. See .*log"):
        daily_runs.killed([sys.executable, "-c", "exit(3)"], run, Kill(2, 30.0), log)


def test_a_command_that_fails_is_named(tmp_path: Any) -> None:
    log = str(tmp_path / "log")
    with pytest.raises(RuntimeError, match="false ended with status 1. See .*log"):
        daily_runs.run_to_end(["false"], log)
