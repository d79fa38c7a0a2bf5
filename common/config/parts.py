"""The parts of a schema that models take: no model names a column, or counts on its place."""

from typing import Dict, List, Mapping, TypeVar

from common.config.schema import WEIGHT, Column, Schema

UNNAMED = "input"  # the group of columns that name none
_FIRST_GROUPS = ("user", "item", "combo")  # as the checkpoints of ESMM have them
Value = TypeVar("Value")


def by_role(labels: Mapping[str, Value], schema: Schema) -> Dict[str, Value]:
    """Labels by name -> those that have a role, by role, and the rows' weights."""
    found = {label.role: labels[label.name] for label in schema.labels if label.role}
    if WEIGHT in labels:
        found[WEIGHT] = labels[WEIGHT]
    return found


def groups(schema: Schema) -> Dict[str, List[Column]]:
    """Group -> its columns with an embedding, then its numbers: user, item, combo, others by name.
    """
    members: Dict[str, List[Column]] = {}
    for column in schema.inputs:
        members.setdefault(column.group or UNNAMED, []).append(column)
    first = [name for name in _FIRST_GROUPS if name in members]
    others = sorted(set(members) - set(first))
    return {name: members[name] for name in first + others}


def histories(schema: Schema) -> List[Column]:
    """The lists whose items keep their order, in file order."""
    return [column for column in schema.lists if column.newest]


def candidates(schema: Schema) -> List[Column]:
    """For each history the columns of one value a row that share its table, in file order."""
    found = []
    for history in histories(schema):
        found += candidates_of(history, schema)
    return found


def candidates_of(history: Column, schema: Schema) -> List[Column]:
    """The columns of one value a row that share the table of a history; one, where it is right."""
    return [column for column in schema.scalars if history.table and column.table == history.table]


def profile(schema: Schema) -> List[Column]:
    """The feature columns that are neither a history nor its candidate, in file order."""
    others = histories(schema) + candidates(schema)
    return [column for column in schema.features if column not in others]
