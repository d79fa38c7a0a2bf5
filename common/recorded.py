"""A run as its config.json records it: which model it trained, on which columns, with what."""

import importlib
import json
import os
from typing import Any, Dict, NamedTuple, Sequence

from common import earlier_run
from common.config import model as models
from common.config import needs, schema_file, typed_json
from common.config.model import Model
from common.config.run import Run
from common.config.schema import Schema
from common.config.toggles import Toggles
from common.embedding.input_layer import Embedding
from common.pipeline.source import Data


class Recorded(NamedTuple):
    """What the folder of a run says of it.

    Attributes:
      path: of config.json.
      folder: of the model, as "esmm".
      model: as its train.py declares it.
      run: without its cluster, the settings of callbacks, and mirrors.
      schema: as declared, without sizes of vocabularies.
      data_location: where the vocabularies were.
      config: all that the file holds.
    """

    path: str
    folder: str
    model: Model
    run: Run
    schema: Schema
    data_location: str
    config: Dict[str, Any]

    @property
    def module(self) -> Any:
        """The model's train.py."""
        return importlib.import_module(self.folder + ".train")

    @property
    def tasks(self) -> Sequence[str]:
        """The names of its tasks."""
        return needs.tasks(self.model, self.schema)

    @property
    def schema_of_ids(self) -> Schema:
        """The schema that rows are read with: with keys as ids where tables grow with them."""
        return self.schema.with_keys() if earlier_run.tables_grow(self.run) else self.schema

    def params(self, data: Data) -> Any:
        """The model's Params, for one process without servers, and with our kernels for --tf.

        All modes make the same variables, so a checkpoint of --tf is read with native kernels.

        Args:
          data: whose vocabularies are those of the run.

        Raises:
          ValueError: they were written by a version with other settings.
        """
        sizes = {name: len(words) for name, words in data.vocabularies.items()}
        schema = self.schema.with_vocabularies(sizes)
        kind = self.module.Params
        params = typed_json.named_tuple(kind, self.config["params"], schema=schema)
        changed = {name: _here(value) for name, value in params._asdict().items()}
        return params._replace(**changed)

    def test_files(self) -> str:
        """The files of its test rows, as --files takes them.

        Raises:
          ValueError: it had none.
        """
        test = self.config.get("test")
        if not test:
            raise ValueError("{}: the run has no test rows. Name rows with labels: --files".format(
                self.path))
        return ",".join(os.path.join(test["folder"], file["name"]) for file in test["files"])

    def check_words(self, data: Data) -> None:
        """Raises BadInput where the vocabularies are not those of the run."""
        may_grow = earlier_run.tables_grow(self.run)
        earlier_run.check_words(self.path, self.config, data, may_grow)

    def check_vocabulary(self, name: str, words: Sequence[bytes]) -> None:
        """Raises BadInput where one vocabulary is not that of the run."""
        may_grow = earlier_run.tables_grow(self.run)
        earlier_run.check_vocabulary(self.path, self.config, name, words, may_grow)


def _here(value: Any) -> Any:
    """A setting of a model, for this process."""
    if isinstance(value, Embedding):
        value = value.alone()
    toggles = getattr(value, "toggles", None)
    if toggles is not None and toggles.tf:
        return value._replace(toggles=Toggles(emb_fusion=True, op_fusion=True, smartstaged=True))
    return value


def read(folder: str) -> Recorded:
    """What the folder of a run says of it.

    Raises:
      ValueError: it holds no config.json, or one that this version cannot read.
    """
    path = os.path.join(folder, earlier_run.CONFIG)
    if not os.path.exists(path):
        raise ValueError("{}: there is no {} in it, so it is not the folder of a run.".format(
            folder, earlier_run.CONFIG))
    with open(path) as file:
        config = json.load(file)
    try:
        return _of_config(path, config)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            "{}: it cannot be read ({}: {}). Rerun the command that trained the run with this "
            "version; it writes the file anew.".format(path, type(error).__name__, error))


def _of_config(path: str, config: Dict[str, Any]) -> Recorded:
    run = typed_json.named_tuple(Run, config["run"], cluster=None, settings=(), mirrors=())
    by_name = {model.name.upper(): folder for folder, model in models.read_all().items()}
    folder = by_name[run.model]
    model = models.read(folder)
    schema = schema_file.from_json(config["schema"], path, "of the run")
    location = config.get("data_location") or config["train"]["folder"]
    return Recorded(path, folder, model, run, schema, location, config)
