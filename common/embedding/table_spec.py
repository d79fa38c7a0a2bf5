"""What a column asks of its table, however that is stored."""

from typing import NamedTuple

from common.config.schema import Column


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

    @property
    def scope(self) -> str:
        """The part of the name before its last slash."""
        return self.name.rpartition("/")[0]


def table_name(column: Column) -> str:
    """The name of a column's table, which several columns may share."""
    return column.table or column.name


def variable_name(column: Column) -> str:
    """The name of a column's table as a variable, within the scope of its group."""
    return table_name(column) + "_embedding/embedding_weights"
