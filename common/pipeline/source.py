"""The rows of a data set: their files looked up, opened and checked."""

import os
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence

import numpy as np

from common.config.flag_types import FILES, FlagParser, add_switch, place
from common.config.schema import Column, Schema
from common.formats.chunks import RawColumns
from common.formats.column_names import ColumnNames
from common.formats.files import Files
from common.formats.parquet_types import Layouts
from common.naming import file_names
from common.naming.named_files import NamedFile
from common.pipeline import first_rows, row_order, samples, vocabulary
from common.pipeline.checks import BadRows
from common.pipeline.encoder import Encoder
from common.pipeline.string_ids import WordIds

DEFAULT_LOCATION = "./data"


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
      folder: where the vocabularies are.
    """

    schema: Schema
    vocabularies: Dict[str, WordIds]
    train: Files
    test: Optional[Files]
    bad_rows: BadRows
    declared: Schema
    folder: str = ""

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
        read = make_encoder(self.train, self).read_targets
        columns = self.schema.label_columns + self.schema.weights
        targets = self._read_sample(columns, read).astype(np.float64)
        return samples.pair_rates(targets, self.schema, self.train.path)

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
        for chunk in samples.spread(self.train):
            parts.append(read(self.train.read(chunk, names, as_views=True)))
        return np.concatenate(parts)

    def role_rates(self, *roles: str) -> np.ndarray:
        """The same of the labels that have some roles, in that order."""
        by_role = [label.role for label in self.schema.labels]
        places = [by_role.index(role) for role in roles]
        return self.label_rates()[np.ix_(places, places)]


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
    data = open_rows(train, test, folder, schema, max_bad_rows, csv_header, strict_columns, parquet)
    _check(data, check_all or max_bad_rows > 0)
    return data


def open_rows(
    train: Sequence[NamedFile],
    test: Sequence[NamedFile],
    folder: str,
    schema: Schema,
    max_bad_rows: int,
    csv_header: bool,
    strict_columns: bool,
    parquet: bool = True,
) -> Data:
    """Opens files of rows, at whose rows nothing looks yet.

    Args:
      train, test: the files.
      parquet: whether Parquet may be read; all others as open_data takes them.
    """
    vocabularies = {name: _load_words(folder, name) for name in schema.vocabularies}
    sizes = {name: len(words) for name, words in vocabularies.items()}
    sized_schema = schema.with_vocabularies(sizes)
    names = ColumnNames(sized_schema, strict_columns)
    layouts = Layouts(sized_schema, names)
    header = names if csv_header else None

    def open_files(named: Sequence[NamedFile]) -> Files:
        return Files(named, sized_schema, layouts, header, text_alone=not parquet)

    return Data(
        schema=sized_schema,
        vocabularies=vocabularies,
        train=open_files(train),
        test=open_files(test) if test else None,
        bad_rows=BadRows(max_bad_rows),
        declared=schema,
        folder=folder,
    )


def _check(data: Data, check_all: bool) -> None:
    """Looks at the first rows of all files, and at every row if wanted."""
    both = [files for files in (data.train, data.test) if files]
    for files in both:
        _check_there(files, data)
    first_rows.check_training(
        data.train, data.schema, data.vocabularies, used_columns(data.schema))
    if data.test:
        _check_first_rows(data.test, data)
    if check_all:
        for files in both:
            find_bad_rows(files, data)
            _check_any_rows(files, data.usable_rows(files))


def check_rows(files: Files, data: Data) -> None:
    """Looks at what is there of some rows that are not trained on, and at the first of them.

    Raises:
      BadInput: there are none, or they cannot be read.
    """
    _check_there(files, data)
    _check_first_rows(files, data)


def _check_there(files: Files, data: Data) -> None:
    files.first_chunk()  # raises where there is none
    if files.is_parquet:
        files.count()  # footers tell at once what is wrong with a file
    if not data.bad_rows.limit:
        first_rows.check_folders(files, data.schema, data.vocabularies)


def _check_first_rows(files: Files, data: Data) -> None:
    if not data.bad_rows.limit:
        first_rows.check_test(files, data.schema, data.vocabularies, used_columns(data.schema))


def _load_words(folder: str, name: str) -> WordIds:
    words = vocabulary.load(os.path.join(folder, name))
    return {word.encode(): position for position, word in enumerate(words)}


def _check_any_rows(files: Files, num_rows: int) -> None:
    if not num_rows:
        raise row_order.no_rows(files)


def make_encoder(files: Files, data: Data) -> Encoder:
    """What decodes the chunks of the training or the test files."""
    return Encoder(files.paths, data.schema, data.vocabularies, data.bad_rows)


def find_bad_rows(files: Files, data: Data) -> None:
    """Reads all rows, so that data.bad_rows knows those that cannot be used."""
    encoder = make_encoder(files, data)
    names = used_columns(data.schema)
    for chunk in files.chunks:
        columns = files.read(chunk, names, as_views=True)
        encoder.encode(columns)


def used_columns(schema: Schema) -> List[str]:
    """The names of the columns that are read."""
    return [column.name for column in schema.columns if column.is_read]
