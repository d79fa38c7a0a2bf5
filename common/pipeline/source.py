"""The files of a data set, found, opened and checked."""

import os
from typing import Dict, List, NamedTuple

import numpy as np

from common.config.flag_types import FILES, FlagParser, add_switch
from common.config.schema import Schema
from common.errors import BadInput
from common.pipeline import reader, vocabulary
from common.pipeline.checks import BadRows
from common.pipeline.encoder import Encoder

DEFAULT_LOCATION = "./data"
_COPYING_SECS = 600  # files that are copied together may differ by this much
_RATE_CHUNKS = 16


def add_flags(parser: FlagParser) -> None:
    """Adds the flags of which files are read."""
    group = parser.group(FILES)
    group.add_argument(
        "--data_location", default=DEFAULT_LOCATION,
        help="folder of the train and test files (default ./data, else the data folder of the "
             "project)")
    add_switch(group, "parquet_dataset", True,
               "take .parquet files where they are there; false or --tf: CSV")


class Data(NamedTuple):
    """The opened files of a data set.

    Attributes:
      schema: their columns, with the sizes of the vocabularies.
      vocabularies: name -> word -> id, in the order of the ids.
      train, test: the files.
      train_rows, test_rows: how many of their rows are used, bad ones left out.
      bad_rows: counts the bad ones.
    """

    schema: Schema
    vocabularies: Dict[str, Dict[bytes, int]]
    train: reader.InputFile
    test: reader.InputFile
    train_rows: int
    test_rows: int
    bad_rows: BadRows

    def label_rates(self) -> np.ndarray:
        """Mean of each label, and of each pair of labels' product, over a sample.

        The sample is chunks spread evenly over the training file.

        Returns:
          float64 [K, K]: entry (i, j) is the share of rows with both label i and label j, half a
          row added to each count so that none is 0.
        """
        chunks = self.train.chunks
        positions = np.linspace(0, len(chunks) - 1, _RATE_CHUNKS)
        sample = [chunks[i] for i in np.unique(positions.round().astype(int))]
        names = [column.name for column in self.schema.labels]
        encoder = make_encoder(self.train, self)
        parts = [encoder.read_labels(self.train.read(chunk, names, True)) for chunk in sample]
        labels = np.concatenate(parts).astype(np.float64)
        return (labels.T.dot(labels) + 0.5) / (len(labels) + 1.0)


def open_data(location: str, schema: Schema, parquet: bool, max_bad_rows: int, check_all: bool) -> Data:
    """Opens the training and the test file of a folder.

    Args:
      location: the folder.
      schema: the columns and the files' names.
      parquet: whether to take the Parquet files where they are there.
      max_bad_rows: how many unreadable rows may be left out.
      check_all: whether to read every row now; else rows are checked as they are used, unless max_bad_rows makes
        their number depend on it.

    Raises:
      BadInput: a file is missing, more than max_bad_rows rows cannot be read, or a vocabulary is of other data.
    """
    paths = [find_file(location, name, schema, parquet) for name in (schema.train_file, schema.test_file)]
    words = {name: vocabulary.load(os.path.join(location, name)) for name in schema.vocabularies}
    schema = schema.with_vocabularies({name: len(listed) for name, listed in words.items()})
    train, test = [reader.open_file(path, schema) for path in paths]
    ids = {name: {word.encode(): i for i, word in enumerate(listed)} for name, listed in words.items()}
    data = Data(schema, ids, train, test, reader.num_rows(train), reader.num_rows(test), BadRows(max_bad_rows))
    _check_vocabularies(data)
    if check_all or max_bad_rows:
        data = data._replace(train_rows=_usable_rows(train, data), test_rows=_usable_rows(test, data))
    for file, count in ((train, data.train_rows), (test, data.test_rows)):
        if not count:
            raise BadInput("{}: not one row can be used.".format(file.path))
    return data


def find_file(location: str, name: str, schema: Schema, parquet: bool) -> str:
    """The path of a file of the data set: Parquet where it is wanted and there, else CSV.

    Raises:
      BadInput: the file is missing, or the rows were written anew as text and the Parquet file is the old one.
    """
    candidates = [os.path.join(location, name)]
    if parquet:
        candidates.insert(0, candidates[0] + ".parquet")
    if all(os.path.isfile(path) for path in candidates) and parquet:
        ages = [os.path.getmtime(path) for path in candidates]
        if ages[1] - ages[0] > _COPYING_SECS:
            raise BadInput("{0} is newer than {1}, which would be read in its place. Convert it again (python {2} "
                           "convert {0} {1}), remove {1}, or choose --parquet_dataset false.".format(
                               candidates[1], candidates[0], schema.module))
    for path in candidates:
        if os.path.isfile(path):
            return path
    raise BadInput(
        "no rows of {name}: {there}.\n  Write synthetic rows: python {module} make --out {out}\n"
        "  Or convert your own:  python {module} convert IN {target}".format(
            name=schema.name, module=schema.module, out=location, target=candidates[0],
            there=" and ".join("{} is missing".format(path) for path in candidates) if os.path.isdir(location)
            else "there is no folder {}".format(location)))


def _check_vocabularies(data: Data) -> None:
    """Raises BadInput where a vocabulary has not one of the values of a column in the training file's first rows."""
    schema, file = data.schema, data.train
    if not schema.vocabularies:
        return
    chunk = file.chunks[0]
    counts = BadRows(chunk.num_rows)  # rows that cannot be read are named when they are used
    block = Encoder(file.path, schema, data.vocabularies, counts).encode(file.read(chunk, used_columns(schema), True))
    sizes = {column.name: len(block.rows) for column in schema.scalars}
    sizes.update({column.name: len(ragged.values) for column, ragged in zip(schema.lists, block.lists)})
    for column in schema.columns:
        if column.vocabulary and 0 < sizes[column.name] <= counts.unknown_ids.get(column.name, 0):
            raise BadInput("{}: {} has none of the {} values of column {!r} in the first {} rows, so it is of other "
                           "data. Make the vocabularies from these rows.".format(
                               file.path, column.vocabulary, sizes[column.name], column.name, len(block.rows)))


def make_encoder(file: reader.InputFile, data: Data) -> Encoder:
    """What decodes the chunks of one of the files."""
    return Encoder(file.path, data.schema, data.vocabularies, data.bad_rows)


def _usable_rows(file: reader.InputFile, data: Data) -> int:
    """Reads all rows of a file; returns how many can be used."""
    decoder = make_encoder(file, data)
    return sum(len(decoder.encode(file.read(chunk, used_columns(data.schema), True)).rows) for chunk in file.chunks)


def used_columns(schema: Schema) -> List[str]:
    """The names of the columns that are read."""
    return [column.name for column in schema.columns if column.kind != "unused"]
