"""What a run was made of: tables, keys, days, its command, its files and versions."""

from typing import Any, Dict, List, Sequence

from common.reporting import page, svg
from common.reporting.numbers import interval, number, size, text
from common.reporting.run_files import RunFiles
from common.reporting.series import Line
from common.reporting.ticks import Axis

_MAX_FILES = 50
_MAX_TABLES = 40
_FLOAT_BYTES = 4


def tables(run: RunFiles) -> List[str]:
    """The embedding tables of the newest checkpoint, and how the keys of tables that grow came."""
    parts: List[str] = []
    if run.keys:
        parts.append(page.figures([_keys(run)]))
    if not run.tables:
        return parts
    rows = []
    for table in run.tables[:_MAX_TABLES]:
        num_bytes = table.rows * table.width * _FLOAT_BYTES
        rows.append([table.name, "{:,}".format(table.rows), str(table.width), size(num_bytes)])
    total = sum(table.rows * table.width for table in run.tables)
    all_rows = sum(table.rows for table in run.tables)
    if len(run.tables) > _MAX_TABLES:
        rows.append(["{} more".format(len(run.tables) - _MAX_TABLES), "", "", ""])
    rows.append(["all", "{:,}".format(all_rows), "", size(total * _FLOAT_BYTES)])
    return [*parts, page.table("Embedding tables of the newest checkpoint", [
        "table", "rows or keys", "width", "size without slots of the optimizer"], rows)]


def _keys(run: RunFiles) -> str:
    """A figure of the keys over steps."""
    names = ("keys", "waiting", "new", "evicted")
    rows, kept = [], []
    for line in run.keys:
        step = number(line.get("step"))
        kept.append((step, number(line.get("keys"))))
        rows.append([text(step, ",.0f"), *(text(line.get(name), ",.0f") for name in names)])
    every = max(-(-len(rows) // _MAX_FILES), 1)
    numbers = page.table("Keys of embedding variables", ["step", *names], rows[::every])
    plot = svg.lines("Keys of embedding variables", [Line("keys", kept)], Axis("step"),
                     Axis("keys with a row", 0))
    return page.figure(plot, "At each checkpoint.", numbers)


def days(run: RunFiles) -> List[str]:
    """The days of a run that is trained day by day: a plot and a table."""
    if not run.days:
        return []
    by_task: Dict[str, List[Dict[str, Any]]] = {}
    for record in run.days:
        for task, values in record.get("tasks", {}).items():
            by_task.setdefault(task, []).append(values)
    lines = []
    for color, task in enumerate(by_task):
        places = list(enumerate(by_task[task], 1))
        points = [(float(place), number(values.get("auc"))) for place, values in places]
        band = [(float(place), number(values.get("auc_low")), number(values.get("auc_high")))
                for place, values in places]
        lines.append(Line(task, points, band, color))
    title = "day, 1 is {}".format(run.days[0].get("day"))
    plot = svg.lines("AUC by day", lines, Axis(title), Axis("AUC"))
    caption = "Each day measures the model before it trains it. The band is the 95 % interval."
    rows = [_day(record) for record in run.days]
    return [page.figures([page.figure(plot, caption)]), page.table("Days", [
        "day", "rows", "click rate", "AUC", "95 % interval", "log loss", "calibration",
        "new keys", "evicted", "seconds"], rows)]


def _day(record: Dict[str, Any]) -> List[str]:
    """A day's cells, with the metrics of the first task."""
    values = record.get("tasks", {}).get(record.get("first_task"), {})
    share = number(values.get("positives")) / max(number(values.get("rows")), 1.0)
    return [str(record.get("day")), text(values.get("rows"), ",.0f"), text(share, ".4f"),
            text(values.get("auc"), ".4f"), interval(values, "auc"),
            text(values.get("log_loss"), ".5f"), text(values.get("calibration"), ".3f"),
            text(record.get("new_keys"), ",.0f"), text(record.get("evicted_keys"), ",.0f"),
            text(record.get("secs"), ",.1f")]


def origin(run: RunFiles) -> List[str]:
    """The command, the files of rows, and the versions."""
    parts = []
    command = run.config.get("command") or run.metrics.get("command")
    if command:
        parts += ["<h3>Command</h3>", page.code(command)]
    for name, title in (("train", "Training rows"), ("test", "Test rows")):
        listed = run.config.get(name)
        if isinstance(listed, dict):
            parts.append(_files(title, listed))
    versions = run.metrics.get("versions") or run.config.get("versions") or {}
    if versions:
        parts.append(page.table("Versions", ["of", "version"], [
            [name, str(versions[name])] for name in sorted(versions)], words=[1]))
    return parts


def _files(title: str, listed: Dict[str, Any]) -> str:
    """The files of some rows: the first of them, and how many there are."""
    found: Sequence[Dict[str, Any]] = listed.get("files", [])
    total = sum(number(file.get("bytes")) for file in found)
    noun = "file" if len(found) == 1 else "files"
    heading = "{}: {:,} {}, {}, in {}".format(
        title, len(found), noun, size(total), listed.get("folder"))
    rows = []
    for file in found[:_MAX_FILES]:
        num_bytes = number(file.get("bytes"))
        rows.append([str(file.get("name")), "{:,.0f}".format(num_bytes),
                     str(file.get("written", ""))])
    if len(found) > _MAX_FILES:
        rows.append(["{:,} more, in config.json".format(len(found) - _MAX_FILES), "", ""])
    return page.table(heading, ["file", "bytes", "written"], rows)
