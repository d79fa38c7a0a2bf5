import os
from typing import List

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
from common.testing.mains import (
    DOCUMENTED, FUSED, predict_first_rows, run_main, run_of, serve_sample_request, unread_flags,
)
from data import eleme, own_rows
from dlrm import train
from dlrm.train import Params

SMALL = dict(bottom=(6, 5), top=(7, 4))


@pytest.fixture(autouse=True)
def small_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables of 2,000 rows in place of 100,000."""
    data_sets.shrink_tables(monkeypatch, eleme)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """10,000 training and 2,000 test rows."""
    return data_sets.made_once(
        tmp_path_factory, "eleme_10000", lambda path: eleme.make(10000, 2000, 3, 0.3, path))


def open_data(folder: str, toggles: Toggles) -> Data:
    return source.open_data(folder, eleme.SCHEMA, not toggles.tf, 0, False)


def params(toggles: Toggles, **kwargs: object) -> Params:
    return Params(eleme.SCHEMA, Embedding(16, toggles), Dense(toggles), Training("adagrad", 0.05),
                  0.3, **kwargs)  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize("toggles, interaction_op, batch_size", [(FUSED, "dot", 2),
                                                                 (FUSED, "cat", 7),
                                                                 (Toggles(tf=True), "dot", 7),
                                                                 (Toggles(bf16=True), "cat", 2)])
def test_shapes_and_gradients_at_odd_sizes(folder: str, toggles: Toggles, interaction_op: str,
                                           batch_size: int) -> None:
    small = params(toggles, interaction_op=interaction_op, **SMALL)
    assert graphs.logit_shapes(open_data(folder, toggles), train.model_fn, small, toggles,
                               batch_size) == {"click": (batch_size,)}


@pytest.mark.slow
def test_all_modes_have_the_same_losses_step_by_step(folder: str) -> None:
    def losses(toggles: Toggles) -> List[float]:
        small = params(toggles, interaction_op="dot", bottom=(32, 16), top=(32, 16))
        return graphs.losses(open_data(folder, toggles), train.model_fn, small, toggles, 10,
                             batch_size=64)

    community = losses(Toggles(tf=True))
    for toggles in (Toggles(), FUSED):
        np.testing.assert_allclose(losses(toggles), community, rtol=1e-3)
    np.testing.assert_allclose(losses(FUSED._replace(bf16=True)), community, rtol=3e-2)


@pytest.mark.slow
@pytest.mark.parametrize("count, toggles, interaction_op", [
    (2, FUSED, "dot"), (3, Toggles(), "cat"), (5, FUSED, "cat")])
def test_micro_batches_normalise_by_the_slice(folder: str, count: int, toggles: Toggles,
                                              interaction_op: str) -> None:
    small = params(toggles, interaction_op=interaction_op, **SMALL)
    graphs.check_slices(open_data(folder, toggles), train.model_fn, small, count, toggles)


@pytest.mark.parametrize("toggles, interaction_op", [
    (FUSED, "dot"), (Toggles(tf=True), "dot"), (FUSED, "cat")])
def test_without_numbers_there_is_no_bottom_network(tmp_path: object, toggles: Toggles,
                                                    interaction_op: str) -> None:
    schema = Schema("own", (Column("who", "hash", 20), Column("y", "label", task="opened"),
                            Column("shop", "hash", 20)), "train", "test", "who", "")
    data = own_rows.open_data(own_rows.write(tmp_path, schema), schema)
    small = params(toggles, interaction_op=interaction_op, **SMALL)._replace(schema=schema)
    assert graphs.logit_shapes(data, train.model_fn, small, toggles, 3) == {"opened": (3,)}
    trained = graphs.train(data, train.model_fn, small, toggles, 1, 3)[0]
    assert not any(name.startswith(("bottom", "numbers")) for name in trained.variables)
    width = 1 if interaction_op == "dot" else 32
    assert trained.variables["top/dense_0/kernel"].shape[0] == width


def test_one_vector_has_no_dot_product(monkeypatch: pytest.MonkeyPatch,
                                       capsys: pytest.CaptureFixture) -> None:
    schema = Schema("own", (Column("who", "hash", 20), Column("y", "label")), "a", "b", "who", "")
    monkeypatch.setattr(eleme, "SCHEMA", schema)
    with pytest.raises(SystemExit, match="2"):
        train.main(["--interaction_op", "dot"])
    assert "--interaction_op dot needs two vectors, of columns or of numbers, and schema 'own' " \
           "has one. Give --interaction_op cat." in " ".join(capsys.readouterr().err.split())


def test_dot_products_are_those_of_each_pair_once() -> None:
    vectors = np.random.default_rng(0).standard_normal([3, 5, 4]).astype(np.float32)
    with tf.Graph().as_default(), tf.Session() as session:
        got = session.run(train.dot_products(tf.constant(vectors)))
    expected = [[row[i] @ row[j] for i in range(5) for j in range(i)] for row in vectors]
    assert got.shape == (3, 5 * 4 // 2)
    np.testing.assert_allclose(got, expected, rtol=1e-5)


def numpy_forward(x: np.ndarray, embedded: np.ndarray, w: dict, interaction_op: str) -> np.ndarray:
    def dense(x: np.ndarray, name: str) -> np.ndarray:
        return x @ w[name + "/kernel"] + w[name + "/bias"]

    def norm(x: np.ndarray, name: str) -> np.ndarray:
        return (x - w[name + "/moving_mean"]) / np.sqrt(w[name + "/moving_variance"] + 1e-3)

    bottom = norm(np.sign(x) * np.log1p(np.abs(x)), "numbers_norm")
    for i in range(3):
        name = "bottom/norm_{}".format(i)
        bottom = norm(dense(bottom, "bottom/dense_{}".format(i)),
                      name) * w[name + "/gamma"] + w[name + "/beta"]
        bottom = np.maximum(bottom, 0)
    joined = np.concatenate([bottom, embedded], axis=1)
    if interaction_op == "dot":
        vectors = joined.reshape(len(x), -1, 16)
        pairs = [
            np.einsum("bd,bd->b", vectors[:, i], vectors[:, j])
            for i in range(vectors.shape[1])
            for j in range(i)
        ]
        joined = np.concatenate([bottom, np.stack(pairs, axis=1)], axis=1)
    for i in range(2):
        joined = np.maximum(dense(joined, "top/dense_{}".format(i)), 0)
    return dense(joined, "click_logit")[:, 0]


@pytest.mark.parametrize("interaction_op, width", [("dot", 16 + 25 * 24 // 2), ("cat", 16 * 25)])
def test_forward_is_the_papers_equations_in_numpy(interaction_op: str, width: int) -> None:
    rng = np.random.default_rng(1)
    x = rng.standard_normal([6, 12]) * 10.0 ** rng.integers(-2, 5, 12)
    embedded = rng.standard_normal([6, 24 * 16])
    with tf.Graph().as_default(), tf.Session() as session, pytest.MonkeyPatch.context() as patch:
        patch.setattr(train.input_layer, "embed", lambda *args: tf.constant(embedded, tf.float32))
        features = {
            c.name: tf.constant(x[:, i], tf.float32)
            for i, c in enumerate(eleme.SCHEMA.numbers)
        }
        outputs = train.forward(features, params(FUSED, interaction_op=interaction_op, **SMALL),
                                False)
        session.run(tf.global_variables_initializer())
        for variable in tf.global_variables():
            variable.load(
                rng.random(variable.shape.as_list()) - 0.4 * ("variance" not in variable.name),
                session)
        got = session.run(outputs.logits["clicked"])
        w = {v.op.name: session.run(v).astype(np.float64) for v in tf.global_variables()}
    assert w["top/dense_0/kernel"].shape[0] == width
    np.testing.assert_allclose(got, numpy_forward(x, embedded, w, interaction_op), rtol=1e-4,
                               atol=1e-4)


def test_numbers_of_any_scale_come_out_alike(folder: str) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        features, _ = graphs.features_of(open_data(folder, Toggles()), Toggles(), 512)
        numbers = tf.stack([features[c.name] for c in eleme.SCHEMA.numbers], axis=1)
        normalised = train.normalise(numbers, True, Dense(Toggles()))
        graphs.initialize(session)
        raw, got = session.run([numbers, normalised])
    assert raw.std(axis=0).max() / raw.std(axis=0).min() > 1e4
    np.testing.assert_allclose(got.mean(axis=0), 0, atol=1e-3)
    assert got.std(axis=0).min() > 0.5 and got.std(axis=0).max() < 1.01


@pytest.mark.slow
def test_training_learns_and_a_second_call_goes_on(folder: str, tmp_path: object) -> None:
    common = [
        "--data_location", folder, "--batch_size", "128", "--checkpoint",
        os.path.join(str(tmp_path), "run")
    ]
    report = run_main(train.main, *common, "--steps", "78")
    click = report["tasks"]["click"]
    assert click["auc"] > 0.6 and 0.7 < click["calibration"] < 1.4
    assert report["unknown_ids"] == {}
    data = open_data(folder, FUSED)
    expected = predict_first_rows(common[-1], data, train.model_fn, params(FUSED))
    np.testing.assert_allclose(serve_sample_request(common[-1])["click"], expected["click"],
                               rtol=1e-5)
    assert run_main(train.main, *common, "--steps", "80", "--no_eval",
                    "--tf")["steps_trained_here"] == 2


@pytest.mark.slow
@pytest.mark.parametrize("flags", ["--adaptive_emb", "--ev --ev_filter cbf"])
def test_tables_that_grow_are_sized_by_the_buckets(folder: str, flags: str,
                                                   tmp_path: object) -> None:
    report = run_main(train.main, "--data_location", folder, "--output_dir", str(tmp_path),
                      "--steps", "2", "--batch_size", "64", *flags.split())
    assert report["global_step"] == 2 and report["peak_memory_mb"] < 4000


def test_flags(folder: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    run, made = run_of(train.main, ["--data_location", folder], monkeypatch)
    assert (run.epochs, run.steps) == (1, 0)
    assert run.save_steps == 0
    assert (*made.training[:2], made.interaction_op) == ("adamasync", 0.001, "cat")
    made = run_of(train.main, ["--data_location", folder, "--interaction_op", "dot"],
                  monkeypatch)[1]
    assert made.interaction_op == "dot"
    parser = flags.make_parser("", train.MODEL)
    train.add_flags(parser)
    args = vars(parser.parse_args([]))
    assert {name: args[name] for name in DOCUMENTED} == dict(DOCUMENTED, save_steps=0)
    with pytest.raises(SystemExit) as end:
        train.main(["--interaction_op", "sum"])
    assert end.value.code == 2
    assert "invalid choice: 'sum' (choose from 'dot', 'cat')" in capsys.readouterr().err
    assert unread_flags(train.main, ["--data_location", folder], monkeypatch) == set()


def test_variables_are_those_of_checkpoints_of_release_1() -> None:
    digest = graphs.variables_digest(eleme.SCHEMA, train.model_fn, params(Toggles()))
    assert digest == "67bf667c87847f8c"
