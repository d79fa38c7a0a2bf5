"""The files of a data set: looked up, opened and checked."""

import os
from typing import Dict, List, NamedTuple

import numpy as np

from common.config.flag_types import FILES, FlagParser, add_switch, place
from common.config.schema import Schema
from common.errors import BadInput
from common.pipeline import default_files, reader, vocabulary
from common.pipeline.checks import BadRows
from common.pipeline.encoder import Encoder
from common.pipeline.features import Block
from common.pipeline.reader import InputFile
from common.pipeline.string_ids import WordIds

DEFAULT_LOCATION = "./data"
_RATE_CHUNKS = 16


def add_flags(parser: FlagParser) -> None:
    """Adds the flags of which files are read."""
    group = parser.group(FILES)
    group.add_argument(
        "--data_location", type=place, default=DEFAULT_LOCATION,
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
    vocabularies: Dict[str, WordIds]
    train: InputFile
    test: InputFile
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
        even = np.linspace(0, len(chunks) - 1, _RATE_CHUNKS)
        positions = np.unique(even.round().astype(int))
        names = [column.name for column in self.schema.labels]
        encoder = make_encoder(self.train, self)
        parts = []
        for position in positions:
            columns = self.train.read(chunks[position], names, as_views=True)
            parts.append(encoder.read_labels(columns))
        labels = np.concatenate(parts).astype(np.float64)
        counts = labels.T.dot(labels)
        return (counts + 0.5) / (len(labels) + 1.0)


def open_data(
    folder: str,
    schema: Schema,
    parquet: bool,
    max_bad_rows: int,
    check_all: bool,
) -> Data:
    """Opens the training and the test file of a folder.

    Args:
      folder: the folder.
      schema: the columns and the files' names.
      parquet: whether to take the Parquet files where they are there.
      max_bad_rows: how many unreadable rows may be left out.
      check_all: whether to read every row now; else rows are checked as they are used, unless
        max_bad_rows makes their number depend on it.

    Raises:
      BadInput: a file is missing, more than max_bad_rows rows cannot be read, or a vocabulary is of
        other data.
    """
    train_path = default_files.find_file(folder, schema.train_file, schema, parquet)
    test_path = default_files.find_file(folder, schema.test_file, schema, parquet)
    vocabularies = {name: _load_words(folder, name) for name in schema.vocabularies}
    sizes = {name: len(words) for name, words in vocabularies.items()}
    schema = schema.with_vocabularies(sizes)
    train = reader.open_file(train_path, schema)
    test = reader.open_file(test_path, schema)
    data = Data(
        schema=schema,
        vocabularies=vocabularies,
        train=train,
        test=test,
        train_rows=reader.num_rows(train),
        test_rows=reader.num_rows(test),
        bad_rows=BadRows(max_bad_rows),
    )
    _check_vocabularies(data)
    if check_all or max_bad_rows:
        train_rows = _count_usable_rows(train, data)
        test_rows = _count_usable_rows(test, data)
        data = data._replace(train_rows=train_rows, test_rows=test_rows)
    _check_any_rows(train, data.train_rows)
    _check_any_rows(test, data.test_rows)
    return data


def _load_words(folder: str, name: str) -> WordIds:
    words = vocabulary.load(os.path.join(folder, name))
    return {word.encode(): position for position, word in enumerate(words)}


def _check_any_rows(file: InputFile, num_rows: int) -> None:
    if not num_rows:
        raise BadInput("{}: not one row can be used.".format(file.path))


def _check_vocabularies(data: Data) -> None:
    """Raises BadInput where the first rows hold no word of one of the vocabularies."""
    if not data.schema.vocabularies:
        return
    file = data.train
    chunk = file.chunks[0]
    counts = BadRows(chunk.num_rows)  # rows that cannot be read are named when they are used
    encoder = Encoder(file.path, data.schema, data.vocabularies, counts)
    columns = file.read(chunk, used_columns(data.schema), as_views=True)
    block = encoder.encode(columns)
    num_values = _count_values(block, data.schema)
    for column in data.schema.columns:
        if column.vocabulary:
            total = num_values[column.name]
            unknown = counts.unknown_ids.get(column.name, 0)
            if 0 < total <= unknown:
                message = ("{}: {} has none of the {} values of column {!r} in the first {} rows, "
                           "so it is of other data. Make the vocabularies from these rows.")
                raise BadInput(message.format(
                    file.path, column.vocabulary, total, column.name, len(block.rows)))


def _count_values(block: Block, schema: Schema) -> Dict[str, int]:
    """How many ids each feature column of a block has."""
    counts = {column.name: len(block.rows) for column in schema.scalars}
    for column, ragged in zip(schema.lists, block.lists):
        counts[column.name] = len(ragged.values)
    return counts


def make_encoder(file: InputFile, data: Data) -> Encoder:
    """What decodes the chunks of one of the files."""
    return Encoder(file.path, data.schema, data.vocabularies, data.bad_rows)


def _count_usable_rows(file: InputFile, data: Data) -> int:
    """Reads all rows of a file; returns how many can be used."""
    encoder = make_encoder(file, data)
    names = used_columns(data.schema)
    count = 0
    for chunk in file.chunks:
        columns = file.read(chunk, names, as_views=True)
        count += len(encoder.encode(columns).rows)
    return count


def used_columns(schema: Schema) -> List[str]:
    """The names of the columns that are read."""
    return [column.name for column in schema.columns if column.kind != "unused"]
