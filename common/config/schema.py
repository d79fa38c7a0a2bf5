"""A data set: its columns as its reader, its writer and its model all see them."""

from typing import Dict, List, NamedTuple, Sequence, Tuple

from common.config.column import Column
from common.config.column_fields import KEYS
from common.config.label import Label

# Features of every batch besides the columns: the numbers of its rows, and of each row's user; and
# how often each row counts, which stands among the labels, too.
ROW = "_row"
USER = "_user"
WEIGHT = "_weight"
NO_USER = -1  # in place of a user's number


class _SchemaFields(NamedTuple):
    name: str
    columns: Tuple[Column, ...]
    train_file: str
    test_file: str
    user_column: str
    module: str
    delimiter: str = ","
    parquet_lists: bool = False
    header: bool = False
    missing: Tuple[str, ...] = ()
    published: bool = False


class Schema(_SchemaFields):
    """A data set: its columns in file order and the names of its files.

    Attributes:
      name: the data set's name, for messages.
      columns: every column, in the order of the text files.
      train_file, test_file: names of the text files; Parquet files add '.parquet'. Empty where
        flags name the files.
      user_column: the column whose raw value names the user, for GAUC and clustered intervals;
        empty where rows are of no user.
      module: the script that writes and converts the data set, for messages; empty where there is
        none.
      published: whether the script's commands take and make files as they are published, in a
        layout of their own, and not rows.
      delimiter: what divides the columns of a line, one ASCII character.
      parquet_lists: whether its Parquet files are written with lists as lists; both are read.
      header: whether the first line of its text files names the columns.
      missing: texts that count as an empty value, as `?` or NULL: in the columns that a model takes
        they stand for the column's default, as a whole or as an item of a list.

    Raises:
      ValueError: two columns share a name or another name, a task or a role, or both hold weights;
        a missing text is also a positive one or one of a column's words; the columns of a table
        are fewer than two or differ in kind, vocabulary, buckets, width or, of lists, combiner;
        lists have a default that parquet_lists cannot hold; the delimiter divides no columns, or
        a list, too; or user_column is no column of single strings.
    """

    __slots__ = ()

    def __new__(cls, *args: object, **kwargs: object) -> "Schema":
        self = super().__new__(cls, *args, **kwargs)  # type: ignore[arg-type]
        self._check_names()
        self._check_tables()
        self._check_missing()
        self._check_division()
        if self.parquet_lists and any(column.default for column in self.lists):
            raise self._wrong("an empty list has no items where lists are stored as lists; give "
                              "list columns default=''.")
        return self

    def _check_names(self) -> None:
        names: List[str] = []
        for column in self.columns:
            names += [column.name, *column.other_names]
        self._check_distinct("columns named", names)
        self._check_distinct("labels named", [label.name for label in self.labels])
        self._check_distinct("tasks named", [task for task, _ in self.tasks])
        roles = [label.role for label in self.labels if label.role]
        self._check_distinct("roles given", roles)
        if len(self.weights) > 1:
            raise self._wrong("columns {} have kind 'weight'. Give all but one kind 'unused'."
                              .format(", ".join(repr(column.name) for column in self.weights)))
        self._check_user()

    def _check_user(self) -> None:
        users = [column.name for column in self.columns
                 if column.kind in ("hash", "vocabulary", "user") and not column.is_list]
        if self.user_column and self.user_column not in users:
            raise self._wrong("the user, {!r}, is not a hash or vocabulary column of one value a "
                              "row, or a column of kind 'user'. Such columns: {}.".format(
                                  self.user_column, ", ".join(users) or "none"))
        for column in self.columns:
            if column.kind == "user" and column.name != self.user_column:
                raise self._wrong("column {!r} has kind 'user' and is not the user column, {!r}."
                                  .format(column.name, self.user_column))

    def _check_missing(self) -> None:
        if "" in self.missing:
            raise self._wrong("missing: an empty text is missing anyway. Leave it out.")
        taken = [(label.column, label.positive) for label in self.labels]
        taken += [(column.name, column.words) for column in self.columns]
        for name, texts in taken:
            both = [text for text in self.missing if text in texts]
            if both:
                raise self._wrong("{!r} is a missing text, and column {!r} has it as a positive "
                                  "text or a word.".format(both[0], name))

    def _check_division(self) -> None:
        delimiter = self.delimiter
        if len(delimiter.encode()) != 1 or delimiter in "\r\n\0\"":
            raise self._wrong("delimiter is one ASCII character that neither ends a line nor "
                              "quotes. Got: {!r}.".format(delimiter))
        for column in self.columns:
            if column.is_read and column.separator == delimiter:
                raise self._wrong("column {!r} has the separator {!r}, which divides columns, too. "
                                  "Give another delimiter.".format(column.name, delimiter))

    def _check_distinct(self, what: str, names: Sequence[str]) -> None:
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise self._wrong("{} twice: {}.".format(what, ", ".join(repeated)))

    def _check_tables(self) -> None:
        tables = [column.table for column in self.features if column.table]
        alone = sorted(table for table in tables if tables.count(table) == 1)
        if alone:
            raise self._wrong("only one column names the table {!r}.".format(alone[0]))
        for field in ("kind", "vocabulary", "buckets", "width"):
            self._check_alike(field, self.features)
        self._check_alike("combiner", self.lists)  # --tf has one for the lists of a table

    def _check_alike(self, field: str, columns: Sequence[Column]) -> None:
        """Raises ValueError where the columns of a table differ in a field."""
        values: Dict[str, object] = {}
        for column in columns:
            value = getattr(column, field)
            table = column.table or column.name
            if values.setdefault(table, value) != value:
                raise self._wrong("the columns of table {!r} differ in {}: {!r} and {!r}.".format(
                    table, field, values[table], value))

    def _wrong(self, problem: str) -> ValueError:
        return ValueError("schema {!r}: {}".format(self.name, problem))

    def with_vocabularies(self, sizes: Dict[str, int]) -> "Schema":
        """The same schema with the buckets of its vocabulary columns.

        Args:
          sizes: vocabulary name -> number of words.
        """
        def with_size(column: Column) -> Column:
            if not column.vocabulary:
                return column
            return column._replace(buckets=sizes[column.vocabulary])

        return self._replace(columns=tuple(map(with_size, self.columns)))

    def with_keys(self) -> "Schema":
        """The same schema with keys as ids of its hash columns, for embedding variables."""
        def with_keys(column: Column) -> Column:
            return column._replace(buckets=KEYS) if column.kind == "hash" else column

        return self._replace(columns=tuple(map(with_keys, self.columns)))

    @property
    def vocabularies(self) -> List[str]:
        """The names of its vocabularies, each once."""
        return sorted({column.vocabulary for column in self.columns if column.vocabulary})

    @property
    def label_columns(self) -> List[Column]:
        """The columns that labels are read from, in file order."""
        return [column for column in self.columns if column.kind == "label"]

    @property
    def labels(self) -> List[Label]:
        """The labels, in file order."""
        return [label for column in self.label_columns for label in column.outcomes]

    @property
    def weights(self) -> List[Column]:
        """The column of rows' weights, if there is one."""
        return [column for column in self.columns if column.kind == "weight"]

    @property
    def targets(self) -> List[str]:
        """What comes with a row's features: the names of its labels, and WEIGHT where it has one.
        """
        return [label.name for label in self.labels] + len(self.weights) * [WEIGHT]

    @property
    def inputs(self) -> List[Column]:
        """The columns that a model takes: those that have an embedding, then numbers."""
        return self.features + self.numbers

    @property
    def tasks(self) -> List[Tuple[str, str]]:
        """The name of each label's task and of the label, in file order."""
        return [(label.task or label.name, label.name) for label in self.labels]

    @property
    def features(self) -> List[Column]:
        """The columns that have an embedding, in file order."""
        return [column for column in self.columns if column.is_feature]

    @property
    def scalars(self) -> List[Column]:
        """The columns that have an embedding and one value a row, in file order."""
        return [column for column in self.features if not column.is_list]

    @property
    def id_type(self) -> str:
        """The type of the ids of all scalars, which share an array: 'int64' if one is keyed."""
        has_keys = any(column.is_keyed for column in self.scalars)
        return "int64" if has_keys else "int32"

    @property
    def lists(self) -> List[Column]:
        """The columns that have an embedding and a list a row, in file order."""
        return [column for column in self.features if column.is_list]

    @property
    def numbers(self) -> List[Column]:
        """The number columns, lists among them, in file order."""
        return [column for column in self.columns if column.kind == "number"]

    def group(self, name: str) -> List[Column]:
        """The feature columns of one group, in file order."""
        members = [column for column in self.features if column.group == name]
        if not members:
            raise ValueError("schema {!r} has no group {!r}.".format(self.name, name))
        return members

    def named(self, names: Sequence[str]) -> List[Column]:
        """The columns of the given names, in their order."""
        by_name = {column.name: column for column in self.columns}
        return [by_name[name] for name in names]
