"""What to tell a user whose Parquet file holds a column in a type that it cannot have."""

from typing import NamedTuple

import pyarrow as pa

from common.config.schema import Column


class Misfit(NamedTuple):
    """A column of a file whose type is none that it may have.

    Attributes:
      column: the schema's.
      name: the file's name for it.
      kind: the type in the file.
      annotation: the name of Parquet's logical type, where `kind` does not show it.
    """

    column: Column
    name: str
    kind: pa.DataType
    annotation: str

    def message(self, path: str, created_by: str) -> str:
        """Says what the column is, whose file it is and which cast mends it, in SQL and pandas."""
        text = ("{}, column {!r}: expected {}, the file (written by {}) has {}{}. Cast the column "
                "and write the file again. In SQL: {}. In pandas: {}.")
        return text.format(
            path,
            self.name,
            _expected(self.column),
            created_by or "a writer that does not say its name",
            self._found,
            self._reason,
            self._sql,
            self._pandas,
        )

    @property
    def _found(self) -> str:
        if self.annotation:
            return "{} ({})".format(self.annotation, self.kind)
        return str(self.kind)

    @property
    def _reason(self) -> str:
        """Why the type is not taken, where one could think that it might be."""
        kind = item_type(self.kind)
        is_bytes = pa.types.is_fixed_size_binary(kind) and not self.annotation
        if is_bytes:
            return ", which may be an integer of 128 bits, an address or text"
        if self.column.dtype != "string":
            return ""
        if pa.types.is_floating(kind):
            return ", of which the text may be 7 or 7.0"
        if pa.types.is_boolean(kind):
            return ", of which the text may be true, True or 1"
        return ""

    @property
    def _sql(self) -> str:
        name = '"{}"'.format(self.name)
        if self._is_stray_list:
            return name + "[1]"
        if self._is_nested:
            return "select its fields as columns of their own"
        if self.column.is_list:
            return "CAST({} AS {}[])".format(name, self._sql_type)
        if pa.types.is_temporal(self.kind) and self.column.dtype != "string":
            return "EXTRACT(EPOCH FROM {})".format(name)
        if pa.types.is_floating(self.kind):
            name = "CAST({} AS BIGINT)".format(name)
        return "CAST({} AS {})".format(name, self._sql_type)

    @property
    def _sql_type(self) -> str:
        return {"string": "VARCHAR", "int32": "INTEGER", "float": "DOUBLE"}[self.column.dtype]

    @property
    def _pandas(self) -> str:
        series = "df[{!r}]".format(self.name)
        dtype = {"string": "str", "int32": "'Int64'", "float": "float"}[self.column.dtype]
        if self._is_stray_list:
            return series + ".str[0]"
        if self._is_nested:
            return "pandas.json_normalize({})".format(series)
        if self.column.is_list:
            convert = {"string": "str", "float": "float"}[self.column.dtype]
            return "{}.map(lambda items: [{}(item) for item in items])".format(series, convert)
        if pa.types.is_floating(self.kind):
            series += ".astype('Int64')"
        if pa.types.is_temporal(self.kind) and self.column.dtype != "string":
            series += ".astype('int64')"
        return "{}.astype({})".format(series, dtype)

    @property
    def _is_nested(self) -> bool:
        """Whether it holds more than values and lists of values."""
        return pa.types.is_nested(item_type(self.kind))

    @property
    def _is_stray_list(self) -> bool:
        """Whether it is a list where one value is expected."""
        return is_list(self.kind) and not self.column.is_list


def is_list(kind: pa.DataType) -> bool:
    """Whether a type is that of lists."""
    return pa.types.is_list(kind) or pa.types.is_large_list(kind)


def item_type(kind: pa.DataType) -> pa.DataType:
    """The type of a list's items; of anything else, the type itself."""
    return kind.value_type if is_list(kind) else kind


def _expected(column: Column) -> str:
    expected = {
        "string": "text or integers",
        "int32": "whole numbers",
        "float": "numbers",
    }[column.dtype]
    if column.kind == "label" and column.dtype == "int32":
        expected = "0 or 1 in any type of numbers, booleans or text"
    if column.is_list:
        return "lists of {}".format(expected)
    return expected
