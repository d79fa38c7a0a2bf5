"""Names with wildcards, matched component by component: `rows/ds=2026-11-2[0-6]/*.parquet`.

`*`, `?` and `[...]` match within a component, `**` any number of components. A wildcard matches no
hidden name (`.crc`, `_SUCCESS`), unless the pattern begins with the same character. A pattern that
matches a folder stands for all files below it.
"""

import fnmatch
import re
from typing import List, Sequence, Tuple

from common.places import location

EVERYTHING = ("**",)
_WILDCARD = re.compile(r"[*?\[]")


def has_wildcards(name: str) -> bool:
    """Whether a name may be a pattern."""
    return bool(_WILDCARD.search(name))


def is_hidden(component: str) -> bool:
    """Whether this name of a file or folder is of something that is kept beside the rows.

    A folder such as `_day=1` holds rows: Spark reads it, too. `lost+found` is in the top folder of
    many volumes, and only root may list it.
    """
    if component == "lost+found":
        return True
    return component.startswith(".") or component.startswith("_") and "=" not in component


def split(name: str) -> Tuple[str, List[str]]:
    """The folder before the first wildcard, and the components of the pattern below it.

    A component with brackets that is a folder's name as it stands is no pattern.
    """
    components = name.split("/")
    for position, component in enumerate(components):
        if has_wildcards(component):
            above = "/".join(components[:position])
            if not location.folder_exists("/".join(components[:position + 1])):
                return above or _top(name), components[position:]
    return name, []


def _top(name: str) -> str:
    return "/" if name.startswith("/") else "."


def matches(pattern: Sequence[str], components: Sequence[str]) -> bool:
    """Whether a pattern matches a file, or a folder above it."""
    if not pattern:
        return not any(map(is_hidden, components))
    if pattern[0] == "**":
        if matches(pattern[1:], components):
            return True
        return bool(components) and not is_hidden(components[0]) and matches(
            pattern, components[1:])
    if not components:
        return False
    return _matches_one(pattern[0], components[0]) and matches(pattern[1:], components[1:])


def may_hold(pattern: Sequence[str], components: Sequence[str]) -> bool:
    """Whether a folder may hold files that a pattern matches."""
    if not components:
        return True
    if not pattern:
        return not any(map(is_hidden, components))
    if pattern[0] == "**":
        if may_hold(pattern[1:], components):
            return True
        return not is_hidden(components[0]) and may_hold(pattern, components[1:])
    return _matches_one(pattern[0], components[0]) and may_hold(pattern[1:], components[1:])


def _matches_one(pattern: str, component: str) -> bool:
    if pattern == component:
        return True
    if is_hidden(component) and pattern[0] != component[0]:
        return False
    return fnmatch.fnmatchcase(component, pattern)
