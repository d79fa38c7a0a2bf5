"""What a model predicts: 0 or 1, read out of a column as it stands, by its texts or by its size."""

import re
import sys
from typing import NamedTuple, Optional, Tuple

# What a label may be in a model whose labels differ in what they are.
ROLES = ("click", "purchase")
VARIABLE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


class _LabelFields(NamedTuple):
    name: str
    column: str
    positive: Tuple[str, ...] = ()
    at_least: Optional[float] = None
    task: str = ""
    role: str = ""


class Label(_LabelFields):
    """One label of a schema.

    Attributes:
      name: by which models and messages know it.
      column: the name of the column that it is read from.
      positive: the texts that count as 1, as they stand in the file; all others count as 0.
      at_least: the number from which on values count as 1. Without either, a column holds 0 or 1.
      task: the name of its task in metrics and variables; its own name if empty.
      role: 'click' or 'purchase', for a model that tells its labels apart.

    Raises:
      ValueError: a field has a value outside the ones above.
    """

    __slots__ = ()

    def __new__(cls, *args: object, **kwargs: object) -> "Label":
        self = super().__new__(cls, *args, **kwargs)  # type: ignore[arg-type]
        if self.positive and self.at_least is not None:
            raise self._wrong("positive and at_least are two ways to say what counts as 1. Give "
                              "one of them.")
        if any(not text.strip() for text in self.positive):
            raise self._wrong("a blank text is a missing label, so it cannot be positive.")
        if self.at_least is not None and not abs(self.at_least) <= sys.float_info.max:
            raise self._wrong("at_least must be finite. Got: {}.".format(self.at_least))
        if self.role and self.role not in ROLES:
            raise self._wrong("role must be one of {}. Got: {!r}.".format(ROLES, self.role))
        return self

    def _wrong(self, problem: str) -> ValueError:
        return ValueError("label {!r}: {}".format(self.name, problem))

    @property
    def dtype(self) -> str:
        """How a file holds its values: 'string', 'float' or, for 0 and 1, 'int32'."""
        if self.positive:
            return "string"
        return "int32" if self.at_least is None else "float"
