"""Which column of a file is which of the schema: by name, in any order, for Parquet and headers."""

import threading
from typing import Dict, List, Sequence, Set

from common.config.flag_types import FILES, FlagParser, add_switch
from common.config.schema import Column, Schema
from common.errors import BadInput
from common.log import log


def add_flags(parser: FlagParser) -> None:
    """Adds the flag of what happens to columns that the schema lacks."""
    add_switch(parser.group(FILES), "strict_columns", False,
               "refuse Parquet files, and text with a header, that have columns beside the "
               "schema's; else they are left out, which is said once")


class ColumnNames:
    """Finds a schema's columns in files that name theirs, and says once which others there are.

    Threads may share it.

    Args:
      schema: the columns, each known by its name or one of its other names. Where a file has none
        of these, one that differs in upper and lower case alone is taken.
      strict: whether columns beside the schema's are an error.
    """

    def __init__(self, schema: Schema, strict: bool = False) -> None:
        self._schema = schema
        self._strict = strict
        self._told: Set[str] = set()
        self._lock = threading.Lock()

    def positions(
        self,
        path: str,
        names: Sequence[str],
        elsewhere: Sequence[str] = (),
    ) -> Dict[str, int]:
        """The position in a file of each of the schema's columns that the file has, by its name.

        Args:
          path: the file's, for messages.
          names: of the file's columns, in their order.
          elsewhere: columns that the file need not have, as their values come from elsewhere.

        Raises:
          BadInput: a column that is used is missing; one is there more than once, be it under
            different names; there are columns beside the schema's, and that is an error.
        """
        found = {}
        for column in self._schema.columns:
            places = _places(column, names)
            if len(places) > 1:
                raise BadInput(_repeated(path, column, [names[place] for place in places]))
            if places:
                found[column.name] = places[0]
        taken = found.values()
        others = [name for place, name in enumerate(names) if place not in taken]
        self._check_missing(path, [*found, *elsewhere], others)
        self._leave_out(path, others)
        return found

    def _check_missing(self, path: str, there: Sequence[str], others: Sequence[str]) -> None:
        used = [column for column in self._schema.columns if column.is_read]
        missing = [_with_other_names(column) for column in used if column.name not in there]
        if missing:
            message = "{}: missing columns: {}; unknown columns: {}. The columns of {} are: {}."
            expected = [column.name for column in self._schema.columns]
            raise BadInput(message.format(
                path, _listed(missing), _listed(others), self._schema.name, _listed(expected)))

    def _leave_out(self, path: str, others: Sequence[str]) -> None:
        """Says which columns are left out, each once."""
        if others and self._strict:
            message = ("{}: columns that {} does not have: {}. Write the file without them, or "
                       "leave them out with --strict_columns false.")
            raise BadInput(message.format(path, self._schema.name, _listed(others)))
        with self._lock:
            untold = sorted(set(others) - self._told)
            self._told.update(untold)
        if untold:
            log("{}: columns that {} does not have are left out: {}. --strict_columns refuses "
                "them.".format(path, self._schema.name, _listed(untold)))


def _places(column: Column, names: Sequence[str]) -> List[int]:
    """Where a column stands under one of its names; in other letter case if under none."""
    known = (column.name, *column.other_names)
    places = [place for place, name in enumerate(names) if name in known]
    if places:
        return places
    folded = [name.lower() for name in known]
    return [place for place, name in enumerate(names) if name.lower() in folded]


def _repeated(path: str, column: Column, names: Sequence[str]) -> str:
    if len(set(names)) == 1:
        return "{}: columns that occur twice: {}.".format(path, names[0])
    message = ("{}: column {!r} is there as {}. Write the file with one of them, so that it is "
               "clear which is meant.")
    return message.format(path, column.name, " and as ".join(names))


def _with_other_names(column: Column) -> str:
    if not column.other_names:
        return column.name
    return "{} (or {})".format(column.name, ", ".join(column.other_names))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"
