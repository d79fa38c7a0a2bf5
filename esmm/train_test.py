import glob
import json
import os
import re
import subprocess
import sys
from typing import List, Sequence

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common import flags
from common.config.schema import Column, Schema
from common.config.toggles import Toggles
from common.embedding.input_layer import Embedding
from common.errors import BadInput, NanLoss
from common.layers import Dense
from common.optimizers.train_step import Training
from common.pipeline import source
from common.testing import data_sets, graphs, toy
from common.testing.mains import FUSED, run_main, run_of, serve_sample_request, unread_flags
from data import own_rows, taobao
from esmm import train
from esmm.train import Outputs, Params

SMALL = dict(group_mlp=(3, 2), group_mlps={"user": (5,), "combo": (4,)}, tower=(6, 3))
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(train.__file__)))


@pytest.fixture(autouse=True)
def small_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables of 2,000 rows in place of 100,000."""
    data_sets.shrink_tables(monkeypatch, taobao)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """50,000 training and 4,000 test rows with frequent clicks and purchases."""
    return data_sets.made_once(
        tmp_path_factory, "taobao_50000", lambda path: taobao.make(50000, 4000, 3, 0.3, 0.1, path))


def params(toggles: Toggles = Toggles(), **kwargs: object) -> Params:
    return Params(taobao.SCHEMA, Embedding(16, toggles), Dense(toggles), Training("adagrad", 0.1),
                  0.3, 0.3, **kwargs)  # type: ignore[arg-type]


def losses(folder: str, toggles: Toggles, steps: int) -> List[float]:
    data = source.open_data(folder, taobao.SCHEMA, not toggles.tf, 0, False)
    return graphs.losses(data, train.model_fn, params(toggles), toggles, steps)


def test_product_and_loss_against_numpy() -> None:
    rng = np.random.default_rng(0)
    ctr, cvr = rng.normal(0, 3, [2, 200])
    click = (rng.random(200) < 0.5).astype(np.float32)
    buy = click * (rng.random(200) < 0.5)
    p_ctr, p_cvr = 1 / (1 + np.exp(-ctr)), 1 / (1 + np.exp(-cvr))
    p_both = p_ctr * p_cvr

    def log_loss(y: np.ndarray, p: np.ndarray) -> float:
        return -np.mean(np.where(y == 1, np.log(p), np.log1p(-p)))

    with tf.Graph().as_default(), tf.Session() as session:
        outputs = Outputs(tf.constant(ctr, tf.float32), tf.constant(cvr, tf.float32))
        labels = {"click": tf.constant(click), "purchase": tf.constant(buy, tf.float32)}
        got, product = session.run([train.loss(outputs, labels, params(Toggles())), outputs.ctcvr])
    np.testing.assert_allclose(1 / (1 + np.exp(-product.astype(np.float64))), p_both, rtol=1e-5)
    assert got == pytest.approx(log_loss(click, p_ctr) + log_loss(buy, p_both), rel=1e-5)


@pytest.mark.parametrize("logit", [-90.0, -30.0, 30.0, 90.0])
def test_loss_and_its_gradient_are_finite_for_tiny_and_huge_probabilities(logit: float) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        ctr, cvr = tf.constant([logit, logit, -logit]), tf.constant([logit, -logit, logit])
        labels = {role: tf.constant([1.0, 0.0, 1.0]) for role in ("click", "purchase")}
        total = train.loss(Outputs(ctr, cvr), labels, params(Toggles()))
        for value in session.run([total] + tf.gradients(total, [ctr, cvr])):
            assert np.isfinite(value).all()


def test_purchase_without_click_counts_as_none() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        outputs = Outputs(tf.constant([0.0]), tf.constant([0.0]))
        zero, one = [tf.constant([v]) for v in (0.0, 1.0)]
        got = session.run([
            train.loss(outputs, {"click": zero, "purchase": bought}, params(Toggles()))
            for bought in (zero, one)])
    assert got[0] == got[1]


@pytest.mark.slow
@pytest.mark.parametrize("toggles, batch_size", [(FUSED, 1), (Toggles(tf=True), 7),
                                                 (Toggles(bf16=True), 7)])
def test_shapes_and_gradients_at_odd_sizes(folder: str, toggles: Toggles, batch_size: int) -> None:
    settings = params(toggles, **SMALL)
    data = source.open_data(folder, taobao.SCHEMA, not toggles.tf, 0, False)
    assert graphs.logit_shapes(data, train.model_fn, settings, toggles, batch_size) == {
        task: (batch_size,) for task in train.MODEL.tasks}


@pytest.mark.slow
def test_towers_start_at_the_base_rates(folder: str) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(1)
        features, _ = graphs.features_of(source.open_data(folder, taobao.SCHEMA, True, 0, False),
                                         Toggles(), 512)
        outputs = train.forward(features, params()._replace(click_rate=0.05, buy_rate=0.01))
        graphs.initialize(session)
        ctr, cvr = session.run([tf.sigmoid(outputs.ctr), tf.sigmoid(outputs.cvr)])
    assert ctr.mean() == pytest.approx(0.05, rel=0.05) and cvr.mean() == pytest.approx(0.01,
                                                                                       rel=0.05)


@pytest.mark.slow
def test_columnar_and_tf_losses_are_equal_step_by_step(folder: str) -> None:
    plain, fused, theirs = [
        losses(folder, toggles, 50) for toggles in (Toggles(), FUSED, Toggles(tf=True))
    ]
    for ours in (plain, fused):
        np.testing.assert_allclose(ours[:15], theirs[:15], rtol=1e-5)
        np.testing.assert_allclose(
            ours, theirs, rtol=1e-3)  # the last bit of a sum may turn a ReLU on or off in time
    assert plain[-1] < plain[0]


@pytest.mark.slow
def test_bf16_losses_follow_fp32(folder: str) -> None:
    plain, bf16 = [losses(folder, toggles, 30) for toggles in (Toggles(), Toggles(bf16=True))]
    np.testing.assert_allclose(bf16, plain, rtol=2e-2)
    assert bf16 != plain


@pytest.mark.slow
@pytest.mark.parametrize("count, toggles, optimizer, l2", [
    (2, FUSED, "adagrad", 0.0), (3, Toggles(), "adam", 0.1), (5, FUSED, "adamasync", 0.1)])
def test_micro_batches_train_as_whole_ones(folder: str, count: int, toggles: Toggles,
                                           optimizer: str, l2: float) -> None:
    data = source.open_data(folder, taobao.SCHEMA, True, 0, False)
    settings = params(toggles, **SMALL)
    graphs.check_micro_batch(data, train.model_fn, settings._replace(dense=Dense(toggles, l2)),
                             count, optimizer, toggles)


@pytest.mark.slow
@pytest.mark.parametrize("toggles", [Toggles(), FUSED._replace(micro_batch=3)])
def test_same_seed_same_losses(folder: str, toggles: Toggles) -> None:
    settings = params(toggles)._replace(training=Training("adagrad", 0.1, toggles))
    data = source.open_data(folder, taobao.SCHEMA, True, 0, False)
    first, second = [graphs.losses(data, train.model_fn, settings, toggles, 20) for _ in range(2)]
    assert first == second


@pytest.mark.slow
@pytest.mark.parametrize("mode", [[], ["--tf"], ["--bf16"]])
def test_training_learns_and_writes_its_results(folder: str, tmp_path: object,
                                                capsys: pytest.CaptureFixture,
                                                mode: List[str]) -> None:
    report = run_main(train.main, "--data_location", folder, "--output_dir", str(tmp_path),
                      "--steps", "400", "--batch_size", "128", *mode)
    with open(os.path.join(folder, "taobao_planted.json")) as file:
        bayes = json.load(file)["bayes_auc"]
    tasks = report["tasks"]
    for task in train.MODEL.tasks:
        assert set(tasks[task]) >= {
            "rows", "positives", "auc", "auc_low", "auc_high", "log_loss", "calibration", "accuracy"
        }
    for task in ("click", "click_and_purchase"):
        assert tasks[task]["auc"] - 0.5 > 0.4 * (bayes[task] - 0.5)
        assert 0.6 < tasks[task]["calibration"] < 1.6
    assert tasks["click"]["gauc_users"] > 100
    assert report["bad_rows"] == 0 and report["steps_per_sec"] > 0 and report[
        "peak_memory_mb"] > 100
    result = glob.glob(os.path.join(str(tmp_path), "model_ESMM_*"))
    assert len(result) == 1
    assert {"config.json", "metrics.json", "export", "checkpoint"} <= set(os.listdir(result[0]))
    assert re.search("click_and_purchase +4000 ", capsys.readouterr().out)


@pytest.mark.slow
def test_any_modes_checkpoint_goes_on_in_any_other(folder: str, tmp_path: object) -> None:
    checkpoint = os.path.join(str(tmp_path), "run")
    common = ["--data_location", folder, "--batch_size", "64", "--checkpoint", checkpoint]
    sliced = ["--input_layer_partitioner", "1", "--dense_layer_partitioner", "64"]
    for steps, mode in (("4", []), ("8", ["--tf"]), ("12", ["--bf16"]), ("16", sliced)):
        assert run_main(train.main, *common, "--no_eval", "--steps", steps,
                        *mode)["steps_trained_here"] == 4
    assert run_main(train.main, *common, "--steps", "16")["steps_trained_here"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("groups", [("", ""), ("user", "shop")])
def test_labels_are_taken_by_role_and_any_groups_do(tmp_path: object, groups: Sequence[str],
                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    schema = Schema("own", (
        Column("paid", "label", role="purchase"), Column("who", "hash", 20, groups[0]),
        Column("seen", "label", role="click"), Column("shop", "hash", 20, groups[1])),
        "train", "test", "who", "")
    monkeypatch.setattr(taobao, "SCHEMA", schema)
    own_rows.write(tmp_path, schema)
    common = ["--data_location", str(tmp_path), "--batch_size", "50", "--steps", "40"]
    made = run_of(train.main, common, monkeypatch)[1]
    rates = own_rows.open_data(tmp_path, schema).label_rates()
    assert made.click_rate == rates[1, 1]  # type: ignore[attr-defined]
    monkeypatch.undo()
    monkeypatch.setattr(taobao, "SCHEMA", schema)
    report = run_main(train.main, *common, "--checkpoint", str(tmp_path.joinpath("run")))
    assert set(report["tasks"]) == set(train.MODEL.tasks)
    assert report["tasks"]["click"]["auc"] > 0.7
    names = [name for name, _ in tf.train.list_variables(str(tmp_path.joinpath("run")))]
    for group in set(groups):
        assert (group or "input") + "_mlp/dense_0/kernel" in names


@pytest.mark.slow
@pytest.mark.parametrize("group", ["", "shop"])
def test_numbers_are_inputs(tmp_path: object, group: str, monkeypatch: pytest.MonkeyPatch) -> None:
    schema = Schema("own", (
        Column("paid", "label", role="purchase"), Column("seen", "label", role="click"),
        Column("who", "hash", 20, group and "user"), Column("price", "number", 0, group,
                                                            default="0")),
        "train", "test", "who", "")
    monkeypatch.setattr(taobao, "SCHEMA", schema)
    own_rows.write(tmp_path, schema, signal="price")
    checkpoint = str(tmp_path.joinpath("run"))  # type: ignore[attr-defined]
    common = ["--data_location", str(tmp_path), "--batch_size", "50", "--checkpoint", checkpoint]
    report = run_main(train.main, *common, "--steps", "60")
    assert report["tasks"]["click"]["auc"] > 0.7
    scope = group or "input"
    mean = tf.train.load_variable(checkpoint, scope + "/numbers/mean")
    rows = own_rows.open_data(tmp_path, schema).sample_numbers()
    np.testing.assert_allclose(mean, np.log1p(rows).mean(axis=0), rtol=1e-5)
    served = serve_sample_request(checkpoint)["click"]
    assert len(set(served.tolist())) > 1


def test_no_flag_is_left_unread(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert unread_flags(train.main, ["--data_location", folder], monkeypatch) == set()


def test_defaults_are_the_documented_ones() -> None:
    parser = flags.make_parser("", train.MODEL)
    train.add_flags(parser)
    args = vars(parser.parse_args([]))
    documented = dict(seed=2021, data_location="./data", steps=0, batch_size=512, learning_rate=0.1,
                      l2_regularization=None, timeline=None, save_steps=None, keep_checkpoint_max=1,
                      bf16=False, no_eval=False, protocol="grpc", inter=0, intra=0,
                      input_layer_partitioner=0, dense_layer_partitioner=0)
    assert {name: args[name] for name in documented} == documented


def test_the_rows_are_read_ten_times_by_default(folder: str,
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    common = ["--data_location", folder]
    runs = [run_of(train.main, [*common, *argv], monkeypatch)[0]
            for argv in ([], ["--steps", "3"], ["--epochs", "2"])]
    assert [(run.steps, run.epochs) for run in runs] == [(0, 10), (3, 0), (0, 2)]


def test_base_rates_are_those_of_the_rows_and_have_logits(folder: str, tmp_path: object,
                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    made = run_of(train.main, ["--data_location", folder], monkeypatch)[1]
    assert made.click_rate == pytest.approx(0.3, abs=0.02) and made.buy_rate == pytest.approx(
        1 / 3, abs=0.03)
    for name in (taobao.SCHEMA.train_file, taobao.SCHEMA.test_file):
        with open(os.path.join(str(tmp_path), name), "w") as file:
            file.write("1,1" + "," * 18 + "\n")
    made = run_of(train.main, ["--data_location", str(tmp_path)], monkeypatch)[1]
    assert 0 < made.click_rate < 1 and 0 < made.buy_rate < 1


@pytest.mark.parametrize("argv, message", [
    (["--steps", "-1"], "argument --steps: expected a whole number >= 0. Got: '-1'"),
    (["--batch_size", "0"], "argument --batch_size: expected a whole number > 0. Got: '0'"),
    (["--learning_rate", "nan"], "argument --learning_rate: expected a number >= 0. Got: 'nan'"),
    (["--learning_rate", "fast"], "argument --learning_rate: expected a number >= 0. Got: 'fast'"),
    (["--bf16", "maybe"], "argument --bf16: expected true or false. Got: 'maybe'"),
    (["--optimizer", "sgd"], "argument --optimizer: invalid choice: 'sgd'"),
    (["--protocol", "grpc++"], r"--protocol grpc\+\+ needs DeepRec"),
    (["--tf", "--bf16"
      ], "it switches every DeepRec feature off. Drop one of them. Got: --tf, --bf16"),
    (["--stepz", "3"], "unrecognized arguments: --stepz 3"),
    (["--step", "3"], "unrecognized arguments: --step 3"),
])
def test_wrong_use_ends_with_status_2(argv: List[str], message: str,
                                      capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as end:
        train.main(argv)
    assert end.value.code == 2
    assert re.search(message, capsys.readouterr().err)


@pytest.mark.slow
def test_nan_loss_names_step_and_rows(folder: str, tmp_path: object) -> None:
    for mode in ([], ["--tf"]):
        target = os.path.join(str(tmp_path), "run" + "".join(mode))
        with pytest.raises(NanLoss,
                           match=r"the loss of step \d+ is (nan|inf). Its batch held these rows of "
                           r".*taobao_train_data.*: (\d+, ){31}\d+\. Look at them") as stopped:
            train.main([
                "--data_location", folder, "--checkpoint", target, "--steps", "50", "--batch_size",
                "32", "--optimizer", "gradientdescent", "--learning_rate", "1e30", "--save_steps",
                "1", *mode
            ])
        step = int(str(stopped.value).split("step ")[1].split()[0])
        assert tf.train.load_variable(target, "global_step") < step
        assert not os.path.exists(os.path.join(target, "metrics.json"))


@pytest.mark.slow
def test_bad_rows_stop_the_run_or_are_counted(folder: str, tmp_path: object) -> None:
    bad = os.path.join(str(tmp_path), "data")
    os.mkdir(bad)
    for name in (taobao.SCHEMA.train_file, taobao.SCHEMA.test_file):
        with open(os.path.join(folder, name)) as source, open(os.path.join(bad, name),
                                                              "w") as target:
            lines = source.readlines()[:300]
            lines[200] = lines[200].rsplit(",", 1)[0] + ",77\n"
            target.writelines(lines)
    for mode in ([], ["--tf"]):
        common = ["--data_location", bad, "--steps", "20", "--batch_size", "30", "--checkpoint",
                  os.path.join(str(tmp_path), "run" + "".join(mode)), *mode]
        with pytest.raises(
                BadInput,
                match=r"taobao_(train|test)_data, row 201, column 'price': '77' is given, "
                      "expected a whole number from 0 to 49"):
            train.main(common)
        assert not os.path.exists(os.path.join(common[7], "metrics.json"))
        report = run_main(train.main, *common, "--max_bad_rows", "2")
        assert report["bad_rows"] == 2 and report["tasks"]["click"]["rows"] == 299


def command(*argv: str, cwd: str = ROOT) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-W", "ignore", *argv], cwd=cwd, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, universal_newlines=True)


@pytest.mark.slow
@pytest.mark.parametrize("argv, cwd", [(["esmm/train.py"], ROOT),
                                       (["train.py"], os.path.join(ROOT, "esmm")),
                                       (["-m", "esmm.train"], ROOT)])
def test_ways_to_start_and_exit_status(folder: str, tmp_path: object, argv: List[str],
                                       cwd: str) -> None:
    done = command(*argv, "--data_location", folder, "--steps", "2", "--no_eval", "--output_dir",
                   str(tmp_path), cwd=cwd)
    assert done.returncode == 0, done.stderr
    failed = command(*argv, "--data_location", str(tmp_path), cwd=cwd)
    assert failed.returncode == 1
    assert "error: no rows of taobao: {}/taobao_train_data.parquet is missing and".format(
        tmp_path) in failed.stderr
    assert "python data/taobao.py make" in failed.stderr
    assert "python data/taobao.py convert" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert command(*argv, "--seed", "x", cwd=cwd).returncode == 2


@pytest.mark.slow
def test_a_clusters_checkpoint_goes_on_with_other_servers_and_alone(
        folder: str, tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # the processes that launch.py starts have whole tables
    flags = [
        "--data_location", folder, "--batch_size", "64", "--checkpoint",
        os.path.join(str(tmp_path), "run"), "--input_layer_partitioner", "1",
        "--dense_layer_partitioner", "64"
    ]
    for roles, steps, more in (("ps=2,chief=1", "30", ["--no_eval"]), ("ps=3,chief=1", "40", [])):
        done = command("common/launch.py", "--local", roles, "esmm", *flags, "--steps", steps,
                       *more)
        assert done.returncode == 0, done.stdout + done.stderr
        with open(os.path.join(str(tmp_path), "run", "metrics.json")) as file:
            report = json.load(file)
        assert int(steps) <= report["global_step"] <= int(steps) + 3  # what was under way
    alone = run_main(train.main, *flags, "--steps", str(report["global_step"]))
    assert alone["steps_trained_here"] == 0
    for task in train.MODEL.tasks:
        assert alone["tasks"][task]["log_loss"] == pytest.approx(report["tasks"][task]["log_loss"],
                                                                 rel=1e-5)
    assert run_main(train.main, *flags, "--steps", "45", "--no_eval")["global_step"] == 45


@pytest.mark.skipif(not os.path.exists(toy.TAOBAO_SAMPLE),
                    reason="the real Taobao rows are not beside the project")
@pytest.mark.slow
def test_real_rows_without_purchases(tmp_path: object) -> None:
    with open(toy.TAOBAO_SAMPLE) as file:
        lines = file.readlines()
    for name, part in ((taobao.SCHEMA.train_file, lines[:4000]), (taobao.SCHEMA.test_file,
                                                                  lines[4000:])):
        with open(os.path.join(str(tmp_path), name), "w") as file:
            file.writelines(part)
    report = run_main(train.main, "--data_location", str(tmp_path), "--steps", "60",
                      "--checkpoint", str(tmp_path) + "/run")
    tasks = report["tasks"]
    assert tasks["click_and_purchase"]["auc"] is None and tasks["purchase_given_click"][
        "positives"] == 0
    assert tasks["click"]["auc_low"] < tasks["click"]["auc"] < tasks["click"]["auc_high"]
    assert tasks["click"]["rows"] == 1078


def test_variables_are_those_of_checkpoints_of_release_1() -> None:
    digest = graphs.variables_digest(taobao.SCHEMA, train.model_fn, params())
    assert digest == "f8aa2bb28317623c"
