"""A run as its config.json records it: which model it trained, on which columns, with what."""

import argparse
import importlib
import json
import os
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence

from common import earlier_run, estimators
from common.config import model as models
from common.config import needs, schema_file, typed_json
from common.config.model import Model
from common.config.run import Run
from common.config.schema import Schema
from common.config.toggles import Toggles
from common.embedding.input_layer import Embedding
from common.formats import csv_layout
from common.naming.named_files import NamedFile
from common.pipeline import source
from common.pipeline.dataset import ReadBlocks
from common.pipeline.row_order import Stream
from common.pipeline.source import Data
from common.scoring import checkpoint_model
from common.scoring.scores import Scores


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

    def test_files(self, flag: str) -> List[str]:
        """The files of its test rows.

        Args:
          flag: that names others.

        Raises:
          ValueError: it had none.
        """
        test = self.config.get("test")
        if not test:
            raise ValueError("{}: the run has no test rows. Name rows with labels: {}".format(
                self.path, flag))
        return [os.path.join(test["folder"], file["name"]) for file in test["files"]]

    def open_rows(self, files: Sequence[NamedFile], args: argparse.Namespace) -> Data:
        """Rows that its model is measured on, as the training rows of Data.

        Args:
          args: the flags of how rows are read, and of where the vocabularies are.

        Raises:
          BadInput: rows that cannot be read, or vocabularies that are not those of the run.
        """
        data = source.open_rows(
            files, [], args.data_location or self.data_location, self.schema_of_ids,
            args.max_bad_rows, csv_layout.has_header(args), args.strict_columns)
        source.check_rows(data.train, data)
        self.check_words(data)
        return data

    def scores(self, checkpoint: str, data: Data, stream: Stream, args: argparse.Namespace,
               read_items: Optional[ReadBlocks] = None) -> Iterator[Scores]:
        """The probabilities of a stream of rows by one of its checkpoints, in batches.

        Args:
          checkpoint: the prefix of its files.
          data: whose training files are the rows.
          args: the flags of threads.
          read_items: gives the rows in place of the stream.

        Raises:
          BadInput: rows that cannot be read, or a checkpoint of other variables.
        """
        here = self.run._replace(
            checkpoint_dir=os.path.dirname(checkpoint), inter=args.inter, intra=args.intra)
        return checkpoint_model.scores(
            self.module.model_fn, self.params(data), estimators.run_config(here, None), checkpoint,
            data, stream, read_items)

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
