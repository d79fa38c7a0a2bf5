import os
import re
from typing import Any, Dict, List

import numpy as np
import pyarrow.parquet
import pytest
import tensorflow.compat.v1 as tf

from common import export, vectors
from common.errors import BadInput
from common.testing import data_sets, scored
from data import amazon, taobao

pytestmark = pytest.mark.slow
MODES: Dict[str, List[str]] = {
    "plain": [], "sliced": ["--input_layer_partitioner", "1"], "ev": ["--ev"],
    "adaptive": ["--adaptive_emb", "--hot_freq", "3"], "dynamic": ["--dynamic_ev"],
    "multihash": ["--multihash"],
}


@pytest.fixture(autouse=True)
def small_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables of 30,000 rows, 2 MB, in place of 100,000."""
    for module in (taobao, amazon):
        monkeypatch.setattr(module, "SCHEMA", data_sets.small(module.SCHEMA, 30000))


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> str:
    """600 training rows of Taobao."""
    return data_sets.made_once(
        tmp_path_factory, "exported_taobao",
        lambda path: taobao.make(600, 400, 3, 0.3, 0.1, path))


def exported(run: str, out: Any, *columns: str) -> Dict[str, Any]:
    export.main(["embeddings", run, "--tables", ",".join(columns), "--out", str(out)])
    written = {}
    for column in columns:
        stem = os.path.join(str(out), column)
        written[column] = (np.load(stem + ".keys.npy"), np.load(stem + ".vectors.npy"),
                           pyarrow.parquet.read_table(stem + ".parquet").to_pydict())
    return written


def tensor(run: str, name: str) -> np.ndarray:
    return tf.train.load_variable(tf.train.latest_checkpoint(run), name)


@pytest.mark.parametrize("mode", MODES)
def test_vectors_are_those_of_the_checkpoint(mode: str, rows: str, tmp_path: Any) -> None:
    run = scored.train("esmm", str(tmp_path / "run"), rows, *MODES[mode], "--no_eval")
    keys, values, table = exported(run, tmp_path / "out", "user_id")["user_id"]
    assert table["key"] == keys.tolist()
    np.testing.assert_array_equal(np.array(table["vector"], np.float32), values)
    assert (values.dtype, values.shape[1], len(set(keys))) == (np.float32, 16, len(keys))
    name = "user/input_layer/user_id_embedding/embedding_weights"
    if mode in ("plain", "sliced"):
        np.testing.assert_array_equal(keys, np.arange(30000))
        np.testing.assert_array_equal(values, tensor(run, name))
    if mode in ("ev", "adaptive"):
        name += "/ev_weights" if mode == "adaptive" else ""
        np.testing.assert_array_equal(keys, tensor(run, name + "-keys"))
        np.testing.assert_array_equal(values, tensor(run, name + "-values"))
    if mode == "dynamic":
        np.testing.assert_array_equal(values[:, :4], tensor(run, name + "/block0-values"))
        of_second = dict(zip(tensor(run, name + "/block1-keys"),
                             tensor(run, name + "/block1-values")))
        expected = [of_second.get(key, np.zeros(4)) for key in keys]
        np.testing.assert_array_equal(values[:, 4:8], expected)
    if mode == "multihash":
        quotients, remainders = [tensor(run, name + "/multhash_" + letter) for letter in "QR"]
        np.testing.assert_array_equal(values[12345], quotients[12345 // 174] + remainders[
            12345 % 174])


def test_words_stand_beside_the_keys_of_a_vocabulary(tmp_path: Any) -> None:
    amazon.make(600, 400, 3, str(tmp_path))
    run = scored.train("din", str(tmp_path / "run"), str(tmp_path), "--no_eval")
    columns = [column.name for column in amazon.SCHEMA.features if column.vocabulary][:2]
    for column, (keys, values, table) in exported(run, tmp_path / "out", *columns).items():
        vocabulary, = [one.vocabulary for one in amazon.SCHEMA.columns if one.name == column]
        words = open(str(tmp_path / (vocabulary + ".txt"))).read().splitlines()
        assert table["word"] == words and keys.tolist() == list(range(len(words)))
        assert values.shape == (len(words), 18)
    with open(str(tmp_path / (vocabulary + ".txt")), "a") as file:
        file.write("another\n")
    with pytest.raises(BadInput, match="were trained with another {}".format(vocabulary)):
        exported(run, tmp_path / "out", column)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, rows: str) -> str:
    """A run of ESMM that was trained with a filter which lets no key in."""
    return scored.train("esmm", str(tmp_path_factory.mktemp("export") / "run"), rows, "--ev",
                        "--ev_filter", "counter", "--ev_filter_freq", "100000")


@pytest.mark.parametrize("columns, message", [
    ("nothing", "--tables nothing: the schema of the run has no such column. Those with an"),
    ("clk", "--tables clk: it is of kind 'label' and has no embedding. Those that have are"),
    ("", "--tables '': the schema of the run has no such column"),
])
def test_columns_without_vectors_are_refused(run: str, columns: str, message: str,
                                             tmp_path: Any, capsys: Any) -> None:
    with pytest.raises(SystemExit) as ended:
        exported(run, tmp_path / "out", columns)
    assert ended.value.code == 2
    assert re.search(message, capsys.readouterr().err)


def test_an_export_is_refused(run: str, tmp_path: Any, capsys: Any) -> None:
    with pytest.raises(SystemExit):
        exported(run + "/export", tmp_path / "out", "user_id")
    assert "it is an export. Name the folder of the run" in capsys.readouterr().err


def test_a_table_without_keys_is_an_error(run: str, tmp_path: Any) -> None:
    with pytest.raises(BadInput, match="column 'user_id' holds no key with a row of its own"):
        exported(run, tmp_path / "out", "user_id")


def test_an_error_leaves_no_files(tmp_path: Any, monkeypatch: Any) -> None:
    def fails(*args: object) -> None:
        raise KeyboardInterrupt

    column, = taobao.SCHEMA.named(["user_id"])
    table = vectors.Table(column, None, None)  # type: ignore[arg-type]
    monkeypatch.setattr(vectors, "_write", fails)
    with pytest.raises(KeyboardInterrupt):
        vectors.write([table], str(tmp_path))
    assert os.listdir(str(tmp_path)) == []
