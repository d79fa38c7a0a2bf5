"""Where a file holds the schema's columns, and whether each has a type that it can have.

Writers store the same values in different types. All that leave no doubt about a value are taken;
common.formats.parquet_values gives them one form.
"""

import base64
from typing import Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

import pyarrow as pa

from common.config.schema import Column, Schema
from common.errors import BadInput
from common.formats import list_texts
from common.formats.column_names import ColumnNames
from common.formats.parquet_casts import Misfit, is_list, item_type
from common.formats.parquet_footer import HIDDEN_SCHEMA, Footer
from common.log import log

_STRINGS = (pa.string(), pa.binary(), pa.large_string(), pa.large_binary())
_UNTOLD = (16, 32)  # bytes of integers of 128 and 256 bits, of UUIDs, addresses and digests
_MAX_LAYOUTS = 16
# Logical types whose values are not what the type that pyarrow gives them looks like.
_SPECIAL = ("JSON", "BSON", "UUID", "INTERVAL")


class Place(NamedTuple):
    """Where a file holds a column.

    Attributes:
      column: the schema's.
      name: the file's name for it.
      kind: the type as pyarrow reads it.
      annotation: the name of Parquet's logical type, where `kind` does not show it; or empty.
      leaves: the positions of its leaf columns.
      misfit: what is wrong with the type, if the column is one that is not used.
    """

    column: Column
    name: str
    kind: pa.DataType
    annotation: str
    leaves: Tuple[int, ...]
    misfit: Optional[Misfit] = None


Layout = Dict[str, Place]


class Layouts:
    """The layouts of the files of a data set, most of which have the same one.

    Threads may share it.

    Args:
      schema: the columns.
      names: finds them, and says what is left out.
    """

    def __init__(self, schema: Schema, names: ColumnNames) -> None:
        self.schema = schema
        self._names = names
        self._known: List[Tuple[Footer, Tuple[str, ...], Layout]] = []
        self._warned: Set[str] = set()

    def find(self, path: str, footer: Footer, elsewhere: Sequence[str] = ()) -> Layout:
        """The place of each of the schema's columns that a file has, by the column's name.

        Args:
          path: the file's, for messages.
          elsewhere: columns that the file need not have.

        Raises:
          BadInput: the columns are not the schema's, or one that is used is of a type that it
            cannot have.
        """
        away = tuple(elsewhere)
        for known, known_away, layout in self._known:
            if known_away == away and _is_alike(known, footer):
                return layout
        layout = _make_layout(path, footer, self.schema, self._names, away)
        self._known = [(footer, away, layout)] + self._known[:_MAX_LAYOUTS]
        return layout

    def warn_of_nulls(
        self,
        path: str,
        places: Sequence[Place],
        columns: Dict[str, pa.ChunkedArray],
    ) -> None:
        """Says once of a hashed column that it holds nulls and the text NULL, two different ids.

        Args:
          columns: what a row group holds of the places, by the schema's names.
        """
        for place in places:
            name = place.column.name
            is_hashed = place.column.kind == "hash" and is_string(place.kind)
            is_told = "NULL" in self.schema.missing
            if is_hashed and not is_told and name not in self._warned:
                if list_texts.holds_both_nulls(columns[name]):
                    self._warned.add(name)
                    log("{}, column {!r}: some rows hold no value and others the text NULL, which "
                        "are two ids. If both mean that there is none, write one of them.".format(
                            path, place.name))


def _is_alike(one: Footer, other: Footer) -> bool:
    """Whether two files have the same columns."""
    if one.annotations != other.annotations or _stored(one) != _stored(other):
        return False
    return one.fields.equals(other.fields) and one.metadata.schema.equals(other.metadata.schema)


def _make_layout(
    path: str,
    footer: Footer,
    schema: Schema,
    names: ColumnNames,
    elsewhere: Sequence[str],
) -> Layout:
    fields = footer.fields
    positions = names.positions(path, fields.names, elsewhere)
    first_leaves = _first_leaves(fields)
    durations = _durations(footer)
    layout: Layout = {}
    for name, position in positions.items():
        column, = schema.named([name])
        first, end = first_leaves[position:position + 2]
        field = fields.field(position)
        kind = durations.get(field.name, field.type)
        annotation = _annotation(footer, position, first)
        place = Place(column, field.name, kind, annotation, tuple(range(first, end)))
        if not can_hold(column, kind, annotation):
            misfit = Misfit(column, field.name, kind, annotation)
            if column.is_read and name not in elsewhere:
                raise BadInput(misfit.message(path, footer.metadata.created_by))
            place = place._replace(misfit=misfit)
        layout[name] = place
    return layout


def _first_leaves(fields: pa.Schema) -> List[int]:
    """The position of the first leaf of each column, and the number of leaves."""
    first = [0]
    for field in fields:
        first.append(first[-1] + _num_leaves(field.type))
    return first


def _num_leaves(kind: pa.DataType) -> int:
    if pa.types.is_map(kind):
        return _num_leaves(kind.key_type) + _num_leaves(kind.item_type)
    if pa.types.is_struct(kind):
        return sum(_num_leaves(field.type) for field in kind)
    if is_list(kind):
        return _num_leaves(kind.value_type)
    return 1


def _annotation(footer: Footer, position: int, leaf: int) -> str:
    """The logical type of a column, where it is one that pyarrow shows as another or lacks."""
    unknown = footer.annotations.get(position)
    if unknown:
        return unknown
    described = footer.metadata.schema.column(leaf)
    for name in (described.logical_type.type, described.converted_type):
        if name in _SPECIAL:
            return name
    return ""


def _stored(footer: Footer) -> Optional[bytes]:
    """The Arrow schema that the writer stored beside Parquet's."""
    return (footer.metadata.metadata or {}).get(HIDDEN_SCHEMA)


def _durations(footer: Footer) -> Dict[str, pa.DataType]:
    """The columns that are durations, which to Parquet are integers without a unit."""
    stored = _stored(footer)
    if stored is None:
        return {}
    try:
        fields = pa.ipc.read_schema(pa.BufferReader(base64.b64decode(stored)))
    except (pa.ArrowException, ValueError, OSError):  # of types that pyarrow 12 does not know
        return {}
    return {field.name: field.type for field in fields if pa.types.is_duration(field.type)}


def can_hold(column: Column, kind: pa.DataType, annotation: str) -> bool:
    """Whether a type of Parquet can hold a column: a list as a list, as joined or as JSON text.

    A list column may also hold one item a row, as CSV does where no list is longer.
    """
    if annotation == "JSON":
        return column.is_list and not is_list(kind)
    if column.is_list:
        kind = item_type(kind)
    if annotation and annotation != "FLOAT16":
        return False
    return _can_hold_item(column.dtype, kind, annotation)


def _can_hold_item(dtype: str, kind: pa.DataType, annotation: str) -> bool:
    if _fits_all(kind):
        return True
    if pa.types.is_decimal(kind):
        return dtype != "string" or kind.scale == 0
    if pa.types.is_fixed_size_binary(kind):
        is_text = not annotation and kind.byte_width not in _UNTOLD
        return is_text or _is_half_float(dtype, annotation)
    is_number = pa.types.is_floating(kind) or pa.types.is_boolean(kind)
    return is_number and dtype != "string"


def _fits_all(kind: pa.DataType) -> bool:
    """Whether a type can hold values of any column."""
    return is_string(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind)


def _is_half_float(dtype: str, annotation: str) -> bool:
    return annotation == "FLOAT16" and dtype != "string"


def is_string(kind: pa.DataType) -> bool:
    """Whether a type holds strings or binary values, encoded or not."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return kind in _STRINGS
