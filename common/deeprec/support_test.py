import glob
import os
import re
import subprocess
import sys

import pytest

from common import flags
from common.config import model
from common.config.model import Model
from common.config.toggles import Toggles
from common.deeprec import recorded_api, support
from common.deeprec.features import Who
from common.testing import toy
from common.testing.mains import FUSED

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# The flags and variables that the models' documents list.
LISTED = {
    "adaptive_emb", "batch_size", "bf16", "checkpoint", "checkpoint_dir", "data_location",
    "dense_layer_partitioner", "dynamic_ev", "emb_fusion", "ev", "ev_elimination", "ev_filter",
    "incremental_ckpt", "input_layer_partitioner", "inter", "interaction_op", "intra",
    "keep_checkpoint_max", "l2_regularization", "learning_rate", "micro_batch", "multihash",
    "no_eval", "op_fusion", "optimizer", "output_dir", "parquet_dataset", "parquet_dataset_shuffle",
    "protocol", "save_steps", "seed", "smartstaged", "steps", "tf", "timeline", "workqueue",
    "START_STATISTIC_STEP", "STOP_STATISTIC_STEP", "MALLOC_CONF", "LD_PRELOAD", "ev_filter_freq",
    "ev_steps_to_live", "ev_l2_threshold", "hot_freq", "shuffle_buffer", "max_bad_rows",
    "wait_secs", "eval_steps", "eval_rows", "early_stop", "early_stop_metric", "train_files",
    "eval_files", "strict_columns", "csv_header", "schema", "epochs", "warmup_steps", "decay",
    "decay_steps", "decay_factor", "clip_norm", "label_smoothing", "task_weights", "warm_start",
    "warm_start_slots", "warm_start_strict", "validate_first", "max_drop", "slices"
}


MODELS = model.read_all()
SHARED = flags.make_parser("", MODELS["esmm"]).names()
OWN = {"dlrm": ["interaction_op"]}


def document() -> str:
    return support.document(MODELS, SHARED, OWN)


def test_every_listed_flag_is_in_the_table() -> None:
    titles = "".join(row.title for row in support.list_rows(SHARED, OWN))
    assert set(re.findall(r"`-?-?(\w+)", titles)) == LISTED


def test_every_flag_of_the_documents_is_listed() -> None:
    seeds = glob.glob(os.path.join(toy.SHARED, "seeds", "*.md"))
    if not seeds:
        pytest.skip("the models' documents are not there")
    for path in seeds:
        with open(path) as file:
            text = file.read()
        listed = re.findall(r"`--(\w+)`", text) + re.findall(
            r"export `?(\w+)`|\b(MALLOC_CONF|LD_PRELOAD)\b", text)
        names = {
            name
            for found in listed
            for name in ([found] if isinstance(found, str) else found)
            if name
        }
        assert names <= LISTED, (path, names - LISTED)


def test_every_feature_flag_of_the_command_line_is_in_the_table() -> None:
    variables = {"START_STATISTIC_STEP", "STOP_STATISTIC_STEP", "MALLOC_CONF", "LD_PRELOAD"}
    assert LISTED - set(SHARED) == {"interaction_op"} | variables
    assert set(SHARED) <= LISTED


def test_a_flag_that_no_feature_knows_is_the_same_on_both() -> None:
    names = [*SHARED, "brand_new"]
    rows = support.list_rows(names, OWN)
    assert rows[-1].title.endswith(", `--brand_new`")
    assert "`--brand_new` | ours / ours |" in support.document(MODELS, names, OWN)


def test_a_model_may_add_flags_and_differ_on_deeprec() -> None:
    models = {
        "a": Model("A", "data.eleme", ("y",), 1, 0.1, "adam", on_deeprec={"ev": "ours"}),
        "b": MODELS["dlrm"]
    }
    lines = support.document(models, SHARED, {"a": ["depth"]}).split("\n")
    assert "| `--depth` | ours / ours | no such flag |" in lines
    assert "| `--ev` | ours / ours | ours / DeepRec |" in lines


def test_no_cell_is_empty() -> None:
    for table in document().split("\n\n"):
        lines = table.split("\n")
        assert len({line.count("|") for line in lines}) == 1
        for line in lines[2:]:
            assert all(cell.strip() for cell in line.strip("|").split("|")), line


def test_what_is_told_to_be_deeprecs_is_looked_for() -> None:
    for feature in support.FEATURES:
        if feature.deeprec.who is Who.DEEPREC and feature.name != "protocol":
            assert feature.needs, feature.name


@pytest.mark.slow
def test_the_readme_holds_what_the_command_prints() -> None:
    printed = subprocess.run([sys.executable, "-m", "common.deeprec"], cwd=ROOT,
                             stdout=subprocess.PIPE, check=True)
    with open(os.path.join(ROOT, "common", "deeprec", "README.md")) as file:
        assert printed.stdout.decode() in file.read()


def test_columns_come_from_the_schemas() -> None:
    table = document().split("\n\n")[2].split("\n")
    assert table[2].startswith("| ESMM, MMoE, PLE | pid, adgroup_id,") and table[2].endswith(
        "| price |")
    assert table[3] == "| DIN | user, item, category, history_items, history_categories | none |"
    assert table[4].startswith(
        "| DLRM | user_id, visit_city,") and "time_type_list, time_type |" in table[4]


def test_a_deeprec_that_lacks_something_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded_api.install(monkeypatch, missing=["get_multihash_variable"], release="deeprec2204")
    text = document()
    assert "| `--multihash` | ours / ours |" in text
    assert "two tables Q + R, added (this DeepRec: it has no tf.get_multihash_variable)" in text
    assert "is used from its release 2206 on" in text


def test_start_up_names_who_serves_what() -> None:
    table = dict(support.start_up(Toggles(bf16=True), "grpc", ()))
    assert table["TensorFlow"] == "1.15.5 (stock)"
    assert "the speed is not" in table["bf16"]
    assert table["op_fusion"] == "off"
    assert dict(support.start_up(Toggles(tf=True), "grpc",
                                 ()))["input and layers"].endswith("(--tf)")


def test_start_up_on_deeprec(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded_api.install(monkeypatch, missing=["get_multihash_variable"])
    enabled = support.enabled_features(
        dict(dict.fromkeys(SHARED, None), ev=True, ev_filter="cbf", optimizer="adamasync",
             adaptive_emb=True))
    table = dict(support.start_up(FUSED._replace(bf16=True), "star_server", enabled))
    assert table["TensorFlow"] == "1.15.5 (DeepRec)" and table["protocol"] == "star_server"
    assert "keep_weights" in table["bf16"] and "tf.staged" in table["smartstaged"]
    assert table["ev"].startswith("DeepRec: `tf.get_embedding_variable`")
    assert table["ev_filter cbf"].startswith(
        "DeepRec: `tf.CBFFilter") and "AdamAsync" in table["optimizer adamasync"]
    assert table["adaptive_emb"].startswith("both: ")
    assert "multihash" not in table and "dynamic_ev" not in table
