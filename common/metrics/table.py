"""A run's metrics as a table of text."""

import math
from typing import Dict, Optional, Tuple


def _table_row(name: str, values: Dict[str, float]) -> Tuple[str, ...]:
    def shown(value: Optional[float], spec: str = ".4f") -> str:
        return "n/a" if value is None or math.isnan(value) else format(value, spec)

    area, interval = shown(values["auc"], ".5f"), "[{:.4f}, {:.4f}]".format(values["auc_low"], values["auc_high"])
    if math.isnan(values["auc"]):
        area, interval = "n/a ({:.0f} positives)".format(values["positives"]), "n/a"
    users = "{} ({:.0f})".format(shown(values["gauc"]), values["gauc_users"]) if "gauc" in values else ""
    return (name, shown(values["rows"], ".0f"), shown(values["positives"], ".0f"), area, interval,
            shown(values["log_loss"], ".5f"), shown(values["calibration"]), shown(values["accuracy"], ".5f"), users)


def render(tasks: Dict[str, Dict[str, float]]) -> str:
    """The metrics of each task as lines of text; an AUC of one class is shown as n/a with the count."""
    header = ("task", "rows", "positives", "AUC", "95 % interval", "log loss", "calibration", "accuracy",
              "GAUC (users)")
    lines = [header] + [_table_row(name, values) for name, values in tasks.items()]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines)
