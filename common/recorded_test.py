import json
import os
from typing import Any

import pytest

from common import recorded, results
from common.config.toggles import Toggles
from common.embedding.input_layer import Embedding
from common.embedding.kinds import Kind
from common.embedding.storage import Storage
from common.config.tables import Settings
from common.errors import BadInput
from common.layers import Dense
from common.optimizers.train_step import Training
from common.pipeline import source
from common.testing import runs
from data import amazon, taobao
from esmm.train import Params

TF = Toggles(tf=True)


def write(folder: Any, **others: Any) -> str:
    """The config.json of a run of ESMM, with some entries in place of its own."""
    storage = Storage(Kind.EV, Settings(servers=2))
    params = Params(taobao.SCHEMA, Embedding(16, TF, storage=storage), Dense(TF),
                    Training("adagrad", 0.1, TF), 0.3, 0.2)
    run = runs.make_run(folder, model="ESMM", toggles=TF, enabled_features=(("ev", ""),))
    config = {"run": results.as_json(run), "params": results._without_schema(params),
              "schema": {"columns": [{"name": "clk", "kind": "label", "role": "click"},
                                     {"name": "user_id", "kind": "hash", "buckets": 10}]},
              "train": {"folder": "/rows"}, "vocabularies": {}}
    config.update(others)
    with open(os.path.join(str(folder), "config.json"), "w") as file:
        json.dump(config, file)
    return str(folder)


def test_a_run_is_read_with_its_model_and_schema(tmp_path: Any) -> None:
    run = recorded.read(write(tmp_path))
    assert (run.folder, run.module.MODEL, run.run.batch_size) == ("esmm", run.model, 16)
    assert run.tasks == run.model.tasks
    assert run.schema.columns[1].buckets == 10
    assert run.schema_of_ids.columns[1].is_keyed


def test_vocabularies_are_where_they_were(tmp_path: Any) -> None:
    assert recorded.read(write(tmp_path)).data_location == "/rows"
    assert recorded.read(write(tmp_path, data_location="/words")).data_location == "/words"


def test_params_are_for_one_process_with_native_kernels(tmp_path: Any) -> None:
    run = recorded.read(write(tmp_path))
    data = source.Data(run.schema, {}, None, None, None, run.schema)  # type: ignore[arg-type]
    params = run.params(data)
    assert params.schema == run.schema
    assert params.embedding.storage == Storage(Kind.EV)
    fused = Toggles(emb_fusion=True, op_fusion=True, smartstaged=True)
    assert params.embedding.toggles == params.dense.toggles == fused
    assert (params.click_rate, params.buy_rate, params.tower[0]) == (0.3, 0.2, 256)


@pytest.mark.parametrize("others, message", [
    ({"run": {"model": "ESMM"}}, "config.json: it cannot be read .*missing.* Rerun the command"),
    ({"run": "Run(model='ESMM')"}, "config.json: it cannot be read"),
    ({"schema": {}}, "config.json: it cannot be read .*columns: is missing"),
])
def test_a_file_of_another_version_is_an_error(tmp_path: Any, others: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        recorded.read(write(tmp_path, **others))


def test_a_folder_without_the_file_is_an_error(tmp_path: Any) -> None:
    with pytest.raises(ValueError, match="there is no config.json in it, so it is not the folder"):
        recorded.read(str(tmp_path))


def test_other_vocabularies_are_an_error(tmp_path: Any) -> None:
    words = {"uid_voc": {"words": 2, "sha256": "of others"}}
    run = recorded.read(write(tmp_path, vocabularies=words))
    data = source.Data(amazon.SCHEMA, {"uid_voc": {b"a": 0}}, None, None, None,  # type: ignore
                       amazon.SCHEMA)
    with pytest.raises(BadInput, match="were trained with another uid_voc, of 2 words"):
        run.check_words(data)
