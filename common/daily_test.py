"""Days of toy rows, each trained by a stand-in for train.py that makes runs of the toy model."""

import glob
import json
import os
import signal
import subprocess
import sys
import time
from typing import List

import pytest

from common import daily, days
from common.config.cluster import Cluster
from common.naming import dates
from common.testing import kills, toy

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(daily.__file__)))
ROWS = 160
SAVE_STEPS = 2
TRAIN = """
import argparse, os, sys
sys.path.insert(0, {root!r})
from common import runner
from common.callbacks.validate_first import Validation
from common.pipeline import source
from common.testing import quick, runs, toy

parser = argparse.ArgumentParser()
for name in ("train_files", "checkpoint"):
    parser.add_argument("--" + name)
parser.add_argument("--max_drop", type=float)
parser.add_argument("--epochs", type=int)
parser.add_argument("--wait_secs", type=float)
for name in ("validate_first", "no_eval"):
    parser.add_argument("--" + name, action="store_true", required=True)
args = parser.parse_args()
quick.skip_costs()


def main():
    folder = os.path.dirname(args.checkpoint)
    data = source.open_data(folder, toy.SCHEMA, False, 0, False, train_files=args.train_files,
                            with_test=False)
    params = runs.Params(os.path.join(folder, "log"), 0.05)
    runs.train(folder, data, params, steps=0, epochs=args.epochs, evaluate=False,
               checkpoint_dir=args.checkpoint, result_dir=args.checkpoint, save_steps={save_steps},
               settings=(Validation(args.validate_first, "y/auc", args.max_drop),))


sys.exit(runner.exit_status(main))
"""
DAILY = """
import sys
sys.path.insert(0, {root!r})
from common import daily, launch
launch.command = lambda words: [sys.executable, {train!r}] + words[1:]
sys.exit(daily.main(sys.argv[1:]))
"""


def write_day(folder: str, day: str, seed: int) -> None:
    of_day = os.path.join(folder, "rows", "ds=" + day)
    os.makedirs(of_day)
    toy.write_csv(os.path.join(of_day, "part-0.csv"), toy.random_rows(seed, ROWS))
    open(os.path.join(of_day, "_SUCCESS"), "w").close()


class Days:
    """Four days of rows, and commands that train them."""

    def __init__(self, folder: str) -> None:
        self.folder, self.run = folder, os.path.join(folder, "run")
        self.all = dates.listed("2026-11-01..2026-11-04")
        for name, text in (("train.py", TRAIN), ("daily.py", DAILY)):
            with open(os.path.join(folder, name), "w") as file:
                file.write(text.format(root=ROOT, train=os.path.join(folder, "train.py"),
                                       save_steps=SAVE_STEPS))

    def start(self, *flags: str) -> subprocess.Popen:
        words = [sys.executable, os.path.join(self.folder, "daily.py"), "toy", "--days",
                 "2026-11-01..2026-11-04", "--train_files", self.folder + "/rows/ds={day}",
                 "--checkpoint", self.run, *flags]
        with open(os.path.join(self.folder, "output"), "ab") as log:
            return subprocess.Popen(words, stdout=log, stderr=log, cwd=ROOT)

    def output(self) -> str:
        with open(os.path.join(self.folder, "output")) as file:
            return file.read()

    def wait_for(self, process: subprocess.Popen, steps: int) -> None:
        """Waits until so many steps were made, by all starts together."""
        deadline = time.monotonic() + 300
        while len(kills.read_steps(self.folder)) < steps:
            assert process.poll() is None and time.monotonic() < deadline, self.output()
            time.sleep(0.05)

    def finished(self) -> List[str]:
        path = os.path.join(self.run, days.FILE)
        if not os.path.exists(path):
            return []
        with open(path) as file:
            return [json.loads(line)["day"] for line in file]


@pytest.mark.slow
def test_days_that_are_killed_train_each_row_once(tmp_path: object) -> None:
    four = Days(str(tmp_path))
    for seed, day in enumerate(four.all[:3]):
        write_day(four.folder, day, seed)
    for steps in (4, 17):  # of 10 steps a day: in the first day, and in the second
        process = four.start()
        four.wait_for(process, steps)
        process.kill()
        process.wait()
    waits = four.start("--wait_secs", "0")
    assert waits.wait(600) == 1, four.output()
    assert "waited 0 s for the rows of 2026-11-04: there is no " in four.output()
    write_day(four.folder, four.all[3], 3)
    assert four.start().wait(600) == 0, four.output()
    assert four.finished() == four.all
    record = kills.record_of(kills.read_steps(four.folder))
    assert record.most_again <= SAVE_STEPS + 1
    for number in range(4):
        rows = record.kept[number * ROWS:(number + 1) * ROWS]
        assert sorted(rows) == list(range(ROWS)), number
    with open(os.path.join(four.run, "validation.jsonl")) as file:
        measured = [json.loads(line) for line in file]
    assert [line["step"] for line in measured] == [0, 10, 20, 30]
    assert all(line["tasks"]["y"]["rows"] == ROWS for line in measured)
    assert len(glob.glob(os.path.join(four.run, "export", "*", "saved_model.pb"))) == 4
    assert not glob.glob(os.path.join(four.run, "*_temp_*"))
    with open(os.path.join(four.run, "report.html")) as file:
        page = file.read()
    assert [day for day in four.all if '<th scope="row">{}</th>'.format(day) in page] == four.all


@pytest.mark.slow
def test_a_signal_ends_a_day_with_a_checkpoint(tmp_path: object) -> None:
    four = Days(str(tmp_path))
    write_day(four.folder, four.all[0], 0)
    process = four.start()
    four.wait_for(process, 3)
    process.send_signal(signal.SIGTERM)
    assert process.wait(300) == 128 + signal.SIGTERM, four.output()
    assert "stopped by SIGTERM; the same command" in four.output()
    assert four.finished() == []


FLAGS = ["esmm", "--days", "2026-11-01", "--train_files", "ds={day}", "--checkpoint", "run"]


def test_a_command_line() -> None:
    read = daily.read([*FLAGS, "--ev", "--wait_secs", "60"])
    assert read.days == ["2026-11-01"] and read.ready == ["ds={day}/_SUCCESS"]
    assert (read.folder, read.wait_secs) == ("run", 60.0)
    assert read.words_of("2026-11-01") == [
        "esmm", "--train_files", "ds=2026-11-01", "--checkpoint", "run", "--ev", "--wait_secs",
        "60", "--validate_first", "--epochs", "1", "--no_eval"]
    own = daily.read([*FLAGS, "--ready", "done/{day}", "--epochs", "2", "--eval_files", "e.csv"])
    assert own.ready == ["done/{day}"]
    assert own.words[-5:] == ["--epochs", "2", "--eval_files", "e.csv", "--validate_first"]


@pytest.mark.parametrize("words, message", [
    (["no", *FLAGS[1:]], "no model 'no'. Models: "),
    (FLAGS[:1] + FLAGS[3:], "give --days FIRST..LAST, as --days 2026-11-01..2026-11-30"),
    (FLAGS[:5], "give --checkpoint: the run over all days is one folder"),
    ([*FLAGS, "--checkpoint", "s3://b/run"], "s3://b/run: the run over all days is a local"),
    ([*FLAGS, "--train_files", "rows"], r"give --train_files names with {day}.* Got: \['rows'\]"),
    ([*FLAGS, "--ready", "done"], "Give a path with {day}. Got: 'done'"),
    ([*FLAGS, "--steps", "9"], "a day ends with its rows. Drop --steps"),
    ([*FLAGS, "--output_dir", "out"], "one folder. Give --checkpoint alone"),
    ([*FLAGS, "--wait_secs", "x"], "--wait_secs: invalid float value: 'x'"),
    ([*FLAGS, "--days", "nov"], "--days takes FIRST..LAST"),
])
def test_wrong_use(words: List[str], message: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(ValueError, match=message):
        daily.read(words)
    assert daily.main(words) == 2
    assert capsys.readouterr().err.startswith("daily.py: error: ")


def test_the_chief_waits_until_the_others_have_left_the_day(
        monkeypatch: pytest.MonkeyPatch) -> None:
    job = Cluster({"chief": ["c:1"], "worker": ["w:1"], "ps": ["p:1"]}, "chief", 0)
    answers = {"w:1": [True, False, False], "p:1": [True, True, False]}
    monkeypatch.setattr(daily.waiting, "is_reachable",
                        lambda address: len(answers[address]) > 1 and answers[address].pop(0))
    monkeypatch.setattr(daily.waiting.time, "sleep", lambda secs: None)
    daily._await_end_of_others("2026-11-01", job, 60.0)
    assert [len(left) for left in answers.values()] == [1, 1]
