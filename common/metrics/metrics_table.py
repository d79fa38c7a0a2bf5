"""A run's metrics as a table of text."""

import math
from typing import Dict, List, Sequence

_HEADER = (
    "task", "rows", "positives", "AUC", "95 % interval", "log loss", "calibration", "accuracy",
    "GAUC (users)",
)
_MISSING = "n/a"


def render(tasks: Dict[str, Dict[str, float]]) -> str:
    """The metrics of each task as lines of text; an AUC of one class is n/a with the count."""
    lines = [list(_HEADER)]
    for name, values in tasks.items():
        lines.append([name, *_cells(values)])
    widths = [max(map(len, column)) for column in zip(*lines)]
    return "\n".join(_justified(line, widths) for line in lines)


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
