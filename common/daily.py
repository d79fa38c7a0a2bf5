"""Trains one model day by day: `python common/daily.py MODEL --days FIRST..LAST [flags]`.

For each day in turn it waits for the day's rows, measures the model as it stands on them, trains
them once, exports the model, and adds a line to days.jsonl in the run's folder. The same command
resumes where it was killed; common/daily.md says more. All other flags are those of train.py, in
which {day} stands for the day.

    python common/daily.py esmm --days 2026-11-01..2026-11-30 --train_files 'rows/ds={day}' \\
        --checkpoint /path/to/run --max_drop 0.02
"""

import argparse
import os
import sys
import time
from typing import List, NamedTuple, Optional

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import days, launch, log  # noqa: E402
from common.config import cluster  # noqa: E402
from common.config.cluster import Cluster  # noqa: E402
from common.config.flag_types import names_in  # noqa: E402
from common.errors import BadInput, NeverCame  # noqa: E402
from common.naming import dates  # noqa: E402
from common.places import addresses  # noqa: E402
from common.process import child, rehearsal, waiting  # noqa: E402

_REPORT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "report.py")
_WAIT_SECS = 1800.0  # as the flag of train.py


class Daily(NamedTuple):
    """What is trained day by day.

    Attributes:
      words: the model and the flags of its train.py, with {day}.
      days: in their order, as 2026-11-01.
      folder: of the run.
      ready: paths that are there once a day's rows are complete, with {day}.
      wait_secs: how long to wait for those, and for other processes of a cluster.
    """

    words: List[str]
    days: List[str]
    folder: str
    ready: List[str]
    wait_secs: float

    def words_of(self, day: str) -> List[str]:
        """The model and the flags that train a day."""
        return [days.filled(word, day) for word in self.words]


def read(argv: List[str]) -> Daily:
    """What a command line asks for.

    Raises:
      ValueError: a flag is missing, or does not go with days.
    """
    parser = _Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("--days")
    parser.add_argument("--ready")
    own, words = parser.parse_known_args(argv)
    launch.command(words)  # raises for an unknown model
    parser.add_argument("--checkpoint", "--checkpoint_dir")
    parser.add_argument("--train_files", nargs="+")
    parser.add_argument("--wait_secs", type=float, default=_WAIT_SECS)
    for flag in ("--output_dir", "--steps", "--epochs", "--eval_files", "--validate_first"):
        parser.add_argument(flag, nargs="*")
    args, _ = parser.parse_known_args(words)
    _check(own, args)
    names = names_in(",".join(args.train_files))
    ready = [own.ready] if own.ready else days.markers(names)
    words = words + ["--validate_first"]
    if args.epochs is None:
        words += ["--epochs", "1"]
    if args.eval_files is None:
        words += ["--no_eval"]
    return Daily(words, dates.listed(own.days), args.checkpoint, ready, args.wait_secs)


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are ValueErrors."""

    def error(self, message: str) -> None:  # type: ignore[override]
        raise ValueError(message)


def _check(own: argparse.Namespace, args: argparse.Namespace) -> None:
    """Raises ValueError where flags are missing, or do not go with days."""
    if not own.days:
        raise ValueError("give --days FIRST..LAST, as --days 2026-11-01..2026-11-30.")
    if not args.checkpoint:
        raise ValueError("give --checkpoint: the run over all days is one folder.")
    if addresses.is_remote(args.checkpoint):
        raise ValueError("--checkpoint {}: the run over all days is a local folder, or one that "
                         "is mounted. Copy its export/ from there.".format(args.checkpoint))
    if not args.train_files or not all(map(days.names_day, ",".join(args.train_files).split(","))):
        raise ValueError("give --train_files names with {{day}}, so that each day has rows of its "
                         "own. Got: {}.".format(args.train_files))
    if own.ready and not days.names_day(own.ready):
        raise ValueError("--ready says when the rows of one day are complete. Give a path with "
                         "{{day}}. Got: {!r}.".format(own.ready))
    if args.steps is not None:
        raise ValueError("--steps is a global step, and a day ends with its rows. Drop --steps; "
                         "--epochs N reads each day N times.")
    if args.output_dir is not None:
        raise ValueError("--output_dir: the run over all days is one folder. Give --checkpoint "
                         "alone.")


def play(daily: Daily, job: Optional[Cluster]) -> int:
    """Plays the part of this process in all days that are not finished; returns its exit status.

    Each day is a process of its own: TensorFlow 1.15 has no way to stop a server or to free what a
    graph has held, and a day that fails has its exit status.

    Raises:
      NeverCame: the rows or another process were not there within --wait_secs.
      OSError: a file cannot be read or written.
    """
    leads = not job or job.role == "chief"
    if leads:
        log.show(days.header())
    has_played = False
    for day in daily.days:
        if not days.record_of(daily.folder, day):
            status = _play_day(daily, day, job)
            if status:
                return status
            has_played = True
        record = days.record_of(daily.folder, day)
        if leads and record:
            log.show(days.table_line(record))
    if leads and has_played:
        _write_report(daily.folder)
    return 0


def _write_report(folder: str) -> None:
    """Writes report.html again: each day's run has written it before its own line was there.

    In a process of its own, as it takes TensorFlow; what goes wrong is said, and fails no day.
    """
    status = child.run([sys.executable, _REPORT, folder, "--score", "false"], dict(os.environ))
    if status:
        log.log("warning: report.html lacks the last day, as common/report.py has ended with "
                "{}".format(status))


def _play_day(daily: Daily, day: str, job: Optional[Cluster]) -> int:
    """Plays this process's part in a day; returns the exit status of the training process."""
    days.await_rows(day, [days.filled(path, day) for path in daily.ready], daily.wait_secs)
    began = time.monotonic()
    words = launch.command(daily.words_of(day))
    status = child.run(words, launch.environment(os.environ))
    if status:
        return status
    if job and job.role != "chief":
        waiting.wait(lambda: days.record_of(daily.folder, day) is not None,
                     lambda: "the chief to finish {}".format(day), daily.wait_secs)
        return 0
    if job:
        _await_end_of_others(day, job, daily.wait_secs)
    days.finish(daily.folder, day, time.monotonic() - began)
    return 0


def _await_end_of_others(day: str, job: Cluster, wait_secs: float) -> None:
    """Waits until no other process of a day serves any more: the next day has the same addresses.

    None of them begins the next day before this one is finished in days.jsonl.
    """
    others = job.processes("ps", "worker")

    def present() -> List[str]:
        return [name for name, address in others.items() if waiting.is_reachable(address)]

    waiting.wait(lambda: not present(),
                 lambda: "{} to end {}".format(", ".join(present()), day), wait_secs)


def main(argv: List[str]) -> int:
    """Trains the days, alone or as a process of a cluster, or rehearses a cluster.

    Returns:
      the exit status: that of the day that failed, 2 for wrong use.
    """
    if argv[:1] in ([], ["-h"], ["--help"]):
        log.show(__doc__.rstrip())
        return 0
    try:
        if argv[0] == "--local":
            roles = rehearsal.read_roles("".join(argv[1:2]))
            read(argv[2:])  # raises before any process starts
            return rehearsal.run(roles, os.path.abspath(__file__), argv[2:])
        daily, job = read(argv), cluster.read(os.environ)
    except ValueError as error:
        print("daily.py: error: {}".format(error), file=sys.stderr)
        return 2
    try:
        return play(daily, job)
    except (BadInput, NeverCame, OSError) as error:
        print("daily.py: error: {}".format(error), file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
