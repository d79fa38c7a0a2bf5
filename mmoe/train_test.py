import functools
import json
import os
from typing import Any, Dict, List

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common import flags, layers
from common.config import schema_file
from common.config.schema import Column, Schema
from common.config.toggles import Toggles
from common.embedding.input_layer import Embedding
from common.errors import BadInput
from common.layers import Dense
from common.metrics.objective import Objective
from common.optimizers.schedule import Schedule
from common.optimizers.train_step import Training
from common.pipeline import source
from common.pipeline.source import Data
from common.testing import data_sets, graphs
from common.testing.mains import (
    DOCUMENTED, FUSED, run_main, run_of, serve_sample_request, unread_flags,
)
from data import own_rows, taobao
from mmoe import train
from mmoe.train import Outputs, Params

SMALL = dict(experts=3, expert=(6, 5), tower=(4,))


@pytest.fixture(autouse=True)
def small_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables of 2,000 rows in place of 100,000."""
    data_sets.shrink_tables(monkeypatch, taobao)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """30,000 training and 4,000 test rows with frequent clicks and purchases."""
    return data_sets.made_once(
        tmp_path_factory, "taobao_30000", lambda path: taobao.make(30000, 4000, 3, 0.3, 0.1, path))


def params(toggles: Toggles, **kwargs: object) -> Params:
    return Params(taobao.SCHEMA, Embedding(16, toggles), Dense(toggles), Training("adagrad", 0.1),
                  (0.3, 0.1), **kwargs)  # type: ignore[arg-type]


def open_data(folder: str, toggles: Toggles) -> Data:
    return source.open_data(folder, taobao.SCHEMA, not toggles.tf, 0, False)


@pytest.mark.slow
@pytest.mark.parametrize("toggles, batch_size", [(FUSED, 1), (Toggles(tf=True), 7),
                                                 (Toggles(bf16=True), 7)])
def test_shapes_and_gradients_at_odd_sizes(folder: str, toggles: Toggles, batch_size: int) -> None:
    shapes = graphs.logit_shapes(open_data(folder, toggles), train.model_fn, params(
        toggles, **SMALL), toggles, batch_size)
    assert shapes == {"click": (batch_size,), "purchase": (batch_size,)}


@pytest.mark.slow
@pytest.mark.parametrize("training, objective", [
    (Training("adagrad", 0.1), Objective()),
    (Training("adagrad", 0.3, schedule=Schedule(4, "cosine", 12), clip_norm=0.1),
     Objective(0.1, (("purchase", 3.0),)))])
def test_all_modes_have_the_same_losses_step_by_step(folder: str, training: Training,
                                                     objective: Objective) -> None:
    def losses(toggles: Toggles) -> List[float]:
        settings = params(toggles)._replace(training=training._replace(toggles=toggles),
                                            objective=objective)
        return graphs.losses(open_data(folder, toggles), train.model_fn, settings, toggles, 20)

    community = losses(Toggles(tf=True))
    for toggles in (Toggles(), FUSED, FUSED._replace(micro_batch=3)):
        np.testing.assert_allclose(losses(toggles), community, rtol=1e-3)
    np.testing.assert_allclose(losses(FUSED._replace(bf16=True)), community, rtol=2e-2)
    assert community[-1] < community[0]


@pytest.mark.slow
@pytest.mark.parametrize("count, toggles", [(2, FUSED), (3, Toggles()), (5, FUSED)])
def test_micro_batches_train_as_whole_ones(folder: str, count: int, toggles: Toggles) -> None:
    small = params(toggles, **SMALL)
    graphs.check_micro_batch(open_data(folder, toggles), train.model_fn, small, count,
                             toggles=toggles)


def test_forward_is_the_papers_equations_in_numpy() -> None:
    """Gates sum to 1 and mix the experts, each task by its own gate (eq. 5 to 7)."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal([9, 4]).astype(np.float32)
    with tf.Graph().as_default(), tf.Session() as session, pytest.MonkeyPatch.context() as patch:
        patch.setattr(train.numbers, "embed", lambda *args: tf.constant(x))
        outputs = train.forward({}, params(FUSED, **SMALL))
        session.run(tf.global_variables_initializer())
        for variable in tf.trainable_variables():
            variable.load(rng.standard_normal(variable.shape.as_list()), session)
        logits = session.run(outputs.logits)
        w = {v.op.name: session.run(v).astype(np.float64) for v in tf.trainable_variables()}

    def dense(x: np.ndarray, name: str) -> np.ndarray:
        return x @ w[name + "/kernel"] + w[name + "/bias"]

    def mlp(x: np.ndarray, name: str, depth: int) -> np.ndarray:
        for i in range(depth):
            x = np.maximum(dense(x, "{}/dense_{}".format(name, i)), 0)
        return x

    experts = np.stack([mlp(x, "expert_{}".format(i), 2) for i in range(3)], axis=1)  # [B, E, H]
    for task, got in (("click", logits["clk"]), ("purchase", logits["buy"])):
        gate = np.exp(dense(x, task + "_gate"))
        gate /= gate.sum(axis=1, keepdims=True)
        hidden = mlp(np.einsum("be,beh->bh", gate, experts), task + "_tower", 1)
        np.testing.assert_allclose(got, dense(hidden, task + "_logit")[:, 0], rtol=1e-4, atol=1e-4)


def test_loss_is_the_mean_of_both_tasks_log_losses() -> None:
    rng = np.random.default_rng(1)
    logits, labels = rng.normal(0, 3, [2, 50]), (rng.random([2, 50]) < 0.5).astype(np.float32)
    p = 1 / (1 + np.exp(-logits))
    with tf.Graph().as_default(), tf.Session() as session:
        clicks, purchases = [tf.constant(values, tf.float32) for values in logits]
        outputs = Outputs({"clk": clicks, "buy": purchases})
        of_rows = {"buy": tf.constant(labels[1]), "clk": tf.constant(labels[0])}
        got = session.run(train.loss(outputs, of_rows, params(Toggles())))
    assert got == pytest.approx(-np.mean(np.where(labels == 1, np.log(p), np.log1p(-p))), rel=1e-5)


def test_one_expert_is_a_shared_bottom() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        expert = tf.random.normal([5, 4], seed=1)
        mixed = layers.mix([expert], [tf.random.normal([5, 1], seed=2)], [[0]], Dense(Toggles()))[0]
        np.testing.assert_allclose(*session.run([mixed, expert]), rtol=1e-6)


@pytest.mark.slow
def test_training_learns_and_a_second_call_goes_on(folder: str, tmp_path: object) -> None:
    common = [
        "--data_location", folder, "--batch_size", "128", "--checkpoint",
        os.path.join(str(tmp_path), "run")
    ]
    report = run_main(train.main, *common, "--steps", "234")
    with open(os.path.join(folder, "taobao_planted.json")) as file:
        bayes = json.load(file)["bayes_auc"]
    assert sorted(report["tasks"]) == ["click", "purchase"]
    for task in train.MODEL.tasks:
        assert report["tasks"][task]["auc"] - 0.5 > 0.35 * (bayes[task] - 0.5)
        assert 0.6 < report["tasks"][task]["calibration"] < 1.6
    assert run_main(train.main, *common, "--steps", "237", "--no_eval",
                    "--tf")["steps_trained_here"] == 3


@pytest.mark.parametrize("toggles", [FUSED, Toggles(tf=True)])
def test_each_label_of_a_schema_is_a_task(tmp_path: object, toggles: Toggles) -> None:
    columns = [Column("who", "hash", 20)] + [Column(name, "label") for name in ("a", "b", "c")]
    columns.append(Column("age", "number", default="0"))
    schema = Schema("own", (*columns, Column("b_of_c", "words", words=("x", "y"))), "train", "test",
                    "who", "")
    data = own_rows.open_data(own_rows.write(tmp_path, schema), schema)
    small = params(toggles, numbers={"age": (0.0, 3.0)}, **SMALL)
    small = small._replace(schema=schema, rates=(0.3, 0.2, 0.1))
    assert graphs.logit_shapes(data, train.model_fn, small, toggles, 3) == {
        "a": (3,), "b": (3,), "c": (3,)}


OWN: Dict[str, Any] = {
    "user": None, "delimiter": ";", "header": True, "missing": ["v5", "?"], "columns": [
        {"name": "opened", "kind": "label"}, {"name": "shop", "kind": "hash", "buckets": 50},
        {"name": "tags", "kind": "hash", "buckets": 50, "separator": "|"},
        {"name": "note", "kind": "keep"}, {"name": "w", "kind": "weight"},
        {"name": "ordered", "kind": "label", "task": "order"},
        {"name": "kept", "kind": "label", "positive": ["kept", "kept long"]}]}


def write_own(folder: Any, value: Dict[str, Any]) -> List[str]:
    """The rows of a schema with a header, and the file of the schema; flags that name them."""
    path = folder.joinpath("own.json")
    path.write_text(json.dumps(value))
    schema = schema_file.read(str(path))._replace(train_file="train", test_file="test")
    own_rows.write(folder, schema)
    return ["--schema", str(path), "--train_files", str(folder.joinpath("train")), "--eval_files",
            str(folder.joinpath("test"))]


@pytest.mark.slow
@pytest.mark.parametrize("mode", [[], ["--tf"], ["--ev"]])
def test_a_schema_file_is_trained_resumed_and_served(tmp_path: Any, mode: List[str],
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    small = functools.partial(Params, experts=2, expert=(32,), tower=(16,))
    monkeypatch.setattr(train, "Params", small)
    common = [*write_own(tmp_path, OWN), "--batch_size", "20", "--checkpoint",
              str(tmp_path.joinpath("run")), "--learning_rate", "0.01"]
    report = run_main(train.main, *common, "--steps", "60", *mode)
    assert set(report["tasks"]) == {"opened", "order", "kept"}
    assert report["tasks"]["opened"]["auc"] > 0.65
    assert "gauc" not in report["tasks"]["opened"]
    assert set(serve_sample_request(common[-3])) == {"opened", "order", "kept"}
    with open(str(tmp_path.joinpath("run", "config.json"))) as file:
        config = json.load(file)
    assert config["schema"] == dict({key: OWN[key] for key in OWN if key != "user"}, name="own")
    assert "schema" not in config["params"]
    assert run_main(train.main, *common, "--steps", "62", *mode)["steps_trained_here"] == 2
    other = json.loads(json.dumps(OWN))
    other["columns"][1]["buckets"] = 60
    with pytest.raises(BadInput, match="trained with another schema: column 2 was .*50, .* and is "
                                       ".*60, .*. Give the --schema of that run, which"):
        train.main([*write_own(tmp_path, other), *common[6:], "--steps", "64", *mode])


def test_a_schema_without_names_of_files_needs_them(tmp_path: Any) -> None:
    with pytest.raises(BadInput, match="schema 'own' names no files of rows. Name them: --train_f"):
        train.main(write_own(tmp_path, OWN)[:2])


def test_flags(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run, made = run_of(train.main, ["--data_location", folder], monkeypatch)
    assert (run.epochs, run.steps) == (1000, 0)
    assert made.training[:2] == ("adamasync", 0.001)
    parser = flags.make_parser("", train.MODEL)
    train.add_flags(parser)
    args = vars(parser.parse_args([]))
    assert {name: args[name] for name in DOCUMENTED} == DOCUMENTED
    assert unread_flags(train.main, ["--data_location", folder], monkeypatch) == set()


def test_variables_are_those_of_checkpoints_of_release_1() -> None:
    digest = graphs.variables_digest(taobao.SCHEMA, train.model_fn, params(Toggles()))
    assert digest == "73fadb4e5098435d"
