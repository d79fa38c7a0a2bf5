import json
import os
import shutil
from typing import Any, Dict

import pytest

from common import report, runner
from common.callbacks import curves
from common.testing import reported, runs, scored

pytestmark = pytest.mark.slow
rows = scored.rows  # a fixture


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, rows: str) -> str:
    """A run of MMoE with slices."""
    folder = str(tmp_path_factory.mktemp("reported"))
    return scored.train_mmoe(folder, rows, "--slices", "hour,price", "--eval_steps", "30")


@pytest.fixture
def run(trained: str, tmp_path: Any) -> str:
    """A copy of that run."""
    return shutil.copytree(trained, str(tmp_path / "run"))


def page(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


def read_curves(folder: str) -> Dict[str, Any]:
    with open(os.path.join(folder, curves.FILE)) as file:
        return json.load(file)


def refused(capsys: pytest.CaptureFixture, *argv: str) -> str:
    """The error of a call that is wrong use."""
    with pytest.raises(SystemExit) as ended:
        report.main(list(argv))
    assert ended.value.code == 2
    return capsys.readouterr().err


def test_a_run_writes_its_report(trained: str) -> None:
    text = page(os.path.join(trained, "report.html"))
    for words in ("MMOE", "ROC: clk", "AUC of buy by hour", "Calibration of clk by price",
                  "Over steps", "test.csv", "user_id", "{:.4f}".format(
                      scored.auc_of_run(trained, "clk"))):
        assert words in text, words
    assert len(text) < 500000


def test_the_command_writes_it_again_without_scoring(run: str, monkeypatch: Any) -> None:
    os.remove(os.path.join(run, "report.html"))
    monkeypatch.setattr(report.evaluated, "write_curves", None)
    report.main([run])
    assert "AUC of buy by hour" in page(os.path.join(run, "report.html"))


def test_curves_that_are_missing_are_those_of_the_runs_own_evaluation(run: str) -> None:
    before = read_curves(run)
    os.remove(os.path.join(run, curves.FILE))
    events = sorted(os.listdir(os.path.join(run, "eval")))
    report.main([run, "--slices", "hour,price"])
    found = read_curves(run)
    assert found["step"] == before["step"] == 60
    for task in ("clk", "buy"):
        assert found["tasks"][task]["roc"] == before["tasks"][task]["roc"]
    assert found["slices"] == before["slices"]
    assert sorted(os.listdir(os.path.join(run, "eval"))) == events  # no trace among its events


def test_other_slices_are_scored(run: str) -> None:
    report.main([run, "--slices", "page"])
    cut, = read_curves(run)["slices"]
    assert cut["column"] == "page" and len(cut["values"]) == 21
    text = page(os.path.join(run, "report.html"))
    assert "AUC of clk by page" in text and "by hour" not in text


def test_rows_that_are_gone_leave_a_report_without_them(
        run: str, rows: str, tmp_path: Any, capfd: Any) -> None:
    os.remove(os.path.join(run, curves.FILE))
    with open(os.path.join(run, "config.json")) as file:
        config = json.load(file)
    config["test"]["folder"] = str(tmp_path / "gone")
    reported.write_json(run, "config.json", config)
    report.main([run])
    assert "the page has no ROC, reliability or slices: --eval_files" in capfd.readouterr().err
    assert "there is no curves.json" in page(os.path.join(run, "report.html"))
    assert runner.exit_status(lambda: report.main([run, "--slices", "page"])) == 1
    report.main([run, "--eval_files", os.path.join(rows, "test.parquet"), "--slices", "page"])
    assert "AUC of clk by page" in page(os.path.join(run, "report.html"))


def test_runs_beside_each_other(run: str, trained: str, tmp_path: Any) -> None:
    out = str(tmp_path / "compared.html")
    report.main([run, trained, "--out", out])
    assert "2 runs beside each other" in page(out)


def test_a_run_of_tf_and_one_with_tables_that_grow(rows: str, tmp_path: Any) -> None:
    for name, flags in (("tf", ["--tf"]), ("ev", ["--ev"])):
        run = scored.train_mmoe(str(tmp_path / name), rows, *flags)
        before = read_curves(run)
        os.remove(os.path.join(run, curves.FILE))
        report.main([run])
        for task in ("clk", "buy"):
            found = read_curves(run)["tasks"][task]["reliability"]
            for one, other in zip(found, before["tasks"][task]["reliability"]):
                assert one == pytest.approx(other, abs=1e-4)


def test_a_report_that_cannot_be_written_ends_no_run(
        tmp_path: Any, monkeypatch: Any, capfd: Any) -> None:
    def fail(*args: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr(runner.report, "write", fail)
    assert runs.train(tmp_path, steps=3)["y"]["rows"] == len(runs.TEST)
    assert "warning: report.html could not be written (RuntimeError: a fault)." in (
        capfd.readouterr().err)


def test_wrong_use(run: str, trained: str, tmp_path: Any, capsys: Any) -> None:
    message = "2 runs beside each other are a page of their own. Give --out a name"
    assert message in refused(capsys, run, trained)
    assert "there is no such folder" in refused(capsys, str(tmp_path / "none"))
    assert "there is no config.json in it" in refused(capsys, str(tmp_path))
    message = "--slices nope: schema 'schema' has no such column"
    assert message in refused(capsys, run, "--slices", "nope")
    assert "--score false scores no rows" in refused(
        capsys, run, "--slices", "page", "--score", "false")
    assert "reports are made of local folders" in refused(capsys, "s3://bucket/run")
    assert "this is written" in refused(capsys, run, "--out", "s3://bucket/x.html")
