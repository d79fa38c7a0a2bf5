"""A benchmark's figures as text: tables, what they were measured with, and the section of a README that holds them."""

import datetime
import os
import shlex
import subprocess
from typing import Dict, List, Tuple

from common.files import replacing

Figures = Dict[str, float]

_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def training_table(figures: Dict[str, Figures]) -> List[str]:
    """Training figures of each variant as lines of a Markdown table."""
    lines = ["| | steps/s | samples/s | ratio to `--tf` | of the GEMM limit | CPU s / 1000 samples | peak MB |",
             "|---|---|---|---|---|---|---|"]
    for name, run in figures.items():
        lines.append("| {} | {:.1f} | {:,.0f} | {:.2f} | {:.0%} | {:.3f} | {:.0f} |".format(
            name, run["steps_per_sec"], run["samples_per_sec"], run["ratio"], run["share_of_gemm_limit"],
            run["cpu_secs_per_1000_samples"], run["peak_memory_mb"]))
    return lines


def input_line(rates: Figures, batch_size: int) -> str:
    """Rows/s of the input paths as a sentence."""
    return "Input alone, shuffled, batch {}: {} rows/s.".format(
        batch_size, ", ".join("{} {:,.0f}".format(name, rate) for name, rate in rates.items()))


def provenance(argv: List[str], rounds: int, module: str = "common.benchmark") -> str:
    """The command, machine, date and commit of figures as a sentence."""
    return "`python -m {} {}` on {}, {}, commit {}; medians of {}, interleaved.".format(
        module, " ".join(shlex.quote(word) for word in argv), _machine(), datetime.date.today(), _commit(), rounds)


def _machine() -> str:
    with open("/proc/cpuinfo") as file:
        models = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    return "{} cores of {}".format(len(os.sched_getaffinity(0)), models[0] if models else "an unknown CPU")


def _commit() -> str:
    """The commit of the code, with a mark where the code differs from it."""
    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=_ROOT, check=True, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL).stdout.decode().strip()

    try:
        changed = git("status", "--porcelain", "--", "*.py", "*.cc", "*.h")
        return git("rev-parse", "--short", "HEAD") + ("-dirty" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


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
        raise ValueError("{}: expected one line {!r} and after it one line {!r}; add them where the figures are to "
                         "stand.".format(path, first, last))
    return before + begin, end + after
