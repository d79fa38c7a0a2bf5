"""A run's metrics as a table of text."""

import math
from typing import Dict, List, Sequence

_HEADER = (
    "task", "rows", "positives", "AUC", "95 % interval", "log loss", "calibration", "accuracy",
    "GAUC (users)",
)
_MISSING = "n/a"
LOW, HIGH = 0.5, 2.0  # of a calibration that is no reason to warn


def render(tasks: Dict[str, Dict[str, float]]) -> str:
    """The metrics of each task as lines of text; an AUC of one class is n/a with the count."""
    lines = [list(_HEADER)]
    for name, values in tasks.items():
        lines.append([name, *_cells(values)])
    widths = [max(map(len, column)) for column in zip(*lines)]
    notes = [note for name, values in tasks.items() for note in _notes(name, values)]
    return "\n".join([*(_justified(line, widths) for line in lines), *notes])


def _notes(name: str, values: Dict[str, float]) -> List[str]:
    """What people should know of a task's metrics."""
    notes = []
    alone = values.get("rows_without_user")
    if alone:
        notes.append("{:.0f} rows have no user: GAUC leaves them out, and the interval takes each "
                     "for a user's only one".format(alone))
    calibration = values["calibration"]
    if calibration and not LOW <= calibration <= HIGH and not math.isnan(calibration):
        notes.append("warning: {}: the mean prediction is {:.2f} times the mean label. Is this "
                     "overfitting (fewer --epochs, or --early_stop), or are the test rows of "
                     "another time or kind?".format(name, calibration))
    return notes


def _cells(values: Dict[str, float]) -> List[str]:
    """The metrics of one task, in the order of the header."""
    return [
        _format(values["rows"], ".0f"),
        _format(values["positives"], ".0f"),
        *_auc_cells(values),
        _format(values["log_loss"], ".5f"),
        _format(values["calibration"], ".4f"),
        _format(values["accuracy"], ".5f"),
        _gauc_cell(values),
    ]


def _auc_cells(values: Dict[str, float]) -> List[str]:
    if math.isnan(values["auc"]):
        return ["{} ({:.0f} positives)".format(_MISSING, values["positives"]), _MISSING]
    interval = "[{auc_low:.4f}, {auc_high:.4f}]".format(**values)
    return [_format(values["auc"], ".5f"), interval]


def _gauc_cell(values: Dict[str, float]) -> str:
    if "gauc" not in values:
        return ""
    gauc = _format(values["gauc"], ".4f")
    return "{} ({:.0f})".format(gauc, values["gauc_users"])


def _format(value: float, spec: str) -> str:
    return _MISSING if value is None or math.isnan(value) else format(value, spec)


def _justified(line: Sequence[str], widths: Sequence[int]) -> str:
    cells = [cell.ljust(width) for cell, width in zip(line, widths)]
    return "  ".join(cells).rstrip()
