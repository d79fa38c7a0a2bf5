"""What the programs of this folder share: the rows, and how a recipe is carried out."""

import json
import os
import sys
from typing import Any, Callable, Dict, List, NamedTuple


class Column(NamedTuple):
    """A column: its name, what it holds (string, int32 or float), what divides a list's items."""

    name: str
    dtype: str
    separator: str
    is_label: bool


class RowSet(NamedTuple):
    """A data set's rows as text without a header, one a line.

    Attributes:
      name: the data set's.
      path: the text file.
      delimiter: what divides columns.
      columns: in the file's order.
    """

    name: str
    path: str
    delimiter: str
    columns: List[Column]

    @property
    def names(self) -> List[str]:
        """The columns' names."""
        return [column.name for column in self.columns]

    @property
    def labels(self) -> List[str]:
        """The names of the labels."""
        return [column.name for column in self.columns if column.is_label]

    @property
    def lists(self) -> Dict[str, str]:
        """What divides the items of each list column."""
        return {column.name: column.separator for column in self.columns if column.separator}

    @property
    def numbers(self) -> List[str]:
        """The names of the columns of numbers that are no lists."""
        return [column.name for column in self.columns
                if column.dtype == "float" and not column.separator]

    @property
    def ids(self) -> List[str]:
        """The names of the columns of text that are no lists."""
        return [column.name for column in self.columns
                if column.dtype == "string" and not column.separator]


Recipe = Callable[[RowSet, Any, str], None]


def main(read: Callable[[RowSet], Any], recipes: Dict[str, Recipe]) -> None:
    """Writes FOLDER/NAME.RECIPE.parquet for each data set described there and each recipe.

    Args:
      read: gives a data set's rows, all as text.
      recipes: name -> writes these rows to a path. What it cannot write is said, and no error.
    """
    folder = sys.argv[1]
    for name in sorted(os.listdir(folder)):
        if name.endswith(".json"):
            with open(os.path.join(folder, name)) as file:
                described = json.load(file)
            columns = [Column(*fields) for fields in described.pop("columns")]
            rows = RowSet(columns=columns, **described)
            table = read(rows)
            for recipe, write in recipes.items():
                path = os.path.join(folder, "{}.{}.parquet".format(rows.name, recipe))
                try:
                    write(rows, table, path)
                except Exception as error:  # whatever a tool raises; the others go on
                    reason = str(error).split("\n")[0][:150]
                    print("not written: {}.{}: {}".format(rows.name, recipe, reason))
