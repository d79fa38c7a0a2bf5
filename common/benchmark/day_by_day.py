"""One model trained day by day beside one that stays as it is and one that is trained anew.

    python -m common.benchmark.day_by_day esmm --out /path/to/folder

Rows of --days days are made whose planted signal turns (data/taobao.py make --days). Then
common/daily.py trains them day after day and is killed with `kill -9` on the way; another model
learns from the first day alone; and for each day a third one is trained anew on the days before.
Each is measured on the rows of a day before it has seen them. All other flags are those of
train.py. The folder gets days.json and days.svg; the table is printed.
"""

import argparse
import datetime
import os
import statistics
import sys
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

from common import files
from common.benchmark import daily_runs, report
from common.benchmark.daily_runs import Anew, DailyRun, Rows
from common.config import model as models
from common.config.flag_types import amount, count, positive, share, written_locally
from common.naming import dates
from common.reporting import svg
from common.reporting.series import Line
from common.reporting.ticks import Axis
from data import taobao

_FIRST = datetime.date(2026, 11, 1)
_CLICK_RATE, _BUY_RATE = 0.1, 0.01


class Results(NamedTuple):
    """What came out, by day.

    Attributes:
      bayes: the AUC that a perfect model would have.
      daily: of one model day by day.
      once: the AUC of a model of the first day, on later days.
      anew: of a model that is trained for each day.
    """

    bayes: Dict[str, float]
    daily: DailyRun
    once: Dict[str, float]
    anew: Dict[str, Anew]


def main(argv: Optional[List[str]] = None) -> None:
    """Makes the rows, runs all models, prints the table and writes the plot."""
    parser = _parser()
    args, flags = parser.parse_known_args(argv)
    model = models.read(args.model)
    if model.schema.name != taobao.SCHEMA.name:
        parser.error("{}: its rows are not Taobao's, and no others are made by days.".format(
            args.model))
    out = os.path.abspath(args.out)
    os.makedirs(out, exist_ok=True)
    if os.listdir(out):
        parser.error("--out {}: there is something in it. Name a new folder.".format(args.out))
    last = _FIRST + datetime.timedelta(args.days - 1)
    days = dates.listed("{}..{}".format(_FIRST, last))
    flags += ["--batch_size", str(args.batch_size)]
    rows = Rows(args.model, model.tasks[0], os.path.join(out, "rows"), days, flags)
    try:
        results = _run(rows, args, out)
    except RuntimeError as error:
        sys.exit("{}: error: {}".format(parser.prog, error))
    words = sys.argv[1:] if argv is None else argv
    print("\n".join(_text(results, words, args)))
    files.write_json(os.path.join(out, "days.json"), _as_json(results))
    with files.replacing(os.path.join(out, "days.svg")) as path, open(path, "w") as file:
        file.write(svg.standalone(plot(results)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=sorted(models.names()))
    parser.add_argument(
        "--out", type=written_locally, required=True, help="new folder for rows and runs")
    parser.add_argument("--days", type=positive, default=30, help="how many (default 30)")
    parser.add_argument(
        "--rows", type=positive, default=20480,
        help="of a day; whole batches of 512, as a last batch of few rows moves the weights as far "
             "as a whole one (default 20480)")
    parser.add_argument(
        "--drift", type=amount, default=0.05,
        help="radians by which the signal turns a day (default 0.05)")
    parser.add_argument(
        "--new_ids", type=share, default=0.01,
        help="share of users and ads that are new each day (default 0.01)")
    parser.add_argument(
        "--kills", type=count, default=20, help="kills of the daily loop (default 20)")
    parser.add_argument(
        "--window", type=positive, default=7,
        help="days before a day on which a model is trained anew for it (default 7)")
    parser.add_argument("--rows_seed", type=count, default=1, help="of the rows (default 1)")
    parser.add_argument("--batch_size", type=positive, default=512,
                        help="rows a step, in all runs (default 512)")
    return parser


def _run(rows: Rows, args: argparse.Namespace, out: str) -> Results:
    made = taobao.make_days(
        rows.days, args.rows, args.rows_seed, _CLICK_RATE, _BUY_RATE, args.drift, args.new_ids,
        rows.folder)
    records: List[Dict[str, Any]] = made["days"]  # type: ignore[assignment]
    bayes = {record["day"]: record["bayes_auc"]["click"] for record in records}
    log = os.path.join(out, "log")
    kills = daily_runs.plan(len(rows.days), args.kills, args.rows_seed)
    daily = daily_runs.daily(rows, os.path.join(out, "daily"), kills, log)
    lost = daily_runs.lost_steps(daily, args.rows, args.batch_size)
    if lost:
        raise RuntimeError("the days have {} steps too many or too few. See {}.".format(lost, log))
    once = daily_runs.once(rows, os.path.join(out, "once"), 1, log)
    anew = daily_runs.anew(rows, os.path.join(out, "anew"), args.window, log)
    return Results(bayes, daily, once, anew)


def daily_areas(results: Results) -> Dict[str, float]:
    """The AUC of the first task on each day, by the model that is trained day by day."""
    areas = {}
    for record in results.daily.records:
        areas[record["day"]] = record["tasks"][record["first_task"]]["auc"]
    return areas


def table(results: Results) -> List[str]:
    """A line of a Markdown table for each day but the first, and the means."""
    lines = ["| day | day by day | first day alone | trained anew | perfect | s, day by day "
             "| s, anew |", "|---|---|---|---|---|---|---|"]
    daily = daily_areas(results)
    secs = {record["day"]: record["secs"] for record in results.daily.records}
    columns: List[List[float]] = []
    for day in list(results.bayes)[1:]:
        anew = results.anew[day]
        columns.append([daily[day], results.once[day], anew.auc, results.bayes[day], secs[day],
                        anew.secs])
        lines.append(_line(day, columns[-1]))
    lines.append(_line("mean", [statistics.mean(values) for values in zip(*columns)]))
    return lines


def _line(name: str, values: Sequence[float]) -> str:
    form = "| {} | {:.4f} | {:.4f} | {:.4f} | {:.4f} | {:.1f} | {:.1f} |"
    return form.format(name, *values)


def plot(results: Results) -> str:
    """The AUC by day of the three, below that of a perfect model."""
    series = [
        _series("perfect model", results.bayes, is_reference=True),
        _series("day by day", daily_areas(results), color=0),
        _series("first day alone", results.once, color=1),
        _series("trained anew", {day: run.auc for day, run in results.anew.items()}, color=2),
    ]
    title = "AUC on the rows of a day, before they are trained"
    return svg.lines(title, series, Axis("day"), Axis("AUC"))


def _series(name: str, areas: Dict[str, float], **options: Any) -> Line:
    points = []
    for day in sorted(areas):
        number = (datetime.date.fromisoformat(day) - _FIRST).days + 1
        if number > 1:  # on the first day no model has learned anything
            points.append((float(number), areas[day]))
    return Line(name, points, **options)


def _text(results: Results, words: Sequence[str], args: argparse.Namespace) -> List[str]:
    where = report.origin(list(words), "common.benchmark.day_by_day")
    said = ("{} days of {:,} rows, a drift of {} radians and {:.0%} new users and ads a day; the "
            "daily loop was killed {} times and took {:.0f} s with all starts, a model trained "
            "anew on {} days {:.0f} s in all. No step was lost, and none came twice.")
    total = sum(run.secs for run in results.anew.values())
    text = said.format(args.days, args.rows, args.drift, args.new_ids, results.daily.kills,
                       results.daily.secs, args.window, total)
    return [where, "", text, "", *table(results)]


def _as_json(results: Results) -> Dict[str, Any]:
    anew = {day: run._asdict() for day, run in results.anew.items()}
    return {"bayes_auc": results.bayes, "daily": results.daily.records, "once": results.once,
            "anew": anew, "daily_secs": results.daily.secs, "kills": results.daily.kills}


if __name__ == "__main__":
    main()
