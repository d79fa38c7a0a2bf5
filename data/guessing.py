"""A first schema for rows of one's own, guessed from the texts of their columns."""

import json
import re
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

from common.files import replacing
from data.row_texts import LIST_SEPARATOR, RowTexts

ROWS = 200000
_SEPARATORS = ("|", ";", "\x02", "\x01", " ")
_LISTS = 0.2  # the share of values that hold a separator where a column is one of lists
_FEW = 50  # different whole numbers that are codes rather than amounts
_EXACT_DIGITS = 15  # of whole numbers; longer ones are ids
_MOSTLY = 0.9  # the share of numbers in a column where other texts may stand for missing ones
_MISSING = ("?", "NULL", "null", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NaT", "None",
            "\\N")
_YES_AND_NO = (("1", "0"), ("1", "-1"), ("yes", "no"), ("y", "n"), ("true", "false"), ("t", "f"))
_USER = re.compile(r"user|visitor|member|customer|client|person|guest|listener|viewer|reader|player"
                   r"|buyer|subscriber|account|patron|borrower|patient|student|passenger|employee"
                   r"|card[ _]?(no|nr|id|number)", re.IGNORECASE)
_OF_USER = re.compile(r"since|days|count|total|num_|(^|[ _])age([ _]|$)", re.IGNORECASE)
_ID = re.compile(r"(^|_| )(id|code|no|nr|key|zip)$|[a-z]I[dD]$", re.IGNORECASE)
_WEIGHT = re.compile(r"(^|[_ ])weights?$", re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d\d-\d\d([ T]\d.*)?|\d\d?[/.]\d\d?[/.]\d{4}.*|\d{8}T\d+.*")
_YEAR_2000, _YEAR_2038 = 946684800, 2 ** 31  # in seconds since 1970
_INDEX = re.compile(r"|Unnamed: 0|__index_level_0__|index|row([_ ]?(id|no|nr|number))?",
                    re.IGNORECASE)
_WHOLE = re.compile(r"-?\d+")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_PRINTED_LIST = re.compile(r"\[.*\]")
_MOST_NAMES = 8
Column = Dict[str, Any]
Counts = Dict[str, int]  # text -> the rows that have it
Doubts = Dict[str, List[str]]  # what is doubtful -> the columns of which it is


class Guess(NamedTuple):
    """A schema as JSON, and what a person should look at."""

    schema: Dict[str, Any]
    doubts: List[str]


def guess(rows: RowTexts, delimiter: str = ",") -> Guess:
    """A schema of some rows."""
    missing = [text for text in _MISSING if any(text in counts for counts in rows.columns.values())]
    columns, doubts = _guess_columns(rows, missing)
    user = next(iter(_users(columns)), None)
    schema: Dict[str, Any] = {"header": True, "user": user}
    if delimiter != ",":
        schema["delimiter"] = delimiter
    if missing:
        schema["missing"] = missing
    lines = _of_all(columns, missing)
    lines += ["{}: {}".format(_listed(names), doubt) for doubt, names in doubts.items()]
    return Guess(dict(schema, columns=columns), lines)


def _guess_columns(rows: RowTexts, missing: Sequence[str]) -> Tuple[List[Column], Doubts]:
    doubts: Doubts = {}
    columns: List[Column] = []
    empty = ("", *missing)
    for name, counts in rows.columns.items():
        filled = {text: count for text, count in counts.items() if text not in empty}
        taken = {column["name"] for column in columns} | set(rows.columns) - {name}
        column = _named(name, taken)
        column.update(_guess_kind(name, filled, rows, doubts))
        if column["kind"] == "unused":
            column = {"name": name, "kind": "unused"}
        columns.append(column)
    return columns, doubts


def _named(name: str, taken: Set[str]) -> Column:
    """A name that variables can have, and the file's own where it is another one."""
    plain = re.sub(r"[^A-Za-z0-9_.-]", "_", name).lstrip("_.-") or "column"
    number, unlike = 1, plain
    while unlike in taken:
        number += 1
        unlike = "{}_{}".format(plain, number)
    return {"name": unlike} if unlike == name else {"name": unlike, "other_names": [name]}


def _of_all(columns: Sequence[Column], missing: Sequence[str]) -> List[str]:
    """What is doubtful of the schema as a whole."""
    lines = []
    if any(_NUMBER.fullmatch(column["name"]) for column in columns):
        lines.append("the first line names columns as numbers: if it is a row, put a line of names "
                     "above it")
    if missing:
        lines.append("missing: {} are taken for empty values".format(", ".join(map(repr, missing))))
    if not any(column["kind"] == "label" for column in columns):
        lines.append("no column holds two values such as 0 and 1, so there is no label: give one "
                     "the kind 'label'")
    lines.append(_of_users(_users(columns)))
    return lines


def _of_users(users: Sequence[str]) -> str:
    if not users:
        return ("no column looks like the user, so rows count as independent: name one as \"user\" "
                "if there is one")
    line = "user: {} is taken".format(users[0])
    if users[1:]:
        line += "; {} may be meant".format(", ".join(users[1:]))
    return line


def _users(columns: Sequence[Column]) -> List[str]:
    """The columns that look like the user, those of more values first: ids before their kinds."""
    hashed = [column for column in columns if column["kind"] == "hash"]
    users = [column for column in hashed
             if "separator" not in column and _names_user(column["name"])]
    users.sort(key=lambda column: -column["buckets"])
    return [column["name"] for column in users]


def _names_user(name: str) -> bool:
    """Whether a column seems to name the user, rather than to say how old or active one is."""
    return bool(_USER.search(name)) and not _OF_USER.search(name)


def _guess_kind(name: str, filled: Counts, rows: RowTexts, doubts: Doubts) -> Column:
    """Kind and what belongs to it, by the values that are there."""
    useless = _useless(name, filled, rows)
    if useless:
        return _unused(useless, name, doubts)
    label = _guess_label(filled)
    if label:
        values = " and ".join(sorted(filled))
        doubt = "only {}: is it a label, or a feature (hash, buckets 10)?".format(values)
        doubts.setdefault(doubt, []).append(name)
        return label
    if name in rows.times or _are_times(filled):
        return _unused("looks like a time, left out: what matters of it, as its hour or weekday, "
                       "needs a column of its own", name, doubts)
    if name in rows.decimals or name not in rows.lists and _are_amounts(name, filled):
        if _WEIGHT.search(name):
            doubts.setdefault("may say how often a row counts: kind 'weight'", []).append(name)
        column = {"kind": "number"}
        return dict(column, separator=LIST_SEPARATOR) if name in rows.lists else column
    return _guess_text(name, filled, rows, doubts)


def _useless(name: str, filled: Counts, rows: RowTexts) -> str:
    """Why a column cannot say anything, as a doubt; empty where it may."""
    if name in rows.nested:
        return "is nested deeper than a list of values, and is left out"
    if len(filled) < 2:
        return "one value or none, left out"
    return "counts the rows, left out" if _is_row_number(name, filled) else ""


def _is_row_number(name: str, filled: Counts) -> bool:
    """Whether a column is the index that pandas and others write beside the rows."""
    is_index = bool(_INDEX.fullmatch(name)) and all(map(_WHOLE.fullmatch, filled))
    return is_index and len(filled) == sum(filled.values())


def _are_times(filled: Counts) -> bool:
    """Whether values are dates, or seconds or milliseconds since 1970, from 2000 on."""
    first = list(filled)[:1000]
    if all(map(_WHOLE.fullmatch, first)):
        numbers = [int(text) for text in first]
        return any(all(_YEAR_2000 * unit <= number < _YEAR_2038 * unit for number in numbers)
                   for unit in (1, 1000))
    return all(map(_DATE.fullmatch, first))


def _unused(doubt: str, name: str, doubts: Doubts) -> Column:
    doubts.setdefault(doubt, []).append(name)
    return {"kind": "unused"}


def _guess_label(filled: Counts) -> Optional[Column]:
    """A label of two values of which one says yes; None for any other column."""
    if set(filled) == {"1", "0"}:
        return {"kind": "label"}
    if set(filled) == {"1.0", "0.0"}:
        return {"kind": "label", "at_least": 1}
    by_text = {text.lower(): text for text in filled}
    for yes, no in _YES_AND_NO:
        if len(filled) == 2 and set(by_text) == {yes, no}:
            return {"kind": "label", "positive": [by_text[yes]]}
    return None


def _are_amounts(name: str, filled: Counts) -> bool:
    """Whether values are numbers whose size matters, rather than codes."""
    if not all(map(_NUMBER.fullmatch, filled)):
        return False
    if not all(map(_WHOLE.fullmatch, filled)):
        return True
    is_code = bool(_ID.search(name)) or _names_user(name)
    longest = max(map(len, filled))
    return len(filled) > _FEW and longest <= _EXACT_DIGITS and not is_code


def _guess_text(name: str, filled: Counts, rows: RowTexts, doubts: Doubts) -> Column:
    """Kind of a column of text, or of codes, and what belongs to it."""
    num_filled = sum(filled.values())
    if all(map(_PRINTED_LIST.fullmatch, filled)):
        return _unused("lists as programs print them, left out: join their items by '|'", name,
                       doubts)
    separator = LIST_SEPARATOR if name in rows.lists else _separator(filled, num_filled)
    if separator:
        items = {item for text in filled for item in text.split(separator)}
        doubts.setdefault("taken as lists divided by {!r}".format(separator), []).append(name)
        return {"kind": "hash", "buckets": _buckets(len(items)), "separator": separator}
    if len(filled) == num_filled > 20 and not _names_user(name):
        return _unused("each row has a value of its own, which teaches nothing of other rows: left "
                       "out", name, doubts)
    _doubt_numbers(name, filled, num_filled, doubts)
    return {"kind": "hash", "buckets": _buckets(len(filled))}


def _doubt_numbers(name: str, filled: Counts, num_filled: int, doubts: Doubts) -> None:
    """Tells of texts among numbers that may stand for no value."""
    others = [text for text in filled if not _NUMBER.fullmatch(text)]
    num_others = sum(filled[text] for text in others)
    if others and num_others < (1 - _MOSTLY) * num_filled:
        doubts.setdefault("numbers but for texts such as {!r}: name them as \"missing\" to make it "
                          "kind 'number'".format(others[0]), []).append(name)


def _separator(filled: Counts, num_filled: int) -> str:
    for separator in _SEPARATORS:
        holding = [text for text in filled if separator in text]
        if sum(filled[text] for text in holding) <= _LISTS * num_filled:
            continue
        if separator != " " or _are_words(filled):
            return separator
    return ""


def _are_words(filled: Counts) -> bool:
    """Whether texts divided by blanks are lists, rather than names of several words.

    Lists differ in length, and are made of far fewer items than there are lists.
    """
    lengths = {text.count(" ") for text in filled}
    items = {item for text in filled for item in text.split(" ")}
    return len(lengths) > 1 and 2 * len(items) < len(filled)


def _buckets(distinct: int) -> int:
    """At least four buckets a value, so that few share one: 1, 2 or 5 times a power of ten."""
    size = 10
    while True:
        for factor in (1, 2, 5):
            if factor * size >= 4 * distinct:
                return factor * size
        size *= 10


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMES])
    if len(names) > _MOST_NAMES:
        shown += " and {} more".format(len(names) - _MOST_NAMES)
    return shown


def write(path: str, schema: Dict[str, Any]) -> None:
    """A schema as a person edits it: a column a line."""
    lines = ["    " + json.dumps(column, ensure_ascii=False) for column in schema["columns"]]
    fields = ["  {}: {}".format(json.dumps(key), json.dumps(schema[key]))
              for key in schema if key != "columns"]
    fields.append('  "columns": [\n{}\n  ]'.format(",\n".join(lines)))
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
        file.write("{\n" + ",\n".join(fields) + "\n}\n")
