"""A benchmark's figures as text: tables, what measured them, and their section of a README."""

import datetime
import os
import shlex
import subprocess
from typing import Dict, List, Tuple

from common.config.model import ROOT
from common.files import replacing

Figures = Dict[str, float]

_HEAD = ("| | steps/s | samples/s | ratio to `--tf` | of the GEMM limit | CPU s / 1000 samples "
         "| peak MB |")
_LINE = "|---|---|---|---|---|---|---|"
_ROW = ("| {name} | {steps_per_sec:.1f} | {samples_per_sec:,.0f} | {ratio:.2f} "
        "| {share_of_gemm_limit:.0%} | {cpu_secs_per_1000_samples:.3f} | {peak_memory_mb:.0f} |")


def training_table(figures: Dict[str, Figures]) -> List[str]:
    """Training figures of each variant as lines of a Markdown table."""
    rows = [_ROW.format(name=name, **run) for name, run in figures.items()]
    return [_HEAD, _LINE, *rows]


def input_line(rates: Figures, batch_size: int) -> str:
    """Rows/s of the input paths as a sentence."""
    paths = ["{} {:,.0f}".format(name, rate) for name, rate in rates.items()]
    return "Input alone, shuffled, batch {}: {} rows/s.".format(batch_size, ", ".join(paths))


def provenance(argv: List[str], rounds: int, module: str = "common.benchmark") -> str:
    """The command, machine, date and commit of figures as a sentence."""
    return "{}; medians of {}, interleaved.".format(origin(argv, module).rstrip("."), rounds)


def origin(argv: List[str], module: str) -> str:
    """The same of figures that were measured once."""
    words = " ".join(map(shlex.quote, argv))
    where = "on {}, {}, commit {}".format(_machine(), datetime.date.today(), _commit())
    return "`python -m {} {}` {}.".format(module, words, where)


def _machine() -> str:
    model = "an unknown CPU"
    with open("/proc/cpuinfo") as file:
        for line in file:
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                model = value.strip()
    cores = len(os.sched_getaffinity(0))
    return "{} cores of {}".format(cores, model)


def _commit() -> str:
    """The commit of the code, with a mark where the code differs from it."""
    try:
        changed = _git("status", "--porcelain", "--", "*.py", "*.cc", "*.h")
        commit = _git("rev-parse", "--short", "HEAD")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit + "-dirty" if changed else commit


def _git(*words: str) -> str:
    """What a command of git prints."""
    printed = subprocess.check_output(["git", *words], cwd=ROOT, stderr=subprocess.DEVNULL)
    return printed.decode().strip()


def marks(section: str) -> Tuple[str, str]:
    """The lines of a text file that a section stands between."""
    name = " " + section if section else ""
    return "<!-- benchmark{} -->".format(name), "<!-- end of benchmark{} -->".format(name)


def write_section(path: str, section: str, lines: List[str]) -> None:
    """Puts lines between the two marks of a section of a text file.

    Raises:
      ValueError: the file does not have both marks, once each and in their order.
    """
    write_between(path, marks(section), lines)


def write_between(path: str, ends: Tuple[str, str], lines: List[str]) -> None:
    """Puts lines between two marks of a text file; raises as write_section does."""
    before, after = _around(path, ends)
    with replacing(path) as temporary, open(temporary, "w") as file:
        file.write("\n".join([before, *lines, after]))


def around_section(path: str, section: str) -> Tuple[str, str]:
    """The text of a file up to a section's first mark and from its second one on.

    Raises:
      ValueError: as write_section says.
    """
    return _around(path, marks(section))


def _around(path: str, ends: Tuple[str, str]) -> Tuple[str, str]:
    first, last = ends
    with open(path) as file:
        text = file.read()
    before, begin, rest = text.partition(first)
    _, end, after = rest.partition(last)
    if not begin or not end or first in rest or last in before + after:
        message = ("{}: expected one line {!r} and after it one line {!r}; add them where the "
                   "figures are to stand.")
        raise ValueError(message.format(path, first, last))
    return before + begin, end + after
