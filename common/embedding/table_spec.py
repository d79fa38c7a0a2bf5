"""What a column asks of its table, whatever stores it."""

from typing import NamedTuple


class TableSpec(NamedTuple):
    """A table of rows by id.

    Attributes:
      name: of its variables, in the current variable scope.
      buckets: the rows of a table of fixed size.
      width: of a row, D.
      stddev: of the initial values.
      seed_name: what seeds the initial values.
    """

    name: str
    buckets: int
    width: int
    stddev: float
    seed_name: str
