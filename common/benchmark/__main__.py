"""Measures input and training speed: python -m common.benchmark esmm [--data_location data].

Every figure is the median of several rounds, in which the variants are interleaved. A training
round is a whole process's main loop with its real input; seed, rows and batch size are the same.
Absolute figures hold for one machine, ratios within one run for more.
"""

import argparse
import os
import sys
from typing import Dict, List, Optional

from common import files, results, runner
from common.benchmark import measure, report
from common.benchmark.measure import (
    DOCUMENTED, TRAINING, Training, input_rates, training_figures)
from common.benchmark.report import Figures
from common.config import model as models
from common.config.flag_types import place, positive, written_locally
from common.config.model import ROOT
from common.optimizers import catalog

_OPTIMIZER_TEXT = {DOCUMENTED: "the model's own optimizer, Adam for `--tf`"}


def _parse(argv: Optional[List[str]]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measures input and training speed.")
    parser.add_argument("model", choices=sorted(models.names()))
    parser.add_argument("--data_location", type=place, default="./data",
                        help="folder of CSV and Parquet files (default ./data)")
    parser.add_argument("--batch_size", type=positive, nargs="+", default=[512],
                        help="rows a step; several make a table each (default 512)")
    parser.add_argument("--optimizer", default="adagrad", choices=(*catalog.NAMES, DOCUMENTED),
                        help="optimizer of every variant; 'documented': the model's own beside "
                             "Adam for --tf (default adagrad)")
    parser.add_argument("--rows", type=positive, default=500000,
                        help="rows that each run reads, the fewer the more its start counts "
                             "(default 500000)")
    parser.add_argument("--rounds", type=positive, default=3,
                        help="runs of each variant (default 3)")
    parser.add_argument("--out", type=written_locally,
                        help="file to write the figures to, as JSON")
    parser.add_argument("--readme", nargs="?", const="", metavar="SECTION",
                        help="write the tables into the model's README, into its benchmark or "
                             "into that of this name")
    args = parser.parse_args(argv)
    if args.rows < max(args.batch_size):
        sizes = " ".join(map(str, args.batch_size))
        parser.error("--rows must be >= every --batch_size. Got: --rows {}, --batch_size {}.".
                     format(args.rows, sizes))
    return args


def main(argv: Optional[List[str]] = None) -> None:
    """Prints the tables and writes them as JSON or into a README."""
    args = _parse(argv)
    readme = os.path.join(ROOT, args.model, "README.md")
    if args.readme is not None:
        report.around_section(readme, args.readme)  # raises now rather than after all runs
    runner.quiet_tensorflow()
    model = models.read(args.model)
    rates = input_rates(
        args.data_location, model.schema, args.batch_size[0], args.rows, args.rounds)
    words = sys.argv[1:] if argv is None else argv
    lines = [report.provenance(words, args.rounds), "",
             report.input_line(rates, args.batch_size[0])]
    print("\n".join(lines), flush=True)
    figures: Dict[int, Dict[str, Figures]] = {}
    for batch_size in args.batch_size:
        training = Training(args.model, model, args.data_location, args.rows // batch_size,
                            batch_size, args.optimizer)
        figures[batch_size] = training_figures(training, args.rounds)
        section = _section(batch_size, args.optimizer, figures[batch_size])
        print("\n".join(section), flush=True)
        lines += section
    if args.out:
        files.write_json(args.out, _as_json(args, rates, figures))
    if args.readme is not None:
        report.write_section(readme, args.readme, lines)


def _section(batch_size: int, optimizer: str, figures: Dict[str, Figures]) -> List[str]:
    text = _OPTIMIZER_TEXT.get(optimizer, optimizer)
    heading = "Batch {}, {}:".format(batch_size, text)
    return ["", heading, "", *report.training_table(figures)]


def _as_json(args: argparse.Namespace, rates: Figures,
             training: Dict[int, Dict[str, Figures]]) -> Dict[str, object]:
    flags = {variant: measure.flags_of(variant, args.optimizer) for variant in TRAINING}
    return {
        "model": args.model, "command": results.command(), "rounds": args.rounds,
        "rows": args.rows, "flags": flags, "input_rows_per_sec": rates, "training": training,
        "versions": results.versions()}


if __name__ == "__main__":
    main()
