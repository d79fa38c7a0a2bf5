"""The rows of a data set: their files looked up, opened and checked."""

import os
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, TypeVar

import numpy as np

from common.config.flag_types import FILES, FlagParser, add_switch, place
from common.config.schema import Column, Schema
from common.formats.chunks import Chunk, RawColumns
from common.formats.column_names import ColumnNames
from common.formats.files import Files
from common.formats.parquet_types import Layouts
from common.log import log
from common.naming import file_names
from common.naming.named_files import NamedFile
from common.pipeline import first_rows, row_order, vocabulary
from common.pipeline import labels as labels_of
from common.pipeline.checks import BadRows
from common.pipeline.encoder import Encoder
from common.pipeline.string_ids import WordIds

DEFAULT_LOCATION = "./data"
_RATE_CHUNKS = 16
Item = TypeVar("Item")


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
    """The rows of a data set.

    Attributes:
      schema: their columns, with the sizes of the vocabularies.
      vocabularies: name -> word -> id, in the order of the ids.
      train: the training files.
      test: the test files; None where none are wanted.
      bad_rows: counts the rows that cannot be used.
      declared: the schema as the data set declares it: without sizes of vocabularies, and without
        keys in place of buckets.
    """

    schema: Schema
    vocabularies: Dict[str, WordIds]
    train: Files
    test: Optional[Files]
    bad_rows: BadRows
    declared: Schema

    @property
    def schema_of_tables(self) -> Schema:
        """The schema as a model sees it: with the buckets that are declared, where ids are keys."""
        sizes = {name: len(words) for name, words in self.vocabularies.items()}
        return self.declared.with_vocabularies(sizes)

    @property
    def train_rows(self) -> int:
        """How many training rows can be used, as far as they were read; counted for it."""
        return self.usable_rows(self.train)

    def usable_rows(self, files: Files) -> int:
        """How many rows of some files can be used, as far as they were read; counted for it."""
        return files.num_rows - len(self.bad_rows.rows(files.paths))

    def label_rates(self) -> np.ndarray:
        """Mean of each label, and of each pair of labels' product, over a sample.

        The sample is chunks spread evenly over the training files.

        Returns:
          float64 [K, K]: entry (i, j) is the share of rows, by their weights, with both label i and
          label j, half a row added to each count so that none is 0.
        """
        schema = self.schema
        read = make_encoder(self.train, self).read_targets
        columns = schema.label_columns + schema.weights
        targets = list(self._read_sample(columns, read).astype(np.float64).T)
        num_unclicked = labels_of.drop_unclicked(targets, schema)
        labels = np.stack(targets[:len(schema.labels)], 1)
        if num_unclicked:
            purchase, = [label.name for label in schema.labels if label.role == "purchase"]
            log("{}: in a sample of the rows, {} of {} have a purchase ({}) without a click. It "
                "counts as none. `data/schema.py check` counts all such rows. To count these "
                "purchases, leave roles out of the schema of a model that needs none."
                .format(self.train.path, num_unclicked, len(labels), purchase))
        weights = np.ones(len(labels))
        if schema.weights and targets[-1].any():
            weights = targets[-1] / targets[-1].mean()
        counts = labels.T.dot(labels * weights[:, None])
        return (counts + 0.5) / (len(labels) + 1.0)

    def sample_numbers(self) -> np.ndarray:
        """The number columns of the same sample, float32 [N, M]."""
        if not self.schema.numbers:
            return np.zeros([0, 0], np.float32)
        read = make_encoder(self.train, self).read_numbers
        return self._read_sample(self.schema.numbers, read)

    def _read_sample(self, columns: Sequence[Column],
                     read: Callable[[RawColumns], np.ndarray]) -> np.ndarray:
        names = [column.name for column in columns]
        parts = []
        for chunk in _sample(self.train):
            parts.append(read(self.train.read(chunk, names, as_views=True)))
        return np.concatenate(parts)

    def role_rates(self, *roles: str) -> np.ndarray:
        """The same of the labels that have some roles, in that order."""
        by_role = [label.role for label in self.schema.labels]
        places = [by_role.index(role) for role in roles]
        return self.label_rates()[np.ix_(places, places)]


def _sample(files: Files) -> List[Chunk]:
    """A few chunks of some files, which alone are opened where there are many.

    The lines of one text file are counted for it, those of several are not.
    """
    num_files = len(files.paths)
    if num_files == 1 or (files.is_parquet and num_files <= _RATE_CHUNKS):
        return _evenly(files.chunks)
    first_chunks = map(files.first_chunk_of, _evenly(range(num_files)))
    return [chunk for chunk in first_chunks if chunk] or [files.first_chunk()]


def _evenly(values: Sequence[Item]) -> List[Item]:
    """At most _RATE_CHUNKS of some values, spread evenly over them."""
    even = np.linspace(0, len(values) - 1, _RATE_CHUNKS)
    positions = np.unique(even.round().astype(int))
    return [values[position] for position in positions]


def open_data(
    folder: str,
    schema: Schema,
    parquet: bool,
    max_bad_rows: int,
    check_all: bool,
    train_files: str = "",
    eval_files: str = "",
    csv_header: bool = False,
    strict_columns: bool = False,
    with_test: bool = True,
) -> Data:
    """Opens the training and the test rows.

    Args:
      folder: where the vocabularies are and, by the names that the schema gives, the rows where
        flags name no files.
      schema: the columns and the files' names.
      parquet: whether to take the Parquet files where they are there.
      max_bad_rows: how many unreadable rows may be left out.
      check_all: whether to read every row now; else rows are checked as they are used, unless
        max_bad_rows makes their number depend on it.
      train_files, eval_files: the flags that name files.
      csv_header: whether the first line of each text file names its columns.
      strict_columns: whether columns that the schema lacks are an error, where files name theirs.
      with_test: whether test rows are wanted.

    Raises:
      BadInput: a file is missing, more than max_bad_rows rows cannot be read, or a vocabulary is of
        other data.
    """
    train = file_names.to_train_on(train_files, folder, schema, parquet)
    test = []
    if with_test:
        test = file_names.to_evaluate_on(eval_files, folder, schema, parquet)
    file_names.warn_of_shared(train, test)
    vocabularies = {name: _load_words(folder, name) for name in schema.vocabularies}
    sizes = {name: len(words) for name, words in vocabularies.items()}
    sized_schema = schema.with_vocabularies(sizes)
    names = ColumnNames(sized_schema, strict_columns)
    layouts = Layouts(sized_schema, names)
    header = names if csv_header else None

    def open_files(named: Sequence[NamedFile]) -> Files:
        return Files(named, sized_schema, layouts, header, text_alone=not parquet)

    data = Data(
        schema=sized_schema,
        vocabularies=vocabularies,
        train=open_files(train),
        test=open_files(test) if test else None,
        bad_rows=BadRows(max_bad_rows),
        declared=schema,
    )
    _check(data, check_all or max_bad_rows > 0)
    return data


def _check(data: Data, check_all: bool) -> None:
    """Looks at the first rows of all files, and at every row if wanted."""
    both = [files for files in (data.train, data.test) if files]
    for files in both:
        files.first_chunk()  # raises where there is none
        if files.is_parquet:
            files.count()  # footers tell at once what is wrong with a file
        if not data.bad_rows.limit:
            first_rows.check_folders(files, data.schema, data.vocabularies)
    names_read = used_columns(data.schema)
    first_rows.check_training(data.train, data.schema, data.vocabularies, names_read)
    if data.test and not data.bad_rows.limit:
        first_rows.check_test(data.test, data.schema, data.vocabularies, names_read)
    if check_all:
        for files in both:
            _find_bad_rows(files, data)
            _check_any_rows(files, data.usable_rows(files))


def _load_words(folder: str, name: str) -> WordIds:
    words = vocabulary.load(os.path.join(folder, name))
    return {word.encode(): position for position, word in enumerate(words)}


def _check_any_rows(files: Files, num_rows: int) -> None:
    if not num_rows:
        raise row_order.no_rows(files)


def make_encoder(files: Files, data: Data) -> Encoder:
    """What decodes the chunks of the training or the test files."""
    return Encoder(files.paths, data.schema, data.vocabularies, data.bad_rows)


def _find_bad_rows(files: Files, data: Data) -> None:
    """Reads all rows, so that data.bad_rows counts those that cannot be used."""
    encoder = make_encoder(files, data)
    names = used_columns(data.schema)
    for chunk in files.chunks:
        columns = files.read(chunk, names, as_views=True)
        encoder.encode(columns)


def used_columns(schema: Schema) -> List[str]:
    """The names of the columns that are read."""
    return [column.name for column in schema.columns if column.is_read]
