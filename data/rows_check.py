"""What a schema makes of rows: read whole, and counted, before anything is trained on them."""

from typing import Any, List, NamedTuple, Sequence, Tuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy import ndarray

from common.config.column import Column
from common.formats import parsing
from common.formats.files import Files
from common.pipeline import hashing, source
from common.pipeline import labels as labels_of
from common.pipeline.column_decoder import ColumnDecoder
from common.pipeline.missing_texts import MissingTexts
from common.pipeline.source import Data

_MIX = np.uint64(0x9E3779B97F4A7C15)  # makes of a row's values, in their order, one number


class ColumnCounts(NamedTuple):
    """What one column holds.

    Attributes:
      column: the schema's.
      distinct: its distinct values, of lists distinct items; missing ones left out.
      blank: the rows without a value.
    """

    column: Column
    distinct: int
    blank: int

    @property
    def sharing(self) -> float:
        """The expected share of values that share their bucket with another, where it hashes."""
        if self.column.kind != "hash" or self.distinct < 2:
            return 0.0
        return 1 - (1 - 1 / self.column.buckets) ** (self.distinct - 1)


class Counts(NamedTuple):
    """What some files hold.

    Attributes:
      columns: of each column that training reads.
      rows: a number for each row, equal where all columns are, uint64 [N].
      unclicked: the rows with a purchase without a click.
    """

    columns: List[ColumnCounts]
    rows: ndarray
    unclicked: int

    @property
    def repeated(self) -> int:
        """The rows that stood before."""
        return len(self.rows) - len(np.unique(self.rows))


def count(files: Files, data: Data) -> Counts:
    """Reads all rows of some files.

    It holds a number of 8 bytes for each row and for each distinct value.

    Raises:
      BadInput: more rows than data.bad_rows allows cannot be read.
    """
    schema = data.schema
    names = source.used_columns(schema)
    missing = MissingTexts(schema.missing)
    fingerprint = hashing.make_fingerprint()
    encoder = source.make_encoder(files, data)
    seen = {name: np.zeros(0, np.uint64) for name in names}
    blank = dict.fromkeys(names, 0)
    rows, unclicked = [np.zeros(0, np.uint64)], 0
    for chunk in files.chunks:
        columns = files.read(chunk, names)
        encoder.encode(columns)  # which names the rows that cannot be used
        row = np.zeros(len(columns.rows), np.uint64)
        for column in schema.named(names):
            array = missing.blanked(columns.arrays[column.name], column)
            values = _values(array, column, fingerprint)
            seen[column.name] = np.union1d(seen[column.name], values.distinct)
            blank[column.name] += int(values.is_blank.sum())
            row = (row ^ values.by_row) * _MIX
        rows.append(row)
        targets = labels_of.read(ColumnDecoder(columns, missing), schema)
        unclicked += labels_of.drop_unclicked(targets, schema)
    counted = [ColumnCounts(column, len(seen[column.name]), blank[column.name])
               for column in schema.named(names)]
    return Counts(counted, np.concatenate(rows), unclicked)


class _Values(NamedTuple):
    """A column of a chunk: its distinct values or items, a number a row, which rows are blank."""

    distinct: ndarray
    by_row: ndarray
    is_blank: ndarray


def _values(array: Any, column: Column, fingerprint: Any) -> _Values:
    if isinstance(array, pa.ListArray):
        texts = array.values.cast(pa.string()).fill_null("")
        lists = pa.ListArray.from_arrays(array.offsets, texts)
        array = pc.binary_join(lists, column.separator).cast(pa.binary()).dictionary_encode()
    if not pa.types.is_dictionary(array.type):
        return _of_numbers(array)
    texts, index = parsing.with_missing(array, b"")
    if not len(texts):
        return _Values(np.zeros(0, np.uint64), np.zeros(0, np.uint64), np.zeros(0, bool))
    is_empty = np.array(pc.equal(pc.binary_length(texts), 0), bool)
    hashed = fingerprint(texts)
    used = np.bincount(index, minlength=len(texts)) > 0
    distinct = hashed[used & ~is_empty]
    if column.is_list:
        items = pc.split_pattern(texts.filter(pa.array(used)), column.separator).flatten()
        distinct = np.unique(fingerprint(items.filter(pc.greater(pc.binary_length(items), 0))))
    return _Values(distinct, hashed[index], is_empty[index])


def _of_numbers(array: pa.Array) -> _Values:
    numbers = array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    is_blank = np.isnan(numbers)
    bits = np.where(is_blank, 0.0, numbers).view(np.uint64)
    return _Values(np.unique(bits[~is_blank]), bits + is_blank.astype(np.uint64), is_blank)


def report(counts: Counts) -> List[str]:
    """The counts as lines of text."""
    num_rows = max(len(counts.rows), 1)
    lines = [("column", "kind", "distinct", "blank", "sharing a bucket")]
    for one in counts.columns:
        sharing = "{:.1%}".format(one.sharing) if one.column.kind == "hash" else ""
        lines.append((one.column.name, one.column.kind, "{:,}".format(one.distinct),
                      "{:.1%}".format(one.blank / num_rows), sharing))
    notes = ["repeated rows: {:,} ({:.1%})".format(counts.repeated, counts.repeated / num_rows)]
    if counts.unclicked:
        notes.append("purchases without a click, which count as none: {:,}".format(
            counts.unclicked))
    return _table(lines) + notes


def seen_before(train: Counts, test: Counts) -> str:
    """How many test rows are training rows, too, as a line of text."""
    shared = int(np.isin(test.rows, train.rows).sum())
    return "test rows that are in training, too: {:,} ({:.1%})".format(
        shared, shared / max(len(test.rows), 1))


def _table(lines: Sequence[Tuple[str, ...]]) -> List[str]:
    widths = [max(map(len, cells)) for cells in zip(*lines)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip()
            for line in lines]
