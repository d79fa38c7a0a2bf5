"""The schema in a footer of Parquet, as Thrift's compact protocol writes it.

pyarrow 12 refuses a whole file because of one column whose logical type is newer than pyarrow is.
Here such types are cut out of the footer, and named.
"""

from typing import Dict, List, NamedTuple, Tuple

# https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
_STOP = 0
_SIZES = {1: 0, 2: 0, 3: 1, 7: 8}  # booleans lie in the header of their field; byte; double
_VARINTS = (4, 5, 6)
_BINARY = 8
_LISTS = (9, 10)
_STRUCT = 12

# https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
_SCHEMA = 2  # of FileMetaData
_NUM_CHILDREN = 5  # of SchemaElement
_LOGICAL_TYPE = 10
_LAST_KNOWN_TYPE = 14
_NEW_TYPES = {15: "FLOAT16", 16: "VARIANT", 17: "GEOMETRY", 18: "GEOGRAPHY"}


class _Field(NamedTuple):
    """A field of a struct, and where it lies: its header, its value, its end."""

    number: int
    kind: int
    header: int
    value: int
    end: int


def without_new_types(content: bytes) -> Tuple[bytes, Dict[int, str]]:
    """A footer without the logical types that pyarrow 12 does not know, and what these are.

    Returns:
      the footer, and the position of each column, counted at the top level, in which there was such
      a type -> the name of the type.

    Raises:
      ValueError, IndexError: it is no footer.
    """
    cuts = []
    names: Dict[int, str] = {}
    elements = _schema_elements(content)
    for position, element in zip(_columns(content, elements), elements):
        logical_type = element.get(_LOGICAL_TYPE)
        if logical_type:
            union, = _fields(content, logical_type.value)
            if union.number > _LAST_KNOWN_TYPE:
                unknown = "logical type {}".format(union.number)
                names[position] = _NEW_TYPES.get(union.number, unknown)
                cuts.append(logical_type)
    for field in reversed(cuts):
        is_last = content[field.end] == _STOP
        if not is_last:  # the number of the next field is told from this one's
            raise ValueError("a logical type is not the last of its element's fields")
        content = content[:field.header] + content[field.end:]
    return content, names


def _schema_elements(content: bytes) -> List[Dict[int, _Field]]:
    """The fields of each element of the schema, the root first."""
    schema = _by_number(_fields(content, 0))[_SCHEMA]
    size, place = _list_size(content, schema.value)
    elements = []
    for _ in range(size):
        fields = _fields(content, place)
        elements.append(_by_number(fields))
        place = _end_of_struct(fields, place)
    return elements


def _columns(content: bytes, elements: List[Dict[int, _Field]]) -> List[int]:
    """The column that each element belongs to, counted at the top level; -1 for the root."""
    columns = [-1]
    missing = 0  # elements of the present column that are still to come
    for element in elements[1:]:
        is_top = missing == 0
        columns.append(columns[-1] + is_top)
        if is_top:
            missing = 1
        missing += _num_children(content, element) - 1
    return columns


def _num_children(content: bytes, element: Dict[int, _Field]) -> int:
    field = element.get(_NUM_CHILDREN)
    if field is None:
        return 0
    encoded, _ = _varint(content, field.value)
    return encoded >> 1  # zigzag, and never negative


def _by_number(fields: List[_Field]) -> Dict[int, _Field]:
    return {field.number: field for field in fields}


def _fields(content: bytes, place: int) -> List[_Field]:
    """The fields of the struct that begins at a place."""
    fields: List[_Field] = []
    number = 0
    while content[place] != _STOP:
        header = place
        delta, kind = divmod(content[place], 16)
        place += 1
        number += delta
        if not delta:
            encoded, place = _varint(content, place)
            number = encoded >> 1
        end = _end(content, place, kind)
        fields.append(_Field(number, kind, header, place, end))
        place = end
    return fields


def _end_of_struct(fields: List[_Field], place: int) -> int:
    last = fields[-1].end if fields else place
    return last + 1


def _end(content: bytes, place: int, kind: int) -> int:
    """Where a value ends that begins at a place."""
    if kind in _SIZES:
        return place + _SIZES[kind]
    if kind in _VARINTS:
        return _varint(content, place)[1]
    if kind == _BINARY:
        size, place = _varint(content, place)
        return place + size
    if kind == _STRUCT:
        return _end_of_struct(_fields(content, place), place)
    if kind in _LISTS:
        return _end_of_list(content, place)
    raise ValueError("a field of type {}".format(kind))


def _end_of_list(content: bytes, place: int) -> int:
    kind = content[place] & 15
    size, place = _list_size(content, place)
    if kind in (1, 2):  # in a list, a boolean takes a byte
        return place + size
    for _ in range(size):
        place = _end(content, place, kind)
    return place


def _list_size(content: bytes, place: int) -> Tuple[int, int]:
    """The number of a list's items, and where the first of them begins."""
    size = content[place] >> 4
    if size < 15:
        return size, place + 1
    return _varint(content, place + 1)


def _varint(content: bytes, place: int) -> Tuple[int, int]:
    """A number without sign, and where it ends."""
    number = shift = 0
    while True:
        byte = content[place]
        place += 1
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return number, place
