"""What common/daily.py knows of its days: when their rows are there, and what became of each."""

import datetime
import json
import os
import re
import time
from typing import Any, Dict, List, Optional

from common import files
from common.errors import NeverCame
from common.log import log
from common.places import location

FILE = "days.jsonl"
_VALIDATION, _KEYS, _METRICS, _EXPORT = "validation.jsonl", "keys.jsonl", "metrics.json", "export"
_DAY = re.compile(r"\{day(?::([^{}]*))?\}")
_POLL_SECS, _SAY_SECS = 2.0, 60.0
_HEADER = ("day", "rows", "click rate", "AUC", "95 % interval", "log loss", "calibration",
           "new keys", "evicted", "secs")
_WIDTHS = (10, 11, 10, 7, 16, 8, 11, 10, 10, 8)


def names_day(text: str) -> bool:
    """Whether a text has {day} in it."""
    return bool(_DAY.search(text))


def filled(text: str, day: str) -> str:
    """A text with a day in place of {day}; {day:%Y%m%d} is the day in that form."""
    date = datetime.datetime.strptime(day, "%Y-%m-%d")
    return _DAY.sub(lambda match: date.strftime(match.group(1) or "%Y-%m-%d"), text)


def markers(names: List[str]) -> List[str]:
    """What is there once the rows of some names are complete: _SUCCESS in each folder of a day.

    Args:
      names: of --train_files, with {day}.

    Raises:
      ValueError: a folder is not of one day alone, so that its marker says nothing of a day.
    """
    found = []
    for name in names:
        folder = _last_folder_of_day(name)
        if not folder:
            raise ValueError(
                "--train_files {}: no folder of this name is of one day alone, so that no _SUCCESS "
                "in it says that a day is complete. Give --ready a path with {{day}} that is there "
                "once the day's rows are.".format(name))
        found.append(folder + "/_SUCCESS")
    return found


def _last_folder_of_day(name: str) -> str:
    """The deepest folder of a name that holds {day} and no wildcard below it; empty without."""
    forms = [match.group(0) for match in _DAY.finditer(name)]  # which may hold slashes
    parts = _DAY.sub("\0", name).rstrip("/").split("/")
    is_file = "." in parts[-1] or _has_wildcard(parts[-1])
    folders = parts[:-1] if is_file else parts
    while folders and _has_wildcard(folders[-1]):
        folders.pop()
    folder = "/".join(folders)
    if "\0" not in folder:
        return ""
    for form in forms:
        folder = folder.replace("\0", form, 1)
    return folder


def _has_wildcard(part: str) -> bool:
    return bool(re.search(r"[*?\[]", part))


def await_rows(day: str, paths: List[str], wait_secs: float) -> None:
    """Waits until all paths are there, which say that the rows of a day are complete.

    Raises:
      NeverCame: they were not within wait_secs.
    """
    began = said = time.monotonic()
    while True:
        absent = [path for path in paths if not location.exists(path)]
        if not absent:
            return
        now = time.monotonic()
        if now - began >= wait_secs:
            raise NeverCame(
                "waited {:.0f} s for the rows of {}: there is no {}. See what writes them; the "
                "same command resumes there, and --wait_secs makes it wait longer.".format(
                    now - began, day, absent[0]))
        if now - said >= _SAY_SECS or said == began:
            said = now
            log("waiting for the rows of {}: {}".format(day, absent[0]))
        time.sleep(min(_POLL_SECS, wait_secs))


def record_of(folder: str, day: str) -> Optional[Dict[str, Any]]:
    """The line of a day that is finished; None for one that is not."""
    lines = [line for line in files.read_lines(os.path.join(folder, FILE)) if line["day"] == day]
    return lines[-1] if lines else None


def finish(folder: str, day: str, secs: float) -> None:
    """Adds the line of a day whose rows were trained and whose model was exported.

    Args:
      secs: that the day has taken since the last start.
    """
    validation = files.read_lines(os.path.join(folder, _VALIDATION))[-1]
    with open(os.path.join(folder, _METRICS)) as file:
        last_step = json.load(file)["global_step"]
    keys = [line for line in files.read_lines(os.path.join(folder, _KEYS))
            if validation["step"] < line["step"] <= last_step]
    exports = sorted(name for name in os.listdir(os.path.join(folder, _EXPORT)) if name.isdigit())
    files.add_line(os.path.join(folder, FILE), {
        "day": day,
        "tasks": validation["tasks"],
        "first_task": validation["first_task"],
        "first_step": validation["step"],
        "last_step": last_step,
        "new_keys": sum(line["new"] for line in keys),
        "evicted_keys": sum(line["evicted"] for line in keys),
        "export": exports[-1],
        "secs": round(secs, 1),
    })


def header() -> str:
    """The head of the table of days."""
    return "  ".join(name.rjust(width) for name, width in zip(_HEADER, _WIDTHS))


def table_line(record: Dict[str, Any]) -> str:
    """A day's line of the table, with the metrics of the first task."""
    values = record["tasks"][record["first_task"]]
    interval = "n/a"
    if values["auc"] is not None:
        interval = "[{auc_low:.4f}, {auc_high:.4f}]".format(**values)
    cells = (
        record["day"],
        "{:,.0f}".format(values["rows"]),
        _number(values["positives"] / max(values["rows"], 1), ".4f"),
        _number(values["auc"], ".5f"),
        interval,
        _number(values["log_loss"], ".5f"),
        _number(values["calibration"], ".4f"),
        "{:,}".format(record["new_keys"]),
        "{:,}".format(record["evicted_keys"]),
        "{:.1f}".format(record["secs"]))
    return "  ".join(cell.rjust(width) for cell, width in zip(cells, _WIDTHS))


def _number(value: Optional[float], form: str) -> str:
    return "n/a" if value is None else format(value, form)
