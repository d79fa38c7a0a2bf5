import argparse
from typing import Iterator

import pytest

from common.errors import BadInput
from data.din import steps


@pytest.fixture
def parser() -> argparse.ArgumentParser:
    return argparse.ArgumentParser(prog="step.py")


def test_lines_are_printed_until_an_error(parser: argparse.ArgumentParser,
                                          capsys: pytest.CaptureFixture) -> None:
    def failing() -> Iterator[str]:
        yield "one file"
        raise BadInput("line 7 is cut short.")

    assert steps.run(parser, lambda: ["one file", "another"]) == 0
    assert capsys.readouterr().out == "one file\nanother\n"
    assert steps.run(parser, failing) == 1
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("one file\n", "step.py: error: line 7 is cut short.\n")


def test_other_errors_are_raised(parser: argparse.ArgumentParser) -> None:
    def wrong() -> Iterator[str]:
        yield str(1 / 0)

    with pytest.raises(ZeroDivisionError):
        steps.run(parser, wrong)


def test_seed(parser: argparse.ArgumentParser, capsys: pytest.CaptureFixture) -> None:
    steps.add_seed(parser, "the negatives")
    assert parser.parse_args([]).seed == 2021 and parser.parse_args(["--seed", "7"]).seed == 7
    assert "seed of the negatives (default 2021)" in parser.format_help()
    steps.check_not_negative(parser, "--seed", 0)
    with pytest.raises(SystemExit) as end:
        steps.check_not_negative(parser, "--seed", -1)
    assert end.value.code == 2 and "--seed must be >= 0. Got: -1." in capsys.readouterr().err
