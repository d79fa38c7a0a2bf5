"""The lines of text files as a TF 1.15.5 user reads them, one file after another.

TextLineDataset takes the end of a gzip file's first member, or of a cut one, for the end of the
text, so compressed text is unpacked to a local file for it. Files are opened as they are reached.
"""

import contextlib
import functools
import itertools
from typing import IO, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np
import tensorflow.compat.v1 as tf

from common.errors import BadInput
from common.formats import unchanged
from common.formats.chunks import ROW_BITS
from common.formats.csv_file import CsvFile
from common.formats.files import Files
from common.naming import file_names
from common.naming.partitions import Partition
from common.pipeline import source
from common.pipeline.source import Data

_MARK = "^\ufeff"
_DESCRIPTOR = "/proc/self/fd/{}"
_LINES_AT_A_TIME = 1024  # a function that is called for each line takes 20 times the time


class _Form(NamedTuple):
    """What the lines of a file are like.

    Attributes:
      columns: their columns.
      partition: the columns that the names of folders have instead.
      has_header, has_mark: what stands before the first row.
    """

    columns: Tuple[str, ...]
    partition: Partition
    has_header: bool
    has_mark: bool

    @property
    def all_columns(self) -> List[str]:
        """The columns of a line, with those behind it that the names of folders have."""
        return [*self.columns, *(name for name, _ in self.partition)]


class _Opener:
    """Opens files for TensorFlow, and keeps what is wrong with them in data.bad_rows.error."""

    def __init__(self, files: Files, data: Data) -> None:
        self._files = files
        self._bad_rows = data.bad_rows
        self._unpacked: Optional[IO[bytes]] = None  # until TensorFlow has opened it

    def open(self, number: np.int64) -> Tuple[bytes, np.int64]:
        """The path of a file's text, and the number of its rows."""
        with self._keeping_error():
            file = _text_file(self._files, int(number))
            num_rows = self._files.rows_of(int(number))
            self._unpacked = file.text.local_file()
            path = file.path
            if self._unpacked:
                path = _DESCRIPTOR.format(self._unpacked.fileno())
            return path.encode(), np.int64(num_rows)

    def end(self, number: np.int64) -> bool:
        """False, once it is sure that a file that was read is still the one that was opened."""
        with self._keeping_error():
            text = _text_file(self._files, int(number)).text
            unchanged.check(text.path, text.opened)
            return False

    @contextlib.contextmanager
    def _keeping_error(self) -> Iterator[None]:
        try:
            yield
        except BadInput as error:  # of which TensorFlow makes an error that names no type
            self._bad_rows.error = error
            raise


def columns_of(files: Files) -> List[str]:
    """The columns of the lines that `usable` gives: the files' own; where these differ, those used.

    Raises:
      BadInput: a file is no text.
    """
    forms = [_form_of(files, number) for number in range(len(files.paths))]
    first = forms[0].all_columns
    if all(form.all_columns == first for form in forms):
        return first
    return source.used_columns(files.schema)


def _form_of(files: Files, number: int) -> _Form:
    layout = _text_file(files, number).layout
    partition = files.partition_of(number)
    has_mark = layout.has_mark and not layout.has_header
    return _Form(tuple(layout.columns), partition, layout.has_header, has_mark)


def _text_file(files: Files, number: int) -> CsvFile:
    file = files.file(number)
    if not isinstance(file, CsvFile):
        raise file_names.parquet_error(file.path)
    return file


def usable(files: Files, data: Data) -> tf.data.Dataset:
    """The lines of the rows that can be used, in the order of the files."""
    if not data.bad_rows.rows(files.paths):
        return _lines(files, data, None)
    batches = numbered(files, data).batch(_LINES_AT_A_TIME)
    return batches.map(lambda rows, lines: lines).unbatch()


def numbered(files: Files, data: Data) -> tf.data.Dataset:
    """The same lines, each behind its row's number."""
    return _lines(files, data, sorted(data.bad_rows.rows(files.paths)))


def _lines(files: Files, data: Data, bad: Optional[Sequence[int]]) -> tf.data.Dataset:
    """The lines of all files; of a run of files of the same form by one dataset.

    Args:
      bad: number the rows and leave out these; None for neither.
    """
    opener = _Opener(files, data)
    columns = columns_of(files)
    datasets = []
    numbers = range(len(files.paths))
    for form, members in itertools.groupby(numbers, lambda number: _form_of(files, number)):
        lines = _lines_of(list(members), form, opener, is_numbered=bad is not None)
        datasets.append(_changed(lines, form, columns, files.schema.delimiter, bad))
    return functools.reduce(lambda first, second: first.concatenate(second), datasets)


def _lines_of(
    numbers: Sequence[int],
    form: _Form,
    opener: _Opener,
    is_numbered: bool,
) -> tf.data.Dataset:
    """The lines of some files that are rows; if they are to be numbered, behind their numbers."""
    def opened(number: tf.Tensor) -> Tuple[tf.Tensor, ...]:
        path, num_rows = tf.numpy_function(opener.open, [number], [tf.string, tf.int64])
        return number, tf.reshape(path, []), tf.reshape(num_rows, [])

    def lines_of(number: tf.Tensor, path: tf.Tensor, num_rows: tf.Tensor) -> tf.data.Dataset:
        lines = _rows_of(path, form).take(num_rows)
        lines = lines.concatenate(_nothing(number, opener))
        if not is_numbered:
            return lines
        first_row = tf.bitwise.left_shift(number, tf.constant(ROW_BITS, tf.int64))
        return lines.enumerate(first_row)

    # A file is opened in a dataset of its own: TensorFlow 1.15.5 crashes where both results of a
    # Python function are used in the function of flat_map that calls it.
    files = tf.data.Dataset.from_tensor_slices(np.array(numbers, np.int64))
    return files.map(opened).flat_map(lines_of)


def _rows_of(path: tf.Tensor, form: _Form) -> tf.data.Dataset:
    """The lines of a local file behind its header and without its byte order mark."""
    lines = tf.data.TextLineDataset(path)
    if form.has_header:
        return lines.skip(1)
    if form.has_mark:
        first = lines.take(1).map(lambda line: tf.strings.regex_replace(line, _MARK, ""))
        return first.concatenate(lines.skip(1))
    return lines


def _nothing(number: tf.Tensor, opener: _Opener) -> tf.data.Dataset:
    """No line, but an error where a file changed while it was read."""
    def end(_: tf.Tensor) -> tf.Tensor:
        return tf.reshape(tf.numpy_function(opener.end, [number], tf.bool), [])

    return tf.data.Dataset.from_tensors("").filter(end)


def _changed(
    lines: tf.data.Dataset,
    form: _Form,
    columns: Sequence[str],
    delimiter: str,
    bad: Optional[Sequence[int]],
) -> tf.data.Dataset:
    """Lines without those of bad rows, with the values of the partition, in an order of columns."""
    has_order = form.all_columns == list(columns)
    if has_order and not form.partition and not bad:
        return lines

    def change(*batch: tf.Tensor) -> Union[tf.Tensor, Tuple[tf.Tensor, tf.Tensor]]:
        batch = _without_rows(batch, bad or ())
        values = batch[-1]
        values = _with_partition(values, form.partition, delimiter)
        if not has_order:
            values = _reordered(values, form.all_columns, columns, delimiter)
        if len(batch) == 1:
            return values
        return batch[0], values

    changed = lines.batch(_LINES_AT_A_TIME).map(change)
    return changed.unbatch()


def _without_rows(batch: Tuple[tf.Tensor, ...], bad: Sequence[int]) -> Tuple[tf.Tensor, ...]:
    if not bad:
        return batch
    rows = batch[0]
    bad_rows = tf.constant([bad], tf.int64)
    is_usable = tf.reduce_all(tf.not_equal(rows[:, tf.newaxis], bad_rows), 1)
    return tuple(tf.boolean_mask(values, is_usable) for values in batch)


def _with_partition(lines: tf.Tensor, partition: Partition, delimiter: str) -> tf.Tensor:
    """Lines [N] with the values of folders' names behind them."""
    for name, value in partition:
        text = value or ""
        if delimiter in text:
            raise BadInput("folder {}={}: --tf reads it as part of a line, which {!r} divides. "
                           "Leave out --tf.".format(name, text, delimiter))
        lines = tf.strings.join([lines, delimiter + text])
    return lines


def _reordered(
    lines: tf.Tensor,
    columns: Sequence[str],
    order: Sequence[str],
    delimiter: str,
) -> tf.Tensor:
    """Lines [N] of some columns as lines of those of them that an order names."""
    fields = tf.string_split(lines, delimiter, skip_empty=False).values
    table = tf.reshape(fields, [-1, len(columns)])
    chosen = tf.gather(table, [columns.index(name) for name in order], axis=1)
    return tf.strings.reduce_join(chosen, axis=1, separator=delimiter)
