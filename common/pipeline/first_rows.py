"""The first rows of training and test files, looked at before training: what is wrong with all."""

from typing import Dict, Sequence, Set

import numpy as np

from common.config.schema import Schema
from common.errors import BadInput
from common.formats import folder_columns, quoted_text
from common.formats.chunks import RawColumns, file_of
from common.formats.files import Files
from common.log import log
from common.naming import partitions
from common.naming.partitions import Pair
from common.pipeline import joined_lists
from common.pipeline.checks import BadRows
from common.pipeline.encoder import Encoder
from common.pipeline.features import Block
from common.pipeline.string_ids import WordIds

_SHOWN = 5


def check_folders(files: Files, schema: Schema, vocabularies: Dict[str, WordIds]) -> None:
    """Checks the values of columns that the names of folders hold, as all rows of a file have them.

    Raises:
      BadInput: one cannot be used.
    """
    encoder = Encoder(files.paths, schema, vocabularies, BadRows(0))
    checked: Set[Pair] = set()
    for number, path in enumerate(files.paths):
        for pair in folder_columns.used(files.partition_of(number), schema).items():
            if pair not in checked:
                checked.add(pair)
                _check_folder(path, pair, schema, encoder)


def _check_folder(path: str, pair: Pair, schema: Schema, encoder: Encoder) -> None:
    name, _ = pair
    column, = schema.named([name])
    arrays = folder_columns.added({}, (pair,), 1)
    row = RawColumns(arrays, np.zeros(1, np.int64), [])
    for reject in encoder.rejects(row, column):
        message = ("{}: column {!r} is {!r} by the name of this folder, expected {}. Rename the "
                   "folder, or name others.")
        folder = partitions.folder_of(path, name)
        raise BadInput(message.format(folder, name, reject.value, reject.expected))


def check_training(
    files: Files,
    schema: Schema,
    vocabularies: Dict[str, WordIds],
    names: Sequence[str],
) -> None:
    """Checks the first rows of training files; those that cannot be read are named when used.

    Args:
      names: the columns that are read.

    Raises:
      BadInput: values stand in quotes, lists are divided wrongly, or the rows hold no word of one
        of the vocabularies.
    """
    columns = _read(files, schema, vocabularies, names)
    _check_positive(files, schema, columns)
    if schema.vocabularies:
        most = len(columns.rows) + len(columns.rejects)
        counts = BadRows(most)
        block = Encoder(files.paths, schema, vocabularies, counts).encode(columns)
        _check_vocabularies(files, schema, block, counts.unknown_ids)


def check_test(
    files: Files,
    schema: Schema,
    vocabularies: Dict[str, WordIds],
    names: Sequence[str],
) -> None:
    """Checks the first rows of test files, which else would be read after training.

    Args:
      names: the columns that are read.

    Raises:
      BadInput: values stand in quotes, lists are divided wrongly, or a row cannot be read.
    """
    columns = _read(files, schema, vocabularies, names)
    Encoder(files.paths, schema, vocabularies, BadRows(0)).encode(columns)


def _read(
    files: Files,
    schema: Schema,
    vocabularies: Dict[str, WordIds],
    names: Sequence[str],
) -> RawColumns:
    """The columns of the first rows."""
    chunk = files.first_chunk()
    columns = files.read(chunk, names)
    path = files.paths[file_of(chunk.first_row)]
    quoted_text.check(path, columns)
    joined_lists.check(path, columns, schema, vocabularies)
    return columns


def _check_positive(files: Files, schema: Schema, columns: RawColumns) -> None:
    """Warns of a label none of whose positive texts is in the first rows, as one misspelt is."""
    for label in schema.labels:
        if label.positive:
            texts = columns.arrays[label.column].dictionary.to_pylist()
            there = [text.decode("utf-8", "replace") for text in texts]
            if there and not set(there) & set(label.positive):
                log("warning: {}, column {!r}: none of the first {} rows has one of the texts that "
                    "are positive for label {!r}, {}. There is, for instance, {}.".format(
                        files.path, label.column, len(columns.rows), label.name,
                        _shown(label.positive), _shown(there)))


def _shown(texts: Sequence[str]) -> str:
    return ", ".join(map(repr, sorted(texts)[:_SHOWN]))


def _check_vocabularies(
    files: Files,
    schema: Schema,
    block: Block,
    unknown_ids: Dict[str, int],
) -> None:
    """Raises BadInput where the first rows hold no word of a vocabulary; warns of few words."""
    num_values = _count_values(block, schema)
    for column in schema.columns:
        if column.vocabulary:
            total = num_values[column.name]
            unknown = unknown_ids.get(column.name, 0)
            if 0 < total <= unknown:
                message = ("{}: {} has none of the {} values of column {!r} in the first {} rows, "
                           "so it is of other data. Make the vocabularies from these rows. (Text "
                           "that begins with 0 loses it where a tool reads it as an integer.)")
                raise BadInput(message.format(
                    files.path, column.vocabulary, total, column.name, len(block.rows)))
            if 2 * unknown > total:
                log("warning: {}: {} lacks {} of the {} values of column {!r} in the first {} "
                    "rows, all of which are one id, that of unknown words. Is it the vocabulary of "
                    "these rows, and does it write them alike (integers have no leading "
                    "zeros)?".format(
                        files.path, column.vocabulary, unknown, total, column.name,
                        len(block.rows)))


def _count_values(block: Block, schema: Schema) -> Dict[str, int]:
    """How many ids each feature column of a block has."""
    counts = {column.name: len(block.rows) for column in schema.scalars}
    for column, ragged in zip(schema.lists, block.lists):
        counts[column.name] = len(ragged.values)
    return counts
