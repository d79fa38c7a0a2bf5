import functools
import json
import os
from typing import Dict, List, Sequence

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common import flags
from common.config.schema import Column, Schema
from common.config.toggles import Toggles
from common.embedding.input_layer import Embedding
from common.layers import Dense
from common.optimizers.train_step import Training
from common.pipeline import source
from common.pipeline.source import Data
from common.testing import data_sets, graphs
from common.testing.mains import DOCUMENTED, FUSED, run_main, run_of, unread_flags
from data import own_rows, taobao
from ple import train
from ple.train import Params

SMALL = dict(expert=(6, 5), gate=(4,), tower=(4,))


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
    return Params(taobao.SCHEMA, Embedding(16, toggles), Dense(toggles), Training("adam", 0.001),
                  (0.3, 0.1), **kwargs)  # type: ignore[arg-type]


def open_data(folder: str, toggles: Toggles) -> Data:
    return source.open_data(folder, taobao.SCHEMA, not toggles.tf, 0, False)


@pytest.mark.slow
@pytest.mark.parametrize("toggles, batch_size", [(FUSED, 2), (Toggles(tf=True), 7),
                                                 (Toggles(bf16=True), 7)])
def test_shapes_and_gradients_at_odd_sizes(folder: str, toggles: Toggles, batch_size: int) -> None:
    shapes = graphs.logit_shapes(open_data(folder, toggles), train.model_fn,
                                 params(toggles, levels=2, **SMALL), toggles, batch_size)
    assert shapes == {"click": (batch_size,), "purchase": (batch_size,)}


@pytest.mark.slow
def test_all_modes_have_the_same_losses_step_by_step(folder: str) -> None:
    def losses(toggles: Toggles) -> List[float]:
        small = params(toggles, levels=2, expert=(32, 16), gate=(32,), tower=(16,))._replace(
            training=Training("adagrad", 0.001))
        return graphs.losses(open_data(folder, toggles), train.model_fn, small, toggles, 6)

    community = losses(Toggles(tf=True))
    for toggles in (Toggles(),
                    FUSED):  # batch normalisation of small inputs makes rounding grow fast
        np.testing.assert_allclose(losses(toggles), community, rtol=1e-3)
    np.testing.assert_allclose(losses(FUSED._replace(bf16=True)), community, rtol=3e-2)


@pytest.mark.slow
@pytest.mark.parametrize("count, toggles", [(2, Toggles()), (3, FUSED), (5, FUSED)])
def test_micro_batches_normalise_by_the_slice(folder: str, count: int, toggles: Toggles) -> None:
    small = params(toggles, levels=1, **SMALL)
    graphs.check_slices(open_data(folder, toggles), train.model_fn, small, count, toggles)


def numpy_forward(x: np.ndarray, w: Dict[str, np.ndarray], levels: int) -> Dict[str, np.ndarray]:
    """PLE in evaluation mode, written from the paper: each stream mixes what its softmax gate
    sees.
    """
    def dense(x: np.ndarray, name: str) -> np.ndarray:
        return x @ w[name + "/kernel"] + w[name + "/bias"]

    def mlp(x: np.ndarray, name: str, depth: int) -> np.ndarray:
        for i in range(depth):
            norm = "{}/norm_{}/".format(name, i)
            x = dense(x, "{}/dense_{}".format(name, i))
            x = (x - w[norm + "moving_mean"]) / np.sqrt(w[norm + "moving_variance"] + train.EPSILON)
            x = np.maximum(x * w[norm + "gamma"] + w[norm + "beta"], 0)
        return x

    streams = {"click": x, "purchase": x, "shared": x}
    for level in range(levels):
        scope = "layer_{}/".format(level)
        experts = {name: [mlp(streams[name], "{}{}_expert_{}".format(scope, name, i), 2)
                          for i in range(1 if name == "shared" else 2)] for name in streams}
        seen = {
            "click": experts["click"] + experts["shared"],
            "purchase": experts["purchase"] + experts["shared"],
            "shared": experts["click"] + experts["purchase"] + experts["shared"]
        }
        new = {}
        for name in ("click", "purchase") if level == levels - 1 else streams:
            gate = np.exp(
                dense(mlp(streams[name], scope + name + "_gate", 1), scope + name + "_gate_logits"))
            gate /= gate.sum(axis=1, keepdims=True)
            assert gate.shape[1] == (5 if name == "shared" else 3)
            new[name] = np.einsum("be,beh->bh", gate, np.stack(seen[name], axis=1))
        streams = new
    return {
        task: dense(mlp(streams[task], task + "_tower", 1), task + "_logit")[:, 0]
        for task in streams
    }


@pytest.mark.slow
def test_forward_is_the_papers_equations_in_numpy() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal([9, 4]).astype(np.float32)
    with tf.Graph().as_default(), tf.Session() as session, pytest.MonkeyPatch.context() as patch:
        patch.setattr(train.numbers, "embed", lambda *args: tf.constant(x))
        outputs = train.forward({}, params(FUSED, **SMALL), training=False)
        session.run(tf.global_variables_initializer())
        for variable in tf.global_variables():
            variable.load(
                rng.random(variable.shape.as_list()) - 0.3 * ("moving" not in variable.name),
                session)
        got = session.run(outputs.logits)
        w = {v.op.name: session.run(v).astype(np.float64) for v in tf.global_variables()}
    expected = numpy_forward(x.astype(np.float64), w, 3)
    for label, task in (("clk", "click"), ("buy", "purchase")):
        np.testing.assert_allclose(got[label], expected[task], rtol=1e-4, atol=1e-4)
    assert not any("layer_2/shared_gate" in name for name in w)


@pytest.mark.slow
def test_batch_norm_uses_the_batch_in_training_and_running_means_in_evaluation() -> None:
    x = np.random.default_rng(0).standard_normal([50, 4]).astype(np.float32)
    with tf.Graph().as_default(), tf.Session() as session, pytest.MonkeyPatch.context() as patch:
        inputs = tf.placeholder(tf.float32, [None, 4])
        patch.setattr(train.numbers, "embed", lambda *args: inputs)
        with tf.variable_scope("", reuse=tf.AUTO_REUSE):
            training, evaluating = [train.forward({}, params(FUSED, **SMALL), mode).logits["clk"]
                                    for mode in (True, False)]
        updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
        session.run(tf.global_variables_initializer())
        whole, half = [session.run([training, evaluating], {inputs: x[:size]}) for size in (50, 25)]
        assert not np.allclose(whole[0][:25], half[0],
                               atol=1e-4)  # depends on the rest of the batch
        np.testing.assert_allclose(whole[1][:25], half[1], rtol=1e-5)  # does not
        for _ in range(400):
            session.run(updates, {inputs: x})
        np.testing.assert_allclose(session.run(evaluating, {inputs: x}),
                                   session.run(training, {inputs: x}), rtol=0.05, atol=0.02)


@pytest.mark.slow
def test_training_learns_and_a_second_call_goes_on(folder: str, tmp_path: object,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = dict(levels=2, expert=(64, 32), gate=(32,), tower=(64, 32))
    monkeypatch.setattr(train, "Params", functools.partial(Params, **sizes))
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
    assert run_main(train.main, *common, "--steps", "236", "--no_eval")["steps_trained_here"] == 2


@pytest.mark.slow
@pytest.mark.parametrize("labels", [("a",), ("a", "b", "c")])
def test_each_label_of_a_schema_is_a_task(tmp_path: object, labels: Sequence[str]) -> None:
    columns = [Column("who", "hash", 20)] + [Column(name, "label") for name in labels]
    columns.append(Column("age", "number", default="0"))
    schema = Schema("own", tuple(columns), "train", "test", "who", "")
    data = own_rows.open_data(own_rows.write(tmp_path, schema), schema)
    small = params(FUSED, levels=2, numbers={"age": (0.0, 3.0)}, **SMALL)
    small = small._replace(schema=schema, rates=len(labels) * (0.4,))
    assert graphs.logit_shapes(data, train.model_fn, small, FUSED, 3) == {
        label: (3,) for label in labels}


@pytest.mark.slow
def test_flags(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run, made = run_of(train.main, ["--data_location", folder], monkeypatch)
    assert (run.epochs, run.steps) == (1000, 0)
    assert made.training[:2] == ("adam", 0.001)
    parser = flags.make_parser("", train.MODEL)
    train.add_flags(parser)
    args = vars(parser.parse_args([]))
    assert {name: args[name] for name in DOCUMENTED} == DOCUMENTED
    assert unread_flags(train.main, ["--data_location", folder], monkeypatch) == set()


def test_variables_are_those_of_checkpoints_of_release_1() -> None:
    digest = graphs.variables_digest(taobao.SCHEMA, train.model_fn, params(Toggles()))
    assert digest == "275d132ba41ea751"
