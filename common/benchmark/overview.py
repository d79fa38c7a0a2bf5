"""Writes the front page's table and picture of speed and AUC: python -m common.benchmark.overview.

The numbers are those of the models' READMEs, of the tables under Results and of those that
`python -m common.benchmark MODEL --readme` writes; nothing is measured here.
"""

import os
from typing import Dict, List, NamedTuple

from common.benchmark import report
from common.config import model as models
from common.config.model import ROOT
from common.files import replacing

PICTURE = os.path.join(ROOT, "common", "benchmark", "overview.svg")
MARKS = ("<!-- python -m common.benchmark.overview -->", "<!-- end -->")
MODES = ("--tf", "FP32", "--bf16")
_RATIO = "ratio to `--tf`"
_AUC = "AUC click"
_COLORS = {"--tf": "#9aa5b1", "FP32": "#2f6fb0", "--bf16": "#e08a2e"}
_AUC_LOW, _AUC_HIGH = 0.7, 0.85  # the ends of its axis
# Lengths in pixels.
_BAR = 14
_ROW = 58
_TOP = 60
_LEFT = 64
_PANEL = 330
_RIGHT = 454
_WIDTH = 844
_HEAD = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {0} {1}" width="{0}" height="{1}">'

Table = Dict[str, Dict[str, str]]


class Overview(NamedTuple):
    """What a model's README says of its speed and of its click AUC.

    Attributes:
      title: of the model.
      samples_per_sec: of --tf, as the README writes it.
      ratio: samples/s of each mode in MODES relative to --tf.
      auc: click AUC of each mode.
      bayes: click AUC of a perfect model.
    """

    title: str
    samples_per_sec: str
    ratio: Dict[str, float]
    auc: Dict[str, float]
    bayes: float


def read_all() -> List[Overview]:
    """The numbers of all models."""
    paths = [os.path.join(ROOT, folder, "README.md") for folder in models.names()]
    return [read(path) for path in paths]


def read(path: str) -> Overview:
    """The numbers of a model.

    Args:
      path: of its README.

    Raises:
      ValueError: the README lacks a row or a column of them.
    """
    with open(path) as file:
        text = file.read()
    begin, end = report.marks("")
    _, _, from_mark = text.partition(begin)
    benchmark, _, _ = from_mark.partition(end)
    speed = table(benchmark.replace("| BF16 |", "| --bf16 |"), _RATIO, path)
    ratio = {mode: _number(speed, mode, _RATIO, path) for mode in MODES}
    _, _, below_results = text.partition("## Results")
    results = table(below_results, _AUC, path)
    auc = {mode: _number(results, mode, _AUC, path) for mode in MODES}
    bayes = _number(results, "Bayes", _AUC, path)
    heading, _, _ = text.partition("\n")
    title = heading.lstrip("# ")
    return Overview(title, speed["--tf"]["samples/s"], ratio, auc, bayes)


def table(text: str, column: str, path: str) -> Table:
    """The first table that has a column, as {first cell of a row: {column: cell}}.

    Raises:
      ValueError: there is none.
    """
    lines = text.splitlines()
    for number, line in enumerate(lines):
        names = _cells(line)
        if column in names:
            below = lines[number + 2:]
            return _rows(names, below)
    raise ValueError("{}: expected a table with a column {!r}.".format(path, column))


def _rows(names: List[str], lines: List[str]) -> Table:
    """The rows below a table's head, up to the first line that is none."""
    rows: Table = {}
    for line in lines:
        if not line.startswith("|"):
            break
        cells = _cells(line)
        title = cells[0].strip("`")
        rows[title] = dict(zip(names, cells))
    return rows


def _cells(line: str) -> List[str]:
    inner = line.strip().strip("|")
    return [cell.strip() for cell in inner.split("|")]


def _number(rows: Table, row: str, column: str, path: str) -> float:
    """A number of a table, without the interval after it."""
    try:
        cell = rows[row][column]
        first = cell.split()[0]
        return float(first)
    except (KeyError, IndexError, ValueError):
        message = "{}: expected a number in row {!r}, column {!r}."
        raise ValueError(message.format(path, row, column)) from None


def markdown(rows: List[Overview]) -> str:
    """The front page's table."""
    lines = [
        "| | click AUC: `--tf` | FP32 | `--bf16` | Bayes | samples/s: `--tf` | FP32 | `--bf16` |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        aucs = ["{:.3f}".format(row.auc[mode]) for mode in MODES]
        ratios = ["{:.2f}x".format(row.ratio[mode]) for mode in MODES[1:]]
        bayes = "{:.3f}".format(row.bayes)
        cells = [row.title, *aucs, bayes, row.samples_per_sec, *ratios]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def svg(rows: List[Overview]) -> str:
    """The picture: bars of speed on the left, of AUC on the right."""
    height = _TOP + len(rows) * _ROW
    auc_title = "click AUC from {:.2f}; black line: a perfect model".format(_AUC_LOW)
    parts = [
        _HEAD.format(_WIDTH, height),
        '<rect width="100%" height="100%" fill="white"/>',
        _text(_LEFT, 20, "samples/s relative to --tf"),
        _text(_RIGHT, 20, auc_title),
    ]
    parts += _legend()
    longest = max(max(row.ratio.values()) for row in rows)
    for number, row in enumerate(rows):
        top = _TOP + number * _ROW
        parts += _row(row, top, longest)
    return "\n".join(parts + ["</svg>", ""])


def _legend() -> List[str]:
    """The modes and their colours, below the titles."""
    parts: List[str] = []
    x = _LEFT
    for mode in MODES:
        parts.append(_box(x, 31, 12, _COLORS[mode]))
        parts.append(_text(x + 18, 42, mode))
        x += 80
    return parts


def _row(row: Overview, top: int, longest: float) -> List[str]:
    """The bars of a model; a bar of the ratio `longest` has the panel's width."""
    parts = [_text(4, top + 26, row.title)]
    y = top
    for mode in MODES:
        ratio = row.ratio[mode]
        speed_label = "{:.2f}".format(ratio)
        parts += _bar(_LEFT, y, mode, ratio / longest, speed_label)
        auc = row.auc[mode]
        auc_label = "{:.3f}".format(auc)
        parts += _bar(_RIGHT, y, mode, _auc_share(auc), auc_label)
        y += _BAR
    x = _RIGHT + _auc_share(row.bayes) * _PANEL
    line = _box(x, top - 2, 2, "black", height=y - top + 2)
    return parts + [line]


def _auc_share(auc: float) -> float:
    """Where an AUC stands between the ends of its axis, 0 to 1."""
    return (auc - _AUC_LOW) / (_AUC_HIGH - _AUC_LOW)


def _bar(left: int, y: int, mode: str, share: float, label: str) -> List[str]:
    """A bar of a share of the panel's width, its number behind it."""
    length = share * _PANEL
    return [
        _box(left, y, length, _COLORS[mode]),
        _text(left + length + 6, y + _BAR - 3, label),
    ]


def _box(x: float, y: int, width: float, color: str, height: int = _BAR - 2) -> str:
    shape = '<rect x="{:.1f}" y="{}" width="{:.1f}" height="{}" fill="{}"/>'
    return shape.format(x, y, width, height, color)


def _text(x: float, y: int, text: str) -> str:
    shape = '<text x="{:.1f}" y="{}" font-family="sans-serif" font-size="13">{}</text>'
    return shape.format(x, y, text)


def main() -> None:
    """Writes the table into README.md and the picture beside this module."""
    rows = read_all()
    front_page = os.path.join(ROOT, "README.md")
    table_lines = ["", markdown(rows), ""]
    report.write_between(front_page, MARKS, table_lines)
    with replacing(PICTURE) as temporary, open(temporary, "w") as file:
        file.write(svg(rows))


if __name__ == "__main__":
    main()
