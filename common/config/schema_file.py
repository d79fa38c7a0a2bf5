"""A schema as JSON: the file that --schema takes, and what config.json keeps.

Its keys are those of Schema and Column, with `user` for user_column. A key that is left out has its
default, and none is written.
"""

import json
import os
from typing import Any, Callable, Dict, Optional, Sequence, Tuple, TypeVar

from common.config import json_values
from common.config.column import KINDS, Column
from common.config.column_checks import MAX_BUCKETS
from common.config.column_fields import KEYS
from common.config.label import Label
from common.config.schema import Schema

_KEYS = {
    "name": str,
    "train_file": str,
    "test_file": str,
    "user": str,
    "delimiter": str,
    "header": bool,
    "parquet_lists": bool,
    "missing": list,
    "columns": list,
}
_LABEL_KEYS = {"positive": list, "at_least": float, "task": str, "role": str}
# What an empty field of a column stands for, where that differs from Column's own default.
_DEFAULTS = {"number": "0", "identity": "0"}
# Kinds that no model reads. Other keys of their columns wait until the kind is changed back.
_ASIDE = ("unused", "keep")
_ASIDE_KEYS = ("name", "kind", "other_names", "separator", "default")
Value = TypeVar("Value")


def read(path: str) -> Schema:
    """The schema that a JSON file holds.

    Raises:
      ValueError: the file cannot be read, or something in it is wrong: the message says where.
    """
    name = os.path.basename(path)
    value = json_values.load(path)
    return from_json(value, path, name[:-len(".json")] if name.endswith(".json") else name)


def from_json(value: Any, where: str, name: str) -> Schema:
    """The schema that a JSON value describes.

    Args:
      where: what the value is of, for messages.
      name: the schema's, where the value names none.

    Raises:
      ValueError: as of read.
    """
    json_values.check_object(value, where, "")
    json_values.check_keys(value, _KEYS, where, "")
    if not value.get("columns"):
        raise ValueError("{}: columns: is missing. List the columns of the rows, in the order of "
                         "text files.".format(where))
    columns = []
    for place, entry in enumerate(value["columns"]):
        columns.append(_column(entry, where, "columns[{}]".format(place)))
    fields = {key: item for key, item in _with_tuples(value).items()
              if key not in ("columns", "user")}
    fields = {"train_file": "", "test_file": "", "module": "", **fields}
    fields["name"] = fields.get("name") or name
    try:
        return Schema(columns=tuple(columns), user_column=value.get("user") or "", **fields)
    except ValueError as error:
        raise ValueError("{}: {}".format(where, error))


def _column(value: Any, where: str, path: str) -> Column:
    json_values.check_object(value, where, path)
    types = {field: _type_of(field) for field in Column._fields}
    json_values.check_keys(value, types, where, path)
    for key in ("name", "kind"):
        if key not in value:
            raise ValueError("{}: {}.{}: is missing.".format(where, path, key))
    kind = value["kind"]
    if kind not in KINDS:
        raise ValueError("{}: {}.kind: expected one of {}. Got: {!r}.{}".format(
            where, path, ", ".join(KINDS), kind, json_values.meant(kind, KINDS)))
    if value.get("buckets") == KEYS:  # which tables alone may have that grow with their keys
        raise ValueError("{}: {}.buckets: must be at most {}. Got: {}.".format(
            where, path, MAX_BUCKETS, KEYS))
    if kind in _ASIDE:
        value = {key: item for key, item in value.items() if key in _ASIDE_KEYS}
    fields = {"default": _default_of(kind), **_with_tuples(value)}
    if "labels" in value:
        fields["labels"] = _labels(value, where, path + ".labels")
    return _made(Column, where, path, fields)


def _labels(column: Dict[str, Any], where: str, path: str) -> Tuple[Label, ...]:
    labels = []
    for name, value in column["labels"].items():
        full = "{}.{}".format(path, name)
        json_values.check_object(value, where, full)
        json_values.check_keys(value, _LABEL_KEYS, where, full)
        fields = {"name": name, "column": column["name"], **_with_tuples(value)}
        labels.append(_made(Label, where, full, fields))
    return tuple(labels)


def _made(make: Callable[..., Value], where: str, path: str, fields: Dict[str, Any]) -> Value:
    """A value of some fields; what is wrong with them is told with its place."""
    try:
        return make(**fields)
    except ValueError as error:
        raise ValueError("{}: {}: {}".format(where, path, error))


def _with_tuples(value: Dict[str, Any]) -> Dict[str, Any]:
    return {key: tuple(item) if isinstance(item, list) else item for key, item in value.items()}


def _type_of(field: str) -> type:
    """The type of a column's field as JSON has it: lists for tuples."""
    declared = {"labels": dict, "at_least": float}.get(field, Column._field_types[field])
    return declared if declared in (str, int, float, bool, dict) else list


def _default_of(kind: str) -> str:
    return _DEFAULTS.get(kind, Column._field_defaults["default"])


def to_json(schema: Schema) -> Dict[str, Any]:
    """A schema as from_json reads it."""
    value: Dict[str, Any] = {}
    for key in _KEYS:
        field = "user_column" if key == "user" else key
        item = getattr(schema, field)
        if key != "columns" and item != Schema._field_defaults.get(field, ""):
            value[key] = list(item) if isinstance(item, tuple) else item
    value["columns"] = [_column_to_json(column) for column in schema.columns]
    return value


def _column_to_json(column: Column) -> Dict[str, Any]:
    value: Dict[str, Any] = {}
    defaults = dict(Column._field_defaults, default=_default_of(column.kind))
    if column.kind in ("words", "vocabulary"):
        defaults["buckets"] = column.buckets  # which words give
    for field, item in column._asdict().items():
        if field not in defaults or item != defaults[field]:
            value[field] = list(item) if isinstance(item, tuple) else item
    if column.labels:
        value["labels"] = {label.name: _label_to_json(label) for label in column.labels}
    return value


def _label_to_json(label: Label) -> Dict[str, Any]:
    fields = {key: getattr(label, key) for key in _LABEL_KEYS}
    given = {key: item for key, item in fields.items() if item != Label._field_defaults[key]}
    return {key: list(item) if isinstance(item, tuple) else item for key, item in given.items()}


def difference(one: Dict[str, Any], other: Dict[str, Any]) -> Optional[str]:
    """Where two schemas, as JSON, read rows differently: the first column, or the missing texts.

    The names of files, and those that files may give a column, do not count. None where they agree.
    """
    texts = [sorted(schema.get("missing", [])) for schema in (one, other)]
    if texts[0] != texts[1]:
        return "missing was {} and is {}".format(*[
            json.dumps(some, ensure_ascii=False) for some in texts])
    for place in range(max(len(one["columns"]), len(other["columns"]))):
        first, second = [_described(schema["columns"], place) for schema in (one, other)]
        if first != second:
            return "column {} was {} and is {}".format(place + 1, first, second)
    return None


def _described(columns: Sequence[Dict[str, Any]], place: int) -> str:
    if place >= len(columns):
        return "none"
    fields = {key: item for key, item in columns[place].items() if key != "other_names"}
    return json.dumps(fields, ensure_ascii=False, sort_keys=True)
