"""The columns of a data set, as its reader, its writer and its model all see them."""

from typing import List, NamedTuple, Tuple

KINDS = ("label", "hash", "identity", "unused")
DTYPES = ("string", "int32")


class _ColumnFields(NamedTuple):
    name: str
    dtype: str
    kind: str
    buckets: int = 0
    group: str = ""
    separator: str = ""
    default: str = " "
    combiner: str = "mean"


class Column(_ColumnFields):
    """One column of a file.

    Attributes:
      name: the column's name, which is also its feature's.
      dtype: 'string' or 'int32', how the file holds it.
      kind: 'label' (0 or 1), 'hash' (a string hashed into buckets), 'identity' (an integer that is
        its own bucket) or 'unused' (read past, never decoded).
      buckets: the rows of the column's embedding table; 0 for labels and unused columns.
      group: the name of the group of columns whose embeddings are concatenated.
      separator: what divides the items of a list; empty for a column with one value a row.
      default: what an empty or null field stands for; a label has none.
      combiner: how the embeddings of a list's items become one: 'mean' or 'sum'.

    Raises:
      ValueError: a field has a value outside the ones above.
    """

    __slots__ = ()

    def __new__(cls, *args: object, **kwargs: object) -> "Column":
        self = super().__new__(cls, *args, **kwargs)  # type: ignore[arg-type]
        if self.kind not in KINDS:
            raise ValueError("column {!r}: kind must be one of {}. Got: {!r}.".format(self.name, KINDS, self.kind))
        if self.dtype not in DTYPES:
            raise ValueError("column {!r}: dtype must be one of {}. Got: {!r}.".format(self.name, DTYPES, self.dtype))
        if (self.buckets > 0) != self.is_feature:
            raise ValueError("column {!r}: a {} column needs buckets {} 0. Got: {}.".format(
                self.name, self.kind, ">" if self.is_feature else "==", self.buckets))
        if (self.kind == "hash") != (self.dtype == "string") and self.kind != "unused":
            raise ValueError("column {!r}: a {} column cannot be {}.".format(self.name, self.kind, self.dtype))
        if self.separator and self.kind != "hash":
            raise ValueError("column {!r}: only a hash column can be a list. Got: {}.".format(self.name, self.kind))
        return self

    @property
    def is_feature(self) -> bool:
        """True for a column that has an embedding."""
        return self.kind in ("hash", "identity")

    @property
    def is_list(self) -> bool:
        """True for a column with any number of values a row."""
        return bool(self.separator)


class _SchemaFields(NamedTuple):
    name: str
    columns: Tuple[Column, ...]
    train_file: str
    test_file: str
    user_column: str
    module: str


class Schema(_SchemaFields):
    """A data set: its columns in file order and the names of its files.

    Attributes:
      name: the data set's name, for messages.
      columns: every column, in the order of the CSV files.
      train_file, test_file: names of the CSV files; Parquet files add '.parquet'.
      user_column: the column whose raw value names the user, for GAUC and clustered intervals.
      module: the script that writes and converts the data set, for messages.

    Raises:
      ValueError: two columns share a name, or user_column is not a hash column.
    """

    __slots__ = ()

    def __new__(cls, *args: object, **kwargs: object) -> "Schema":
        self = super().__new__(cls, *args, **kwargs)  # type: ignore[arg-type]
        names = [column.name for column in self.columns]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError("schema {!r}: columns named twice: {}.".format(self.name, ", ".join(twice)))
        if not any(c.name == self.user_column and c.kind == "hash" for c in self.columns):
            raise ValueError("schema {!r}: user_column {!r} is not a hash column.".format(self.name, self.user_column))
        return self

    @property
    def labels(self) -> List[Column]:
        """The label columns, in file order."""
        return [column for column in self.columns if column.kind == "label"]

    @property
    def scalars(self) -> List[Column]:
        """The feature columns with one value a row, in file order."""
        return [column for column in self.columns if column.is_feature and not column.is_list]

    @property
    def lists(self) -> List[Column]:
        """The feature columns with a list a row, in file order."""
        return [column for column in self.columns if column.is_list]

    def group(self, name: str) -> List[Column]:
        """The feature columns of one group, in the order tf.feature_column.input_layer joins them."""
        members = [column for column in self.columns if column.is_feature and column.group == name]
        if not members:
            raise ValueError("schema {!r} has no group {!r}.".format(self.name, name))
        return sorted(members, key=lambda column: column.name + "_embedding")
