"""What a model needs of a schema: one that it cannot use is refused, with what is missing."""

from typing import Dict, List, Sequence, Tuple, Union

from common.config import parts
from common.config.label import Label
from common.config.model import Model
from common.config.schema import Column, Schema


def tasks(model: Model, schema: Schema) -> Tuple[str, ...]:
    """The names of a model's tasks with a schema."""
    if model.roles:
        return model.tasks
    return tuple(task for task, _ in schema.tasks)


def loss_tasks(model: Model, schema: Schema) -> List[str]:
    """The names of those tasks that have a loss of their own."""
    return list(model.loss_tasks or tasks(model, schema))


def check(model: Model, schema: Schema) -> None:
    """Checks that a model finds what it needs in a schema, and reads all that is there.

    Raises:
      ValueError: a label, a role, a history or a candidate is missing; or a column would be read by
        no part of the model.
    """
    problems = [
        *_of_labels(model, schema),
        *_of_inputs(model, schema),
    ]
    if problems:
        raise ValueError("{} cannot use schema {!r}: {}".format(
            model.name, schema.name, "; ".join(problems)))


def of_dot_products(schema: Schema, width: int) -> str:
    """What keeps a schema's vectors from being multiplied with one another; empty for nothing.

    Args:
      width: of columns that have none of their own.
    """
    if len(schema.features) + bool(schema.numbers) < 2:
        return "needs two vectors, of columns or of numbers, and schema {!r} has one".format(
            schema.name)
    first, *others = schema.features
    for column in others:
        widths = [one.width or width for one in (first, column)]
        if widths[0] != widths[1]:
            return "needs vectors of one width, and columns {} have {} and {}".format(
                _names([first, column]), *widths)
    return ""


def _of_labels(model: Model, schema: Schema) -> List[str]:
    labels = schema.labels
    if not labels:
        return ["it has no column of kind 'label'"]
    if "shared" in tasks(model, schema):
        return ["a task cannot be called 'shared', as PLE's shared experts are. Give its label "
                "another task"]
    if model.roles:
        return _of_roles(model, labels)
    if model.one_label and len(labels) > 1:
        return ["it has {} labels, {}, and {} has one task. Give all but one kind 'unused'".format(
            len(labels), _names(labels), model.name)]
    return []


def _of_roles(model: Model, labels: Sequence[Label]) -> List[str]:
    problems = []
    roles = [label.role for label in labels]
    missing = [repr(role) for role in model.roles if role not in roles]
    if missing:
        problems.append("no label has role {}. Its labels are {}: give one of them the role".format(
            " and none ".join(missing), _names(labels)))
    unread = [label for label in labels if label.role not in model.roles]
    if unread and not missing:
        problems.append("label {} has no role, so {} would not read it. Give it kind "
                        "'unused'".format(_names(unread), model.name))
    return problems


def _of_inputs(model: Model, schema: Schema) -> List[str]:
    problems = []
    if not schema.features:
        problems.append("it has no column with an embedding: of kind 'hash', 'identity', 'words' "
                        "or 'vocabulary'")
    if schema.numbers and "numbers" not in model.reads:
        problems.append("{} reads no numbers, as {} is. Give it kind 'unused'".format(
            model.name, _names(schema.numbers)))
    if "groups" in model.reads:
        problems += _of_groups(schema)
    if "histories" in model.reads:
        return problems + _of_histories(schema)
    histories = parts.histories(schema)
    if histories:
        problems.append("{} reads no list whose items keep their order, as {} is. Leave out newest "
                        "(of a hash or words column), or give it kind 'unused'".format(
                            model.name, _names(histories)))
    return problems


def _of_groups(schema: Schema) -> List[str]:
    grouped = [column for column in schema.inputs if column.group]
    alone = [column for column in schema.inputs if not column.group]
    if grouped and alone:
        return ["column {} has no group, while others have. Give all a group, or none".format(
            _names(alone))]
    group_of: Dict[str, str] = {}
    for column in grouped:
        table = column.table
        if table and group_of.setdefault(table, column.group) != column.group:
            return ["table {!r} is shared by columns of several groups, which have tables of their "
                    "own".format(table)]
    return []


def _of_histories(schema: Schema) -> List[str]:
    histories = parts.histories(schema)
    if not histories:
        return ["it has no history: a list with newest, the items that are kept, whose table is "
                "that of the candidate's column"]
    problems = []
    for history in histories:
        problems += _of_history(history, schema)
    return problems + _of_alignment(histories)


def _of_history(history: Column, schema: Schema) -> List[str]:
    problems = []
    if history.kind not in ("hash", "vocabulary"):
        problems.append("history {!r} is of kind {!r}, not 'hash' or 'vocabulary'".format(
            history.name, history.kind))
    candidates = parts.candidates_of(history, schema)
    if len(candidates) != 1:
        problems.append("history {!r} needs one candidate, a column of one value a row with the "
                        "same table. There is {}".format(
                            history.name, _names(candidates) or "none"))
    return problems


def _of_alignment(histories: Sequence[Column]) -> List[str]:
    problems = []
    unaligned = [history for history in histories if not history.aligned]
    if len(histories) > 1 and unaligned:
        problems.append("histories have as many items as one another. Say so of {}: aligned".format(
            _names(unaligned)))
    if len({history.newest for history in histories}) > 1:
        problems.append("histories {} differ in newest".format(_names(histories)))
    tables = [history.table for history in histories]
    if len(set(tables)) < len(tables):
        problems.append("histories {} share a table".format(_names(histories)))
    return problems


def _names(columns: Sequence[Union[Column, Label]]) -> str:
    return ", ".join(repr(column.name) for column in columns)
