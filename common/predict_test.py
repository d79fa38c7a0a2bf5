import json
import os
import re
import shutil
import signal
from typing import Any, Dict, Iterator, Tuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from common import predict, runner
from common.errors import BadInput
from common.scoring import checkpoint_model
from common.scoring.scores import Scores
from common.testing import scored
from data import amazon, eleme, taobao

pytestmark = pytest.mark.slow
rows, small_tables = scored.rows, scored.small_tables  # fixtures
TOLERANCE = 1e-6
MODES = {
    "plain": [], "tf": ["--tf"], "ev": ["--ev"],
    "filter": ["--ev", "--ev_filter", "counter", "--ev_filter_freq", "2"],
    "adaptive": ["--adaptive_emb", "--hot_freq", "3"], "dynamic": ["--dynamic_ev"],
    "multihash": ["--multihash"], "bf16": ["--bf16"],
    "sliced": ["--input_layer_partitioner", "1", "--dense_layer_partitioner", "4"],
}
AS_TEXT = ("plain", "ev")
EXPORTED = ("plain", "adaptive", "dynamic")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, rows: str) -> str:
    """A run of MMoE with checkpoints of steps 30 and 60."""
    folder = str(tmp_path_factory.mktemp("scored_run"))
    return scored.train_mmoe(folder, rows, "--save_steps", "30", "--keep_checkpoint_max", "2")


def text(rows: str) -> str:
    return os.path.join(rows, "test.csv")


def parquet(rows: str) -> str:
    return os.path.join(rows, "test.parquet")


@pytest.mark.parametrize("mode", MODES)
def test_scores_have_the_auc_of_the_runs_own_evaluation(
        mode: str, rows: str, tmp_path: Any) -> None:
    run = scored.train_mmoe(str(tmp_path / "run"), rows, *MODES[mode])
    expected = scored.auc_of_run(run, "clk")
    of_parquet = tmp_path / "of_parquet.parquet"
    frames = [scored.score(run, parquet(rows), of_parquet, "--keep", "clk")]
    if mode in AS_TEXT:
        frames.append(scored.score(run, text(rows), tmp_path / "of_text.csv", "--keep", "clk"))
    if mode in EXPORTED:
        out = tmp_path / "of_export.parquet"
        frames.append(scored.score(run + "/export", text(rows), out, "--keep", "clk"))
    for frame in frames:
        low, high = scored.auc_bounds(frame["clk"], frame["p_clk"])
        assert low - TOLERANCE <= expected <= high + TOLERANCE
        assert high - low < 0.03  # few pairs are that close
        assert frame.columns.tolist() == ["clk", "p_clk", "p_buy"]


@pytest.mark.parametrize("model, module, name", [
    ("esmm", taobao, "taobao"), ("ple", taobao, "taobao"), ("din", amazon, "amazon"),
    ("dlrm", eleme, "eleme")])
def test_each_model_scores(model: str, module: Any, name: str, tmp_path: Any) -> None:
    folder = str(tmp_path)
    sizes: Dict[str, Tuple] = {"taobao": (600, 400, 3, 0.3, 0.1, folder),
                               "amazon": (600, 400, 3, folder),
                               "eleme": (600, 400, 3, 0.3, folder)}
    module.make(*sizes[name])
    flags = ["--ev"] if model in ("din", "dlrm") else []
    run = scored.train(model, folder + "/run", folder, *flags)
    label, = module.SCHEMA.label_columns[:1]
    task, _ = module.SCHEMA.tasks[0]
    for ending in ("", ".parquet"):
        frame = scored.score(run, os.path.join(folder, module.SCHEMA.test_file + ending),
                             tmp_path / "scores.parquet", "--keep", label.name)
        low, high = scored.auc_bounds(frame[label.name], frame["p_" + task])
        assert low - TOLERANCE <= scored.auc_of_run(run, task) <= high + TOLERANCE


def test_rows_without_labels_in_parts_make_up_the_whole(run: str, rows: str, tmp_path: Any) -> None:
    whole = scored.score(run, text(rows), tmp_path / "s.csv", "--keep", "user_id,note")
    frame = pd.read_csv(text(rows), dtype=str)
    unlabelled = str(tmp_path / "unlabelled.csv")
    frame.drop(columns=["clk", "buy"]).to_csv(unlabelled, index=False)
    parts = []
    for part in range(3):
        predict.main([run, "--files", unlabelled, "--out", str(tmp_path / "p.csv"),
                      "--keep", "user_id,note", "--part", "{}/3".format(part),
                      "--batch_size", "100"])
        parts.append(scored.read(str(tmp_path / "p-0000{}-of-00003.csv".format(part))))
    assert [len(part) for part in parts] == [500, 500, 500]
    joined = pd.concat(parts, ignore_index=True)
    pd.testing.assert_frame_equal(joined, whole, check_exact=False, rtol=1e-5)
    for column in ("user_id", "note"):
        assert whole[column].tolist() == frame[column].tolist()


def test_a_trainer_of_a_cluster_scores_its_part(
        run: str, rows: str, tmp_path: Any, monkeypatch: Any, capsys: Any) -> None:
    config = ('{"cluster": {"chief": ["a:1"], "worker": ["b:1"], "ps": ["c:1"]}, '
              '"task": {"type": "%s", "index": 0}}')
    monkeypatch.setenv("TF_CONFIG", config % "worker")
    out = str(tmp_path / "s.parquet")
    argv = [run, "--files", parquet(rows), "--out", out]
    predict.main(argv)
    assert os.listdir(str(tmp_path)) == ["s-00001-of-00002.parquet"]
    with pytest.raises(SystemExit):
        predict.main([*argv, "--part", "0/2"])
    assert "--part and TF_CONFIG both say which rows to score" in capsys.readouterr().err
    monkeypatch.setenv("TF_CONFIG", config % "ps")
    predict.main(argv)
    assert "ps-0 has nothing to score" in capsys.readouterr().out


def test_an_earlier_step_has_other_scores(run: str, rows: str, tmp_path: Any) -> None:
    newest = scored.score(run, parquet(rows), tmp_path / "new.parquet")
    same = scored.score(run, parquet(rows), tmp_path / "same.parquet", "--step", "60")
    older = scored.score(run, parquet(rows), tmp_path / "old.parquet", "--step", "30")
    pd.testing.assert_frame_equal(newest, same)
    assert not np.allclose(newest["p_clk"], older["p_clk"])


def test_kept_columns_keep_parquets_types(run: str, rows: str, tmp_path: Any) -> None:
    table = pa.parquet.read_table(parquet(rows))
    numbers = table.column("user_id").cast(pa.int64())
    place = table.column_names.index("user_id")
    path = str(tmp_path / "rows.parquet")
    pa.parquet.write_table(table.set_column(place, "user_id", numbers), path)
    scored.score(run, path, tmp_path / "s.parquet", "--keep", "user_id,clk")
    written = pa.parquet.read_table(str(tmp_path / "s.parquet"))
    assert written.column("user_id").equals(numbers)
    assert written.schema.types == [pa.int64(), table.schema.field("clk").type] + 2 * [pa.float32()]


def test_bad_rows_end_the_scoring_or_are_left_out(
        run: str, rows: str, tmp_path: Any, capsys: Any) -> None:
    lines = open(text(rows)).read().splitlines()
    lines[1201] += ",more"
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(lines) + "\n")
    out = tmp_path / "s.csv"
    for weights in (run, run + "/export"):
        with pytest.raises(BadInput, match="rows.csv, row 1201: .*Mend or remove the row, or skip"):
            scored.score(weights, str(path), out)
        assert os.listdir(str(tmp_path)) == ["rows.csv"]
        frame = scored.score(weights, str(path), out, "--max_bad_rows", "1", "--keep", "user_id")
        assert len(frame) == 1499
        assert "left out, as they cannot be read: 1 row\n" in capsys.readouterr().out
        os.remove(str(out))


def test_no_row_that_can_be_used_is_an_error(run: str, tmp_path: Any) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("user_id,page,tags,hour,price\n1,2\n")
    with pytest.raises(BadInput, match="rows.csv: not one row can be used"):
        scored.score(run, str(path), tmp_path / "s.csv", "--max_bad_rows", "5")


@pytest.mark.parametrize("kind, key, value, message", [
    ("hash", "buckets", 17, r"variables have another shape, such as input/input_layer/\w+/embedding"
                            r"_weights, which is \[500, 16\] there and \[17, 16\] here"),
    ("label", "name", "other", "variables, such as other_gate/bias: it was made with other flags"),
])
def test_a_config_that_was_changed_is_told(
        run: str, rows: str, tmp_path: Any, kind: str, key: str, value: object,
        message: str) -> None:
    copied = tmp_path / "run"
    shutil.copytree(run, str(copied))
    config = json.loads((copied / "config.json").read_text())
    columns = config["schema"]["columns"]
    next(column for column in columns if column["kind"] == kind)[key] = value
    (copied / "config.json").write_text(json.dumps(config))
    with pytest.raises(BadInput, match="model.ckpt-60: .*" + message):
        scored.score(str(copied), text(rows), tmp_path / "s.csv")
    assert not (tmp_path / "s.csv").exists()


def test_a_signal_leaves_nothing_half_written(
        run: str, rows: str, tmp_path: Any, monkeypatch: Any, capsys: Any) -> None:
    def stopped(*args: object) -> Iterator[Scores]:
        several = np.arange(70000) % 1500
        yield Scores(np.sort(several), {task: several.astype(np.float32) for task in tasks})
        os.kill(os.getpid(), signal.SIGTERM)
        yield Scores(several, {})

    tasks = ("clk", "buy")
    monkeypatch.setattr(checkpoint_model, "scores", stopped)
    argv = [run, "--files", text(rows), "--out", str(tmp_path / "s.csv")]
    assert runner.exit_status(lambda: predict.main(argv)) == 143
    assert os.listdir(str(tmp_path)) == []
    assert "stopped by SIGTERM; {}/s.csv was not written".format(
        tmp_path) in capsys.readouterr().err


@pytest.mark.parametrize("flags, message", [
    (["--keep", "nothing"], "--keep nothing: the schema of the run has no such column. It has clk"),
    (["--keep", "clk,clk"], "--keep clk: the scores would have two columns clk"),
    (["--out", "scores.txt"], "scores.txt: expected a name that ends in .parquet or .csv"),
    (["--step", "5"], "--step 5: .* has no checkpoint of this step. It has 30, 60"),
    (["--part", "4/4"], "expected I/N with I from 0 to N - 1, as 0/4. Got: '4/4'"),
    (["--checkpoint", "/"], "/: there is no checkpoint in it"),
    (["--batch_size", "0"], "expected a whole number > 0"),
])
def test_wrong_flags_end_with_status_2(flags: Any, message: str, run: str, capsys: Any) -> None:
    with pytest.raises(SystemExit) as ended:
        predict.main([run, "--files", "x", "--out", "s.csv", *flags])
    assert ended.value.code == 2
    assert re.search(message, capsys.readouterr().err)
