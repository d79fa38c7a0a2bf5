"""JSON that a person wrote: what is wrong in it is told with its place."""

import difflib
import json
from typing import Any, Dict, Iterable, Mapping, Sequence, Tuple

_TYPE_NAMES = {str: "a text", int: "a whole number", float: "a number", bool: "true or false",
               list: "a list", dict: "an object"}
_MOST_SHOWN = 80


def load(path: str) -> Any:
    """The value that a JSON file holds.

    Raises:
      ValueError: the file cannot be read, or is no JSON; the message begins with the path.
    """
    try:
        with open(path, encoding="utf-8-sig") as file:
            text = file.read()
    except OSError as error:
        raise ValueError("{}: {}.".format(path, error.strerror))
    except UnicodeDecodeError as error:
        raise ValueError("{}: it is not UTF-8: byte {} is 0x{:02x}. Save it as UTF-8.".format(
            path, error.start, error.object[error.start]))
    return _parse(text, path)


def _parse(text: str, path: str) -> Any:
    try:
        value = json.loads(text, object_pairs_hook=_without_doubles)
        json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise ValueError("{}: line {}, column {}: not JSON: {}.".format(
            path, error.lineno, error.colno, error.msg))
    except RecursionError:
        raise ValueError("{}: lists or objects are nested too deeply.".format(path))
    except UnicodeEncodeError as error:  # JSON can escape half of a character
        raise ValueError("{}: {!a} is half a character. Write the whole one.".format(
            path, error.object[error.start]))
    except ValueError as error:
        raise ValueError("{}: {}.".format(path, error))
    return value


def _without_doubles(pairs: Sequence[Tuple[str, Any]]) -> Dict[str, Any]:
    keys = [key for key, _ in pairs]
    doubled = [key for key in keys if keys.count(key) > 1]
    if doubled:
        raise ValueError("the key {!r} stands twice in one object".format(doubled[0]))
    return dict(pairs)


def check_object(value: Any, where: str, path: str) -> None:
    """Raises ValueError for a value that is no object.

    Args:
      where: the file, for messages.
      path: the place of the value in it, as columns[3].
    """
    if not isinstance(value, dict):
        raise ValueError("{}: {}expected an object, {{...}}. Got: {}.".format(
            where, path and path + ": ", _shown(value)))


def check_keys(value: Dict[str, Any], types: Mapping[str, Any], where: str, path: str) -> None:
    """Raises ValueError for a key that is unknown, or whose value is of another type.

    Args:
      types: key -> type. Lists hold texts; but the list "columns" is left to the caller.
      where, path: as of check_object.
    """
    for key, item in value.items():
        full = path + "." + key if path else key
        if key not in types:
            raise ValueError("{}: {}: no such key.{} Keys: {}.".format(
                where, full, meant(key, types), ", ".join(types)))
        if key != "user" or item is not None:
            _check_item(item, types[key], where, full)


def _check_item(item: Any, expected: type, where: str, path: str) -> None:
    key = path.split(".")[-1]
    if not _is_of_type(item, expected):
        raise ValueError("{}: {}: expected {}. Got: {}.".format(
            where, path, _TYPE_NAMES[expected], _shown(item)))
    if key in ("positive", "labels") and not item:
        raise ValueError("{}: {}: is empty. Leave it out.".format(where, path))
    if expected is list and key != "columns":
        _check_texts(item, where, path)


def _shown(value: Any) -> str:
    """A value in a message, cut where it is long."""
    text = json.dumps(value)
    return text if len(text) <= _MOST_SHOWN else text[:_MOST_SHOWN] + "..."


def _is_of_type(item: Any, expected: type) -> bool:
    if expected is float:
        return type(item) in (int, float)
    return type(item) is expected  # true is an int, too


def _check_texts(items: Sequence[Any], where: str, path: str) -> None:
    for place, item in enumerate(items):
        if not isinstance(item, str):
            raise ValueError("{}: {}[{}]: expected a text. Got: {}.".format(
                where, path, place, _shown(item)))


def meant(text: Any, known: Iterable[str]) -> str:
    """The known text that another one is most like, as a question; empty where none is near."""
    near = difflib.get_close_matches(str(text), list(known), 1)
    return " Did you mean {!r}?".format(near[0]) if near else ""
