"""The columns of a data set, as its reader, its writer and its model all see them."""

import re
from typing import Dict, List, NamedTuple, Sequence, Tuple

# Features of every batch besides the columns: the numbers of its rows, and of each row's user.
ROW = "_row"
USER = "_user"
KINDS = ("label", "hash", "identity", "words", "vocabulary", "number", "user", "unused")
DTYPES = {"label": "int32", "hash": "string", "identity": "int32", "words": "string",
          "vocabulary": "string", "number": "float"}
# The buckets of a hash column whose hash is itself the key of an embedding variable.
KEYS = 2 ** 63 - 1
# What a label may be in a model whose labels differ in what they are.
ROLES = ("click", "purchase")
_VARIABLE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_MAX_BUCKETS = 2 ** 31 - 1


class _ColumnFields(NamedTuple):
    name: str
    kind: str
    buckets: int = 0
    group: str = ""
    separator: str = ""
    default: str = " "
    combiner: str = "mean"
    table: str = ""
    words: Tuple[str, ...] = ()
    vocabulary: str = ""
    newest: int = 0
    aligned: bool = False
    other_names: Tuple[str, ...] = ()
    task: str = ""
    role: str = ""


class Column(_ColumnFields):
    """One column of a file.

    Attributes:
      name: the column's name, which is also its feature's.
      kind: 'label' (0 or 1), 'hash' (a string hashed into buckets), 'identity' (an integer that is
        its own bucket), 'words' (a string from a fixed list; others are errors), 'vocabulary' (a
        string from a vocabulary file; others are id 0), 'number' (a float; a list stands for its
        mean), 'user' (the schema's user_column where it is no feature) or 'unused' (read past,
        never decoded).
      buckets: the rows of the column's embedding table, at most 2**31 - 1; KEYS for a hash column
        without one, whose ids are keys. A vocabulary's are known when its file is read.
      group: the name of the group of columns whose embeddings are concatenated.
      separator: what divides the items of a list; empty for a column with one value a row.
      default: what an empty or null field stands for; labels and words have none.
      combiner: how the embeddings of a list's items become one: 'mean' or 'sum'.
      table: the name of its embedding table, which columns may share; the column's own name if
        empty.
      words: the words of a 'words' column, in the order of their ids.
      vocabulary: the name of a 'vocabulary' column's file, without its ending.
      newest: for a list whose items keep their order and number: how many are kept, counted from
        its end. 0 for a list in which order does not count.
      aligned: whether the list has as many items in each row as the schema's other aligned lists.
      other_names: names that files which name their columns may give it in place of its own.
      task: the name of a label's task in metrics and variables; the column's own name if empty.
      role: 'click' or 'purchase', for a label of a model that tells its labels apart.

    Raises:
      ValueError: a field has a value outside the ones above.
    """

    __slots__ = ()

    def __new__(cls, *args: object, **kwargs: object) -> "Column":
        self = super().__new__(cls, *args, **kwargs)  # type: ignore[arg-type]
        if self.kind not in KINDS:
            raise self._wrong("kind must be one of {}. Got: {!r}.".format(KINDS, self.kind))
        if self.kind == "words":
            self = self._replace(buckets=len(self.words))
        self._check_buckets()
        self._check_vocabulary()
        self._check_list()
        self._check_label()
        self._check_names()
        return self

    def _check_buckets(self) -> None:
        needs_buckets = self.kind in ("hash", "identity", "words")
        has_buckets = self.buckets > 0
        if self.kind != "vocabulary" and has_buckets != needs_buckets:
            relation = ">" if needs_buckets else "=="
            raise self._wrong("a {} column needs buckets {} 0. Got: {}.".format(
                self.kind, relation, self.buckets))
        if self.buckets > _MAX_BUCKETS and not self.is_keyed:
            raise self._wrong("buckets must be at most {}, or KEYS for a hash column. Got: "
                              "{}.".format(_MAX_BUCKETS, self.buckets))

    def _check_vocabulary(self) -> None:
        if (self.kind == "vocabulary") != bool(self.vocabulary):
            raise self._wrong("vocabulary is for a vocabulary column, and it needs one.")
        if self.vocabulary and self.separator and not self.newest:
            raise self._wrong("a list of a vocabulary keeps its order; say how many items with "
                              "newest.")

    def _check_list(self) -> None:
        if self.separator and self.kind in ("label", "identity", "user"):
            raise self._wrong("a column of kind {} cannot be a list.".format(self.kind))
        is_used_list = bool(self.separator) and self.kind != "unused"
        if (self.newest or self.aligned) and not is_used_list:
            raise self._wrong("newest and aligned are for lists that are used, which have a "
                              "separator and a kind other than 'unused'.")

    def _check_label(self) -> None:
        if (self.task or self.role) and self.kind != "label":
            raise self._wrong("task and role are for labels. Its kind is {!r}.".format(self.kind))
        if self.role and self.role not in ROLES:
            raise self._wrong("role must be one of {}. Got: {!r}.".format(ROLES, self.role))

    def _check_names(self) -> None:
        names = {"table": self.table, "group": self.group, "task": self.task}
        if self.kind != "unused":
            names["name"] = self.name
        for field, name in names.items():
            if name and not _VARIABLE_NAME.fullmatch(name):
                raise self._wrong(
                    "{} names variables, so it is of A-Z, a-z, 0-9, '_', '-' and '.', and begins "
                    "with a letter or digit. Got: {!r}. Files may name the column otherwise: "
                    "other_names.".format(field, name))

    def _wrong(self, problem: str) -> ValueError:
        return ValueError("column {!r}: {}".format(self.name, problem))

    @property
    def dtype(self) -> str:
        """How a file holds a value: 'string', 'int32' or 'float'."""
        return DTYPES.get(self.kind, "string")

    @property
    def is_feature(self) -> bool:
        """True for a column that has an embedding."""
        return self.kind in ("hash", "identity", "words", "vocabulary")

    @property
    def is_keyed(self) -> bool:
        """True for a column whose ids are keys of 63 bits."""
        return self.kind == "hash" and self.buckets == KEYS

    @property
    def id_type(self) -> str:
        """The type of the column's ids: 'int64' for keys, else 'int32'."""
        return "int64" if self.is_keyed else "int32"

    @property
    def may_grow(self) -> bool:
        """True for a column whose table may be one that grows with its keys."""
        return self.kind in ("hash", "vocabulary")

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
    delimiter: str = ","
    parquet_lists: bool = False
    header: bool = False


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
      delimiter: what divides the columns of a line.
      parquet_lists: whether its Parquet files are written with lists as lists; both are read.
      header: whether the first line of its text files names the columns.

    Raises:
      ValueError: two columns share a name or another name, a task or a role; the columns of a table
        are fewer than two or differ in kind, vocabulary or buckets; lists have a default that
        parquet_lists cannot hold; or user_column is no column of single strings.
    """

    __slots__ = ()

    def __new__(cls, *args: object, **kwargs: object) -> "Schema":
        self = super().__new__(cls, *args, **kwargs)  # type: ignore[arg-type]
        self._check_names()
        self._check_tables()
        if self.parquet_lists and any(column.default for column in self.lists):
            raise self._wrong("an empty list has no items where lists are stored as lists; give "
                              "list columns default=''.")
        return self

    def _check_names(self) -> None:
        names: List[str] = []
        for column in self.columns:
            names += [column.name, *column.other_names]
        self._check_distinct("columns named", names)
        self._check_distinct("tasks named", [task for task, _ in self.tasks])
        roles = [label.role for label in self.labels if label.role]
        self._check_distinct("roles given", roles)
        self._check_user()

    def _check_user(self) -> None:
        users = [column.name for column in self.columns
                 if column.kind in ("hash", "vocabulary", "user") and not column.is_list]
        if self.user_column and self.user_column not in users:
            raise self._wrong("user_column {!r} is not a hash or vocabulary column of one value a "
                              "row, or a column of kind 'user'.".format(self.user_column))
        for column in self.columns:
            if column.kind == "user" and column.name != self.user_column:
                raise self._wrong("column {!r} has kind 'user' and is not the user column, {!r}."
                                  .format(column.name, self.user_column))

    def _check_distinct(self, what: str, names: Sequence[str]) -> None:
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise self._wrong("{} twice: {}.".format(what, ", ".join(repeated)))

    def _check_tables(self) -> None:
        tables = [column.table for column in self.features if column.table]
        alone = sorted(table for table in tables if tables.count(table) == 1)
        if alone:
            raise self._wrong("only one column names the table {!r}.".format(alone[0]))
        for field in ("kind", "vocabulary", "buckets"):
            self._check_alike(field)

    def _check_alike(self, field: str) -> None:
        """Raises ValueError where the columns of a table differ in a field."""
        values: Dict[str, object] = {}
        for column in self.features:
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
    def labels(self) -> List[Column]:
        """The label columns, in file order."""
        return [column for column in self.columns if column.kind == "label"]

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
