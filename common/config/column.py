"""One column of a data set, as its reader, its writer and its model all see it."""

from typing import List, NamedTuple, Optional, Tuple

from common.config.label import VARIABLE_NAME, Label

KINDS = ("label", "hash", "identity", "words", "vocabulary", "number", "user", "weight", "keep",
         "unused")
_DTYPES = {"hash": "string", "identity": "int32", "words": "string", "vocabulary": "string",
           "number": "float", "weight": "float"}
# The buckets of a hash column whose hash is itself the key of an embedding variable.
KEYS = 2 ** 63 - 1
_MAX_BUCKETS = 2 ** 31 - 1
COMBINERS = ("mean", "sum")
_OF_LABELS = ("task", "role", "positive", "at_least", "labels")


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
    positive: Tuple[str, ...] = ()
    at_least: Optional[float] = None
    labels: Tuple[Label, ...] = ()
    width: int = 0


class Column(_ColumnFields):
    """One column of a file.

    Attributes:
      name: the column's name, which is also its feature's.
      kind: 'label' (what is to be predicted), 'hash' (a string hashed into buckets), 'identity'
        (an integer that is its own bucket), 'words' (a string from a fixed list; others are
        errors), 'vocabulary' (a string from a vocabulary file; others are id 0), 'number' (a float;
        a list stands for its mean), 'user' (the schema's user_column where it is no feature),
        'weight' (how often a row counts in the loss and in metrics), 'keep' (read for predictions
        alone, to stand beside them) or 'unused' (read past, never decoded).
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
      positive, at_least: which of a label's values count as 1, as Label has them; the column holds
        0 and 1 where neither is given.
      labels: several labels out of one column, in place of one of its own name.
      width: of its embedding; the model's own if 0.

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
        self._check_embedding()
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

    def _check_embedding(self) -> None:
        if self.combiner not in COMBINERS:
            raise self._wrong("combiner must be one of {}. Got: {!r}.".format(
                COMBINERS, self.combiner))
        if self.width < 0 or self.width and not self.is_feature:
            raise self._wrong("width is that of an embedding, > 0, or 0 for the model's own. Got: "
                              "{} for a column of kind {}.".format(self.width, self.kind))

    def _check_list(self) -> None:
        if self.separator and self.kind in ("label", "identity", "user", "weight"):
            raise self._wrong("a column of kind {} cannot be a list.".format(self.kind))
        is_used_list = bool(self.separator) and self.is_read
        if (self.newest or self.aligned) and not is_used_list:
            raise self._wrong("newest and aligned are for lists that are used, which have a "
                              "separator and a kind other than 'unused'.")

    def _check_label(self) -> None:
        given = [field for field in _OF_LABELS if getattr(self, field) not in ("", (), None)]
        if given and self.kind != "label":
            raise self._wrong("{} is for labels. Its kind is {!r}.".format(given[0], self.kind))
        if self.labels and len(given) > 1:
            raise self._wrong("with labels, each of them has its own {}.".format(given[0]))
        self._check_outcomes()

    def _check_outcomes(self) -> None:
        types = {label.dtype for label in self.labels}
        if "int32" in types or len(types) > 1:
            raise self._wrong("its labels need all of them positive, or all of them at_least.")
        for label in self.outcomes:
            self._check_variable("task", label.task)
            self._check_variable("a label's name", label.name)

    def _check_names(self) -> None:
        self._check_variable("table", self.table)
        self._check_variable("group", self.group)
        if self.is_read:
            self._check_variable("name", self.name)

    def _check_variable(self, field: str, name: str) -> None:
        if name and not VARIABLE_NAME.fullmatch(name):
            raise self._wrong(
                "{} names variables, so it is of A-Z, a-z, 0-9, '_', '-' and '.', and begins "
                "with a letter or digit. Got: {!r}. Files may name the column otherwise: "
                "other_names.".format(field, name))

    def _wrong(self, problem: str) -> ValueError:
        return ValueError("column {!r}: {}".format(self.name, problem))

    @property
    def dtype(self) -> str:
        """How a file holds a value: 'string', 'int32' or 'float'."""
        if self.kind == "label":
            return self.outcomes[0].dtype
        return _DTYPES.get(self.kind, "string")

    @property
    def outcomes(self) -> List[Label]:
        """The labels that are read from it: those that it lists, or one of its own name."""
        if self.kind != "label" or self.labels:
            return list(self.labels)
        return [Label(self.name, self.name, self.positive, self.at_least, self.task, self.role)]

    @property
    def is_read(self) -> bool:
        """True for a column that training reads."""
        return self.kind not in ("unused", "keep")

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
