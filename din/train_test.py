import json
import os
import subprocess
import sys
from typing import List, Tuple

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common import flags
from common.config.schema import Column, Schema
from common.config.toggles import Toggles
from common.embedding import history as history_of
from common.embedding.history import History, PaddedHistory, RaggedHistory
from common.embedding.input_layer import Embedding
from common.errors import BadInput
from common.layers import Dense
from common.optimizers.train_step import Training
from common.pipeline import blocks, dataset, source, tf_path
from common.pipeline.source import Data
from common.testing import data_sets, graphs
from common.testing.book_reviews import write_raw_files
from common.testing.mains import (
    DOCUMENTED, FUSED, predict_first_rows, run_main, run_of, serve_sample_request, unread_flags,
)
from data import amazon, movielens, own_rows
from din import train
from din.train import Params

LENGTHS = [3, 0, 1, 5]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """20,000 training and 3,000 test rows."""
    return data_sets.made_once(
        tmp_path_factory, "amazon_20000", lambda path: amazon.make(20000, 3000, 3, path))


def open_data(folder: str, toggles: Toggles) -> Data:
    return source.open_data(folder, amazon.SCHEMA, not toggles.tf, 0, False)


def params(data: Data, toggles: Toggles, **kwargs: object) -> Params:
    return Params(data.schema, Embedding(18, toggles), Dense(toggles), Training("adagrad", 0.1),
                  0.5, **kwargs)  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize("toggles, batch_size", [(FUSED, 1), (Toggles(tf=True), 7),
                                                 (Toggles(bf16=True), 7)])
def test_shapes_and_gradients_at_odd_sizes(folder: str, toggles: Toggles, batch_size: int) -> None:
    data = open_data(folder, toggles)
    small = params(data, toggles, attention=(5, 3), top=(7, 4))
    assert graphs.logit_shapes(data, train.model_fn, small, toggles,
                               batch_size) == {"click": (batch_size,)}


@pytest.mark.slow
def test_all_modes_have_the_same_losses_step_by_step(folder: str) -> None:
    def losses(toggles: Toggles) -> List[float]:
        data = open_data(folder, toggles)
        return graphs.losses(data, train.model_fn, params(data, toggles), toggles, 20)

    community = losses(Toggles(tf=True))
    for toggles in (Toggles(), FUSED):
        np.testing.assert_allclose(losses(toggles), community, rtol=1e-3)
    np.testing.assert_allclose(losses(FUSED._replace(bf16=True)), community, rtol=3e-2)


@pytest.mark.slow
@pytest.mark.parametrize("count, toggles", [(2, FUSED), (3, Toggles()), (5, FUSED)])
def test_micro_batches_normalise_by_the_slice(folder: str, count: int, toggles: Toggles) -> None:
    data = open_data(folder, toggles)
    small = params(data, toggles, attention=(5, 3), top=(7, 4))
    graphs.check_slices(data, train.model_fn, small, count, toggles)


def own_schema(*profile: Column) -> Schema:
    """Hashed histories of items and shops, and any profile."""
    def pair(name: str) -> Tuple[Column, Column]:
        one = Column(name, "hash", 30, table=name, width=5 * (name == "item"))
        return one, one._replace(name=name + "s", separator="|", default="", newest=3, aligned=True)

    return Schema("own", (Column("y", "label"), *pair("shop"), *profile, *pair("item")), "train",
                  "test", "shop", "")


@pytest.mark.slow
@pytest.mark.parametrize("profile", [
    (), (Column("tags", "hash", 20, separator="|"), Column("age", "identity", 9, default="0"),
         Column("sex", "words", words=("f", "m")))])
def test_histories_candidates_and_profile_are_any_columns(tmp_path: object,
                                                          profile: Tuple[Column, ...]) -> None:
    schema = own_schema(*profile)
    data = own_rows.open_data(own_rows.write(tmp_path, schema), schema)
    losses = []
    for toggles in (FUSED, Toggles(), Toggles(tf=True)):
        small = params(data, toggles, attention=(5, 3), top=(7, 4))
        assert graphs.logit_shapes(data, train.model_fn, small, toggles, 3) == {"y": (3,)}
        losses.append(graphs.losses(data, train.model_fn, small, toggles, 5, 32))
    np.testing.assert_allclose(losses[0], losses[2], rtol=1e-4)
    np.testing.assert_allclose(losses[1], losses[2], rtol=1e-4)


def ragged(items: np.ndarray) -> RaggedHistory:
    return history_of.ragged(tf.constant(items),
                             tf.constant(np.concatenate([[0], np.cumsum(LENGTHS)]), tf.int64))


def padded(items: np.ndarray, width: int, filler: float) -> PaddedHistory:
    full = np.full([len(LENGTHS), width, items.shape[1]], filler, np.float32)
    mask = np.zeros([len(LENGTHS), width, 1], np.float32)
    for row, (end, length) in enumerate(zip(np.cumsum(LENGTHS), LENGTHS)):
        full[row, :length], mask[row, :length] = items[end - length:end], 1
    return PaddedHistory(tf.constant(full), tf.constant(mask))


def attended(make: object, toggles: Toggles, item: np.ndarray) -> List[np.ndarray]:
    """What the attention gives for a history, and its gradients with fixed weights."""
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(1)
        settings = Params(amazon.SCHEMA, Embedding(2, toggles), Dense(toggles), Training(
            "adam", 0.1), 0.5, (6, 5), ())
        history: History = make()  # type: ignore[operator]
        outputs, _ = train.attend(tf.constant(item), history, settings)
        gradients = tf.gradients(tf.reduce_sum(outputs ** 2), tf.trainable_variables())
        session.run(tf.global_variables_initializer())
        return session.run([outputs] + gradients)


@pytest.mark.slow
def test_padding_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    items, item = rng.standard_normal([sum(LENGTHS), 4]).astype(np.float32), rng.standard_normal(
        [4, 4])
    item = item.astype(np.float32)
    expected = attended(lambda: ragged(items), FUSED, item)
    for width, filler in ((5, 0.0), (9, 0.0), (30, 7.0)):
        got = attended(lambda: padded(items, width, filler), Toggles(tf=True), item)
        for value, wanted in zip(got, expected):
            np.testing.assert_allclose(value, wanted, rtol=1e-4, atol=1e-5)
    assert not expected[0][1].any()  # a user without history


def test_attention_is_the_papers_equation_in_numpy() -> None:
    rng = np.random.default_rng(2)
    items, item = [
        rng.standard_normal(shape).astype(np.float32) for shape in ([sum(LENGTHS), 4], [4, 4])
    ]
    with tf.Graph().as_default(), tf.Session() as session:
        settings = Params(amazon.SCHEMA, Embedding(2, Toggles()), Dense(Toggles()),
                          Training("adam", 0.1), 0.5, (6, 5), ())
        got, _ = train.attend(tf.constant(item), ragged(items), settings)
        session.run(tf.global_variables_initializer())
        for variable in tf.trainable_variables():
            variable.load(rng.standard_normal(variable.shape.as_list()), session)
        got = session.run(got)
        w = {
            v.op.name[len("attention/"):]: session.run(v).astype(np.float64)
            for v in tf.trainable_variables()
        }

    def dense(x: np.ndarray, name: str) -> np.ndarray:
        return x @ w[name + "/kernel"] + w[name + "/bias"]

    for row, (end, length) in enumerate(zip(np.cumsum(LENGTHS), LENGTHS)):
        h, q = items[end - length:end], dense(item[row], "query")
        q = np.where(q > 0, q, w["query/alpha"] * q)[None, :].repeat(length, 0)
        hidden = np.concatenate([q, h, q - h, q * h], axis=1)
        for i in range(2):
            hidden = 1 / (1 + np.exp(-dense(hidden, "dense_{}".format(i))))
        scores = np.exp(dense(hidden, "score"))
        np.testing.assert_allclose(got[row], (scores / scores.sum() * h).sum(axis=0), rtol=1e-4,
                                   atol=1e-5)


def test_the_top_layers_are_fed_with_all_five_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    user, item, attention = [
        rng.standard_normal([4, width]).astype(np.float32) for width in (2, 4, 4)
    ]
    items = rng.standard_normal([sum(LENGTHS), 4]).astype(np.float32)
    monkeypatch.setattr(train.input_layer, "look_up", lambda features, columns, *_: tf.constant(
        user if len(columns) == 1 else item))
    monkeypatch.setattr(train.input_layer, "look_up_history", lambda *_: ragged(items))
    monkeypatch.setattr(train, "attend", lambda item, history, _: (
        tf.constant(attention), history.sum(history.items)))
    with tf.Graph().as_default(), tf.Session() as session:
        settings = Params(amazon.SCHEMA, Embedding(2, Toggles()), Dense(Toggles()),
                          Training("adam", 0.1), 0.5, (), (5, 3))
        logit = train.forward({}, settings, training=False).logits["label"]
        session.run(tf.global_variables_initializer())
        for variable in tf.trainable_variables():
            variable.load(rng.standard_normal(variable.shape.as_list()), session)
        got = session.run(logit)
        w = {v.op.name: session.run(v).astype(np.float64) for v in tf.trainable_variables()}

    total = np.stack(
        [items[end - length:end].sum(axis=0) for end, length in zip(np.cumsum(LENGTHS), LENGTHS)])
    x = np.concatenate([user, item, total, item * total, attention], axis=1)  # [4, 2 + 4 * 4]
    scale = 1 / np.sqrt(1 + 1e-3)  # running means 0 and variances 1, as they start
    x = w["top_norm/gamma"] * x * scale + w["top_norm/beta"]
    for i in range(2):
        x = x @ w["top_{}/kernel".format(i)] + w["top_{}/bias".format(i)]
        share = 1 / (1 + np.exp(-x * scale))
        x = share * x + (1 - share) * w["dice_{}/alpha".format(i)] * x
    np.testing.assert_allclose(got, (x @ w["click_logit/kernel"] + w["click_logit/bias"])[:, 0],
                               rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("toggles", [Toggles(), Toggles(tf=True), FUSED])
def test_dice_in_training_and_evaluation(toggles: Toggles) -> None:
    x = np.random.default_rng(0).normal(2, 3, [200, 3]).astype(np.float32)
    with tf.Graph().as_default(), tf.Session() as session:
        inputs = tf.constant(x)
        settings = Params(amazon.SCHEMA, Embedding(2, toggles), Dense(toggles), Training(
            "adam", 0.1), 0.5)
        with tf.variable_scope("", reuse=tf.AUTO_REUSE):
            training, evaluating = [
                train.dice(inputs, "dice", mode, settings) for mode in (True, False)
            ]
        session.run(tf.global_variables_initializer())
        tf.trainable_variables()[0].load([0.0, 0.5, 1.0], session)
        got, fresh = session.run([training, evaluating])
    share = 1 / (1 + np.exp(-(x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-3)))
    np.testing.assert_allclose(got, share * x + (1 - share) * np.array([0.0, 0.5, 1.0]) * x,
                               rtol=1e-4, atol=1e-5)
    share = 1 / (1 + np.exp(-x / np.sqrt(1 + 1e-3)))
    np.testing.assert_allclose(fresh, share * x + (1 - share) * np.array([0.0, 0.5, 1.0]) * x,
                               rtol=1e-4, atol=1e-5)


def write_rows(folder: object, history: str, categories: str) -> str:
    for name in (amazon.SCHEMA.train_file, amazon.SCHEMA.test_file):
        with open(os.path.join(str(folder), name), "w") as file:
            file.write("".join(
                "{}\tu\ti7\tc\t{}\t{}\n".format(label, history, categories) for label in (0, 1)))
    words = dict(uid_voc=["u0", "u"], mid_voc=["i0"] + ["i{}".format(i) for i in range(1, 300)],
                 cat_voc=["c0", "c"])
    for name, listed in words.items():
        with open(os.path.join(str(folder), name + ".txt"), "w") as file:
            file.write("\n".join(listed) + "\n")
    return str(folder)


@pytest.mark.parametrize("toggles", [Toggles(), Toggles(tf=True)])
def test_the_newest_100_items_are_kept_and_unknown_ones_are_the_default(
        tmp_path: object, toggles: Toggles) -> None:
    names = ["i{}".format(i) for i in range(1, 251)]
    names[200] = "unknown"
    folder = write_rows(tmp_path, "\x02".join(names), "\x02".join(["c"] * 250))
    data = open_data(folder, toggles)
    make = tf_path.tf_input(data.train, data, blocks.Stream(2), True) if toggles.tf else (
        dataset.columnar_input(data.train, data, blocks.Stream(2)))
    batch = graphs.read_batches(make)[0]
    expected = [0 if i == 201 else i for i in range(151, 251)]
    if toggles.tf:
        assert batch["history_items"].tolist() == [expected] * 2
        assert batch["history_items.lengths"].tolist() == [100, 100]
    else:
        assert batch["history_items.values"].tolist() == expected * 2
        assert batch["history_items.row_splits"].tolist() == [0, 100, 200]
        assert data.bad_rows.unknown_ids == {"history_items": 2}
    assert batch["item"].tolist() == [7, 7] and batch["user"].tolist() == [1, 1]


@pytest.mark.slow
def test_lists_of_unequal_length_are_bad_rows(tmp_path: object) -> None:
    folder = write_rows(tmp_path, "i1\x02i2", "c")
    with pytest.raises(
            BadInput,
            match="row 1, column 'history_categories': 'c' is given, expected 2 items as in "
            "column 'history_items', not 1"):
        train.main([
            "--data_location", folder, "--checkpoint",
            os.path.join(folder, "run"), "--steps", "1"
        ])


def test_a_missing_vocabulary_names_the_commands(folder: str, tmp_path: object) -> None:
    write_rows(tmp_path, "i1", "c")
    os.remove(os.path.join(str(tmp_path), "mid_voc.txt"))
    message = ("mid_voc.txt: no such file, and no .*mid_voc.pkl either. Name the folder .*"
               "your rows with data/din/script/gen")
    with pytest.raises(BadInput, match=message):
        train.main(["--data_location", str(tmp_path)])


@pytest.mark.slow
def test_training_learns_and_a_second_call_goes_on(folder: str, tmp_path: object) -> None:
    common = [
        "--data_location", folder, "--batch_size", "128", "--checkpoint",
        os.path.join(str(tmp_path), "run")
    ]
    report = run_main(train.main, *common, "--learning_rate", "0.003", "--steps", "156")
    click = report["tasks"]["click"]
    assert click["auc"] > 0.55 and 0.8 < click["calibration"] < 1.25
    assert report["unknown_ids"]["user"] == 3000  # users are in one file only
    data = open_data(folder, FUSED)
    expected = predict_first_rows(common[-1], data, train.model_fn, params(data, FUSED))
    np.testing.assert_allclose(serve_sample_request(common[-1])["click"], expected["click"],
                               rtol=1e-5)
    assert run_main(train.main, *common, "--steps", "160", "--no_eval",
                    "--tf")["steps_trained_here"] == 4


def test_flags(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run, made = run_of(train.main, ["--data_location", folder], monkeypatch)
    assert (run.epochs, run.steps) == (1, 0)
    assert run.save_steps == 0
    assert made.rate == pytest.approx(0.5, abs=0.02)
    assert made.training[:2] == ("adamasync", 0.001)
    parser = flags.make_parser("", train.MODEL)
    train.add_flags(parser)
    args = vars(parser.parse_args([]))
    assert {name: args[name] for name in DOCUMENTED} == dict(DOCUMENTED, save_steps=0)
    assert unread_flags(train.main, ["--data_location", folder], monkeypatch) == set()


def test_planted_signal_is_in_the_report(folder: str) -> None:
    with open(os.path.join(folder, "amazon_planted.json")) as file:
        assert 0.75 < json.load(file)["bayes_auc"]["click"] < 0.9


@pytest.mark.slow
def test_from_raw_files_to_a_trained_model(tmp_path: object) -> None:
    raw, out = [os.path.join(str(tmp_path), name) for name in ("raw", "out")]
    write_raw_files(raw, 3000, 200, 1)
    subprocess.run(
        [os.path.join(os.path.dirname(amazon.__file__), "din", "prepare_data.sh"), raw, out],
        check=True,
        env=dict(os.environ, PYTHON=sys.executable),
        stdout=subprocess.DEVNULL)
    report = run_main(train.main, "--data_location", out, "--batch_size", "64", "--steps", "250",
                      "--learning_rate", "0.003", "--checkpoint", os.path.join(out, "run"))
    assert report["tasks"]["click"]["auc_low"] > 0.6


@pytest.mark.slow
def test_from_ratings_to_a_trained_model(tmp_path: object) -> None:
    published, out = [os.path.join(str(tmp_path), name) for name in ("published", "out")]
    movielens.make(20000, 1000, 1, published)
    assert movielens.main(["convert", published, "--out", out]) == 0
    report = run_main(train.main, "--schema", "movielens", "--data_location", out, "--steps", "150",
                      "--batch_size", "64", "--learning_rate", "0.003",
                      "--checkpoint", os.path.join(out, "run"))
    assert report["tasks"]["click"]["auc_low"] > 0.6


def test_vocabularies_of_other_data_are_refused(tmp_path: object) -> None:
    folder = write_rows(tmp_path, "i1\x02i2", "c\x02c")
    for name in ("uid_voc.txt", "mid_voc.txt"):
        os.rename(os.path.join(folder, name), os.path.join(folder, name + "_"))
    os.rename(os.path.join(folder, "uid_voc.txt_"), os.path.join(folder, "mid_voc.txt"))
    os.rename(os.path.join(folder, "mid_voc.txt_"), os.path.join(folder, "uid_voc.txt"))
    message = ("local_train_splitByUser: uid_voc has none of the 2 values of column 'user' in the "
               "first 2 rows, so it is")
    with pytest.raises(BadInput, match=message):
        open_data(folder, FUSED)


def test_variables_are_those_of_checkpoints_of_release_1() -> None:
    schema = amazon.SCHEMA.with_vocabularies(dict(uid_voc=30, mid_voc=20, cat_voc=10))
    settings = Params(schema, Embedding(18, Toggles()), Dense(Toggles()), Training("adam", 0.1),
                      0.5)
    assert graphs.variables_digest(schema, train.model_fn, settings) == "14cb07ea5ef0d4a7"
