"""The command line that the steps of the preparation share: a seed, and errors as exit status 1."""

import argparse
import sys
from typing import Callable, Iterable

from common.errors import BadInput


def add_seed(parser: argparse.ArgumentParser, draws: str) -> None:
    """Adds --seed; draws says in --help what is drawn with it."""
    text = "seed of {} (default 2021)".format(draws)
    parser.add_argument("--seed", type=int, default=2021, help=text)


def check_not_negative(parser: argparse.ArgumentParser, flag: str, value: int) -> None:
    """Ends the program with wrong usage (exit status 2) if a flag's value is negative."""
    if value < 0:
        parser.error("{} must be >= 0. Got: {}.".format(flag, value))


def run(parser: argparse.ArgumentParser, step: Callable[[], Iterable[str]]) -> int:
    """Runs a step and prints the lines it yields about the files that it wrote.

    Returns:
      the exit status: 1 after an error, which is printed to stderr, else 0.
    """
    try:
        for line in step():
            print(line)
    except (BadInput, OSError) as error:
        print("{}: error: {}".format(parser.prog, error), file=sys.stderr)
        return 1
    return 0
