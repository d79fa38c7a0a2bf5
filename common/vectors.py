"""The vectors of embedding tables as files for a nearest-neighbour search."""

import contextlib
import os
import shutil
from typing import Iterator, List, NamedTuple, Optional, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from common.checkpoint.stored_rows import Rows, StoredTable
from common.config.column import Column
from common.counts import counted
from common.embedding.kinds import Kind
from common.embedding.table_spec import table_name
from common.errors import BadInput
from common.log import log
from common.pipeline import vocabulary
from common.recorded import Recorded

Words = Optional[Sequence[str]]


class Table(NamedTuple):
    """The vectors of one column.

    Attributes:
      column: which.
      stored: its table in a checkpoint.
      words: of its ids, where it has a vocabulary or a list of words.
    """

    column: Column
    stored: StoredTable
    words: Words


def check_columns(names: Sequence[str], run: Recorded) -> None:
    """Raises ValueError for columns of which there are no vectors by key."""
    known = {column.name: column for column in run.schema.columns}
    embedded = ", ".join(column.name for column in run.schema.features)
    for name in names:
        if name not in known:
            raise ValueError("--tables {}: the schema of the run has no such column. Those with "
                             "an embedding are {}.".format(name or "''", embedded))
        if not known[name].is_feature:
            raise ValueError("--tables {}: it is of kind '{}' and has no embedding. Those that "
                             "have are {}.".format(name, known[name].kind, embedded))
    if _embedding(run)["deeprec_tables"] is not None:
        raise ValueError("--tables {}: DeepRec's own tables keep their rows in files that it alone "
                         "reads. Export them with DeepRec.".format(names[0]))


def open_tables(names: Sequence[str], run: Recorded, checkpoint: str, words_folder: str
                ) -> List[Table]:
    """The tables of some columns, which check_columns has let pass.

    Args:
      checkpoint: the prefix of its files.
      words_folder: where the vocabularies are.

    Raises:
      BadInput: one is not in the checkpoint or holds no key, or a vocabulary is not of the run.
    """
    tables = []
    for column in run.schema.named(names):
        words = _words(column, run, words_folder)
        kind = Kind(_embedding(run)["storage"]["kind"]) if column.may_grow else Kind.FIXED
        buckets = len(words or ()) or column.buckets
        stored = StoredTable(checkpoint, table_name(column), column.group, kind, buckets)
        if not stored.size:
            raise BadInput("{}: the table of column {!r} holds no key with a row of its own. Train "
                           "longer, or let keys in sooner.".format(checkpoint, column.name))
        if kind is Kind.ADAPTIVE:
            log("{}: with a row of their own: {}; all others share rows, which are not "
                "written".format(column.name, counted(stored.size, "key")))
        tables.append(Table(column, stored, words))
    return tables


def _embedding(run: Recorded) -> dict:
    return run.config["params"]["embedding"]


def _words(column: Column, run: Recorded, folder: str) -> Words:
    if column.words:
        return column.words
    if not column.vocabulary:
        return None
    words = vocabulary.load(os.path.join(folder, column.vocabulary))
    run.check_vocabulary(column.vocabulary, [word.encode() for word in words])
    return words


def write(tables: Sequence[Table], folder: str) -> None:
    """Writes COLUMN.keys.npy, COLUMN.vectors.npy and COLUMN.parquet of each table to a folder.

    The files take their names once all of them are written.

    Raises:
      OSError: the folder cannot be written to.
    """
    os.makedirs(folder, exist_ok=True)
    temporary = os.path.join(folder, ".tmp{}".format(os.getpid()))
    os.makedirs(temporary)
    try:
        for table in tables:
            _write(table, os.path.join(temporary, table.column.name))
        for name in sorted(os.listdir(temporary)):
            os.replace(os.path.join(temporary, name), os.path.join(folder, name))
    finally:
        shutil.rmtree(temporary)


def _write(table: Table, stem: str) -> None:
    size, width = table.stored.size, table.stored.width
    keys = np.lib.format.open_memmap(stem + ".keys.npy", "w+", np.int64, (size,))
    vectors = np.lib.format.open_memmap(stem + ".vectors.npy", "w+", np.float32, (size, width))
    end = 0
    with _parquet(table, stem + ".parquet") as parquet:
        for rows in table.stored.rows():
            begin, end = end, end + len(rows.keys)
            keys[begin:end] = rows.keys
            vectors[begin:end] = rows.vectors
            parquet.write_table(_as_table(rows, table.words, parquet.schema))


@contextlib.contextmanager
def _parquet(table: Table, path: str) -> Iterator[pa.parquet.ParquetWriter]:
    fields = [("key", pa.int64()), ("word", pa.string()), ("vector", pa.list_(pa.float32()))]
    if table.words is None:
        del fields[1]
    with pa.parquet.ParquetWriter(path, pa.schema(fields)) as writer:
        yield writer


def _as_table(rows: Rows, words: Words, schema: pa.Schema) -> pa.Table:
    size, width = rows.vectors.shape
    ends = np.arange(0, (size + 1) * width, width, dtype=np.int32)
    flat = pa.array(rows.vectors.ravel())
    arrays = [pa.array(rows.keys), pa.ListArray.from_arrays(pa.array(ends), flat)]
    if words is not None:
        arrays.insert(1, pa.array([words[key] for key in rows.keys], pa.string()))
    return pa.table(arrays, schema=schema)
