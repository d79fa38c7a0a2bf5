"""The fields of a column, and what follows from them."""

from typing import List, NamedTuple, Optional, Tuple

from common.config.label import Label

FEATURES = ("hash", "identity", "words", "vocabulary")  # the kinds that have an embedding
_DTYPES = {"hash": "string", "identity": "int32", "words": "string", "vocabulary": "string",
           "number": "float", "weight": "float"}
# The buckets of a hash column whose hash is itself the key of an embedding variable.
KEYS = 2 ** 63 - 1


class ColumnFields(NamedTuple):
    """As Column describes them; not checked."""

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
        return self.kind in FEATURES

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
