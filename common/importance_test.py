"""What columns are worth to small runs, whose clicks depend on the page alone."""

import json
import os
import re
from typing import Any, Dict

import pytest

from common import importance, importances
from common.errors import BadInput
from common.testing import scored
from data import amazon, eleme, taobao

rows, small_tables = scored.rows, scored.small_tables  # fixtures
NOISE = ("user_id", "tags", "hour", "price")
MODES = {"plain": [], "tf": ["--tf"], "ev": ["--ev"], "adaptive": ["--adaptive_emb"],
         "dynamic": ["--dynamic_ev"], "multihash": ["--multihash"]}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, rows: str) -> str:
    """A run of MMoE."""
    return scored.train_mmoe(str(tmp_path_factory.mktemp("important_run")), rows)


def measured(run: str, out: Any, *flags: str) -> Dict[str, Any]:
    """What importance.json says of each task."""
    importance.main([run, "--out", str(out), *flags])
    with open(os.path.join(str(out), importances.FILE)) as file:
        return json.load(file)["tasks"]


def losses(task: Dict[str, Any]) -> Dict[str, Dict[str, float]]:
    return {"+".join(one["columns"]): one for one in task["auc_lost"]}


@pytest.mark.slow
def test_the_planted_column_loses_and_noise_loses_nothing(
        run: str, tmp_path: Any, capsys: pytest.CaptureFixture) -> None:
    tasks = measured(run, tmp_path)
    click = tasks["clk"]
    assert click["auc"] == pytest.approx(scored.auc_of_run(run, "clk"), abs=1e-4)
    assert click["rows"] == 1500
    by_name = losses(click)
    assert set(by_name) == {"page", *NOISE} and list(by_name)[0] == "page"
    planted = by_name["page"]
    # Without its page nothing is known of a row: the AUC falls to that of chance.
    assert planted["value"] == pytest.approx(click["auc"] - 0.5, abs=0.06)
    assert planted["low"] > 0.2
    for name in NOISE:
        assert by_name[name]["low"] <= 0 <= by_name[name]["high"], name
        assert abs(by_name[name]["value"]) < 0.02
    printed = capsys.readouterr().out
    assert "1,500 rows of" in printed and "scored 16 times" in printed
    assert "clk: AUC " in printed and "page " in printed
    with open(str(tmp_path / importances.PAGE)) as file:
        page = file.read()
    assert page.count("<svg") == 2 and "AUC lost: clk" in page and "page" in page
    assert measured(run, tmp_path) == tasks  # the same numbers again


@pytest.mark.slow
def test_an_export_parquet_and_a_checkpoint_say_the_same(
        run: str, rows: str, tmp_path: Any) -> None:
    flags = ["--columns", "page,tags", "--repeats", "2"]
    expected = losses(measured(run, tmp_path, *flags)["clk"])
    parquet = os.path.join(rows, "test.parquet")
    for source, files in ((run, ["--files", parquet]), (os.path.join(run, "export"), []),
                          (os.path.join(run, "export"), ["--files", parquet])):
        found = losses(measured(source, tmp_path, *flags, *files)["clk"])
        assert set(found) == {"page", "tags"}
        for name, loss in found.items():
            assert loss["value"] == pytest.approx(expected[name]["value"], abs=1e-4)


@pytest.mark.slow
def test_a_sample_of_the_rows_and_other_seeds(run: str, tmp_path: Any) -> None:
    flags = ["--columns", "page", "--rows", "400", "--repeats", "1"]
    click = measured(run, tmp_path, *flags)["clk"]
    assert click["rows"] == 400
    other = measured(run, tmp_path, *flags, "--seed", "2")["clk"]
    assert other["rows"] == 400 and other["positives"] != click["positives"]
    assert measured(run, tmp_path, "--rows", "0", *flags[:2])["clk"]["rows"] == 1500


@pytest.mark.slow
def test_rows_that_cannot_be_read_are_left_out_up_to_a_limit(
        run: str, rows: str, tmp_path: Any) -> None:
    with open(os.path.join(rows, "test.csv")) as file:
        text = file.read()
    path = str(tmp_path / "bad.csv")
    with open(path, "w") as file:
        file.write(text + "2" + text.rstrip().rpartition("\n")[2][1:] + "\n")
    flags = ["--files", path, "--columns", "page", "--repeats", "1", "--rows", "1490"]
    assert measured(run, tmp_path, *flags, "--max_bad_rows", "1")["clk"]["rows"] == 1490
    with pytest.raises(BadInput, match="bad.csv, row 1501, column 'clk': '2' is given"):
        importance.main([run, "--files", path])


@pytest.mark.slow
@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "plain"])
def test_each_way_to_store_embeddings(mode: str, rows: str, tmp_path: Any) -> None:
    run = scored.train_mmoe(str(tmp_path / "run"), rows, *MODES[mode])
    click = measured(run, tmp_path, "--columns", "page,hour", "--repeats", "1")["clk"]
    assert click["auc"] == pytest.approx(scored.auc_of_run(run, "clk"), abs=2e-3)
    found = losses(click)
    assert found["page"]["low"] > 0 and abs(found["hour"]["value"]) < 0.03


@pytest.mark.slow
@pytest.mark.parametrize("model, module, name", [
    ("esmm", taobao, "taobao"), ("din", amazon, "amazon"), ("dlrm", eleme, "eleme")])
def test_each_task_is_measured_as_the_run_has_measured_it(
        model: str, module: Any, name: str, tmp_path: Any) -> None:
    rates = {"taobao": (0.3, 0.1), "amazon": (), "eleme": (0.1,)}
    module.make(600, 400, 3, *rates[name], str(tmp_path))
    run = scored.train(model, str(tmp_path / "run"), str(tmp_path))
    importance.main([run, "--repeats", "1", "--columns", module.SCHEMA.inputs[0].name])
    with open(os.path.join(run, importances.FILE)) as file:
        tasks = json.load(file)["tasks"]
    with open(os.path.join(run, "metrics.json")) as file:
        metrics = json.load(file)["tasks"]
    assert set(tasks) == set(metrics)
    for task, values in metrics.items():
        assert tasks[task]["rows"] == values["rows"]
        assert tasks[task]["positives"] == values["positives"]
        assert tasks[task]["auc"] == pytest.approx(values["auc"], abs=5e-3)


@pytest.mark.slow
@pytest.mark.parametrize("flags, message", [
    (["--columns", "clk"], "--columns clk: it is of kind 'label', and no model takes it"),
    (["--columns", "note"], "--columns note: it is of kind 'keep', and no model takes it"),
    (["--columns", "pages"], "--columns pages: the schema of the run has no such column. It has"),
    (["--columns", "page,"], "--columns '': the schema of the run has no such column"),
    (["--repeats", "0"], "--repeats: expected a whole number > 0"),
    (["--step", "3"], "--step 3: .* has no checkpoint of this step"),
])
def test_wrong_use(run: str, flags: Any, message: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as end:
        importance.main([run, *flags])
    assert end.value.code == 2
    printed = capsys.readouterr().err
    assert re.search(message, printed), printed


@pytest.mark.slow
def test_a_run_without_test_rows_asks_for_some(
        rows: str, tmp_path: Any, capsys: pytest.CaptureFixture) -> None:
    run = str(tmp_path / "run")
    scored.train("mmoe", run, rows, "--schema", os.path.join(rows, "schema.json"),
                 "--train_files", os.path.join(rows, "train.csv"), "--no_eval")
    with pytest.raises(SystemExit):
        importance.main([run])
    assert "the run has no test rows. Name rows with labels: --files" in capsys.readouterr().err
    click = measured(run, tmp_path, "--files", os.path.join(rows, "test.csv"),
                     "--columns", "page", "--repeats", "1")["clk"]
    assert click["rows"] == 1500
