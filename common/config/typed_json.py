"""Values of config.json as the NamedTuples they were written from.

A run's config.json holds its settings as nested JSON. The type hints of a NamedTuple say what each
field was, so nothing but JSON is read and no class is named in the file.
"""

import collections.abc
import enum
import typing
from typing import Any, Mapping, Type, TypeVar

Kind = TypeVar("Kind")


def named_tuple(kind: Type[Kind], fields: Mapping[str, Any], **others: Any) -> Kind:
    """A NamedTuple, and those in its fields, of JSON; it checks itself as when it was first made.

    Args:
      fields: as JSON holds them; one that is missing has its default.
      others: fields that are given in place of what the JSON has.

    Raises:
      ValueError: a field is missing and has no default, or its value is not of its type.
    """
    hints = typing.get_type_hints(kind)
    values = dict(others)
    for name in kind._fields:  # type: ignore[attr-defined]
        if name in fields and name not in values:
            values[name] = _value(hints[name], fields[name], name)
    try:
        return kind(**values)
    except TypeError as error:
        raise ValueError("{}: {}".format(kind.__name__, error))


def _value(hint: Any, value: Any, name: str) -> Any:
    """One value of a type; functions, of which JSON has names alone, are None."""
    origin = getattr(hint, "__origin__", None)
    if origin is typing.Union:  # Optional[...]
        first, _ = hint.__args__
        return None if value is None else _value(first, value, name)
    if origin is collections.abc.Callable:
        return None
    if hasattr(hint, "_fields"):
        _check(isinstance(value, dict), "an object", value, name)
        return named_tuple(hint, value)
    if origin is tuple:
        _check(isinstance(value, list), "a list", value, name)
        return tuple(_value(_item_hint(hint, place), item, name)
                     for place, item in enumerate(value))
    if origin in (dict, collections.abc.Mapping):
        _check(isinstance(value, dict), "an object", value, name)
        return {key: _value(hint.__args__[1], item, name) for key, item in value.items()}
    return _plain(hint, value, name)


def _item_hint(hint: Any, place: int) -> Any:
    """The type of an item of a tuple."""
    is_of_any_size = hint.__args__[-1] is Ellipsis
    if not is_of_any_size and place >= len(hint.__args__):
        raise ValueError("expected {} items.".format(len(hint.__args__)))
    return hint.__args__[0 if is_of_any_size else place]


def _plain(hint: Any, value: Any, name: str) -> Any:
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return hint(value)
    if hint is float:
        _check(type(value) in (int, float), "a number", value, name)
        return float(value)
    if isinstance(hint, type):
        _check(type(value) is hint, "a value of type " + hint.__name__, value, name)
    return value


def _check(is_right: bool, expected: str, value: Any, name: str) -> None:
    if not is_right:
        raise ValueError("{}: expected {}. Got: {!r}.".format(name, expected, value))
