import argparse
import io
from typing import Callable

import pytest

from common.config import flag_types
from common.config.flag_types import FlagParser


@pytest.mark.parametrize("read, text, value", [
    (flag_types.count, "0", 0), (flag_types.positive, "7", 7), (flag_types.amount, "1e-3", 0.001),
    (flag_types.choice("a", "b"), "b", "b"), (flag_types.choice("a"), "None", None),
    (flag_types.place, "s3://b/x", "s3://b/x"), (flag_types.written_locally, "a/b", "a/b"),
    (flag_types.boolean, "True", True), (flag_types.boolean, "false", False)])
def test_values(read: Callable[[str], object], text: str, value: object) -> None:
    assert read(text) == value


@pytest.mark.parametrize("read, text, message", [
    (flag_types.count, "-1", r"expected a whole number >= 0\. Got: '-1'\."),
    (flag_types.positive, "0", r"expected a whole number > 0\. Got: '0'\."),
    (flag_types.amount, "x", r"expected a number >= 0\. Got: 'x'\."),
    (flag_types.amount, "inf", r"expected a number >= 0\. Got: 'inf'\."),
    (flag_types.amount, "nan", r"expected a number >= 0\. Got: 'nan'\."),
    (flag_types.share, "1", r"expected a number >= 0 and < 1\. Got: '1'\."),
    (flag_types.share, "nan", r"expected a number >= 0 and < 1\. Got: 'nan'\."),
    (flag_types.choice("a", "b"), "c", r"expected None or one of a, b\. Got: 'c'\."),
    (flag_types.boolean, "yes", r"expected true or false\. Got: 'yes'\."),
    (flag_types.place, "s4://b/x", r"s4://b/x: rows and runs lie in local folders or at s3://"),
    (flag_types.place, "s3://id:key@b", r"^s3://\.\.\.: the address holds a user, a key"),
    (flag_types.written_locally, "s3://b/x", r"s3://b/x: this is written to a local folder\.")])
def test_wrong_values(read: Callable[[str], object], text: str, message: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=message):
        read(text)


def test_modules_share_groups_and_a_switch_shows_its_default() -> None:
    parser = FlagParser("Trains.")
    for name in ("one", "two"):
        flag_types.add_switch(parser.group("features"), name, name == "two", "do " + name)
    parser.add_argument("--version", action="version", version="1")
    text = parser.format_help()
    assert text.count("features:") == 1
    assert "do one (default false)" in text and "do two (default true)" in text
    assert parser.names() == ["one", "two"]
    assert vars(parser.parse_args(["--one"])) == {"one": True, "two": True}


def test_help_is_printed_whole(capsys: pytest.CaptureFixture) -> None:
    parser = FlagParser("Trains.")
    flag_types.add_switch(parser.group("features"), "bf16", False, "in bfloat16")
    with pytest.raises(SystemExit, match="0"):
        parser.parse_args(["--help"])
    assert "--bf16 [BF16]  in bfloat16 (default false)" in capsys.readouterr().out
    file = io.StringIO()
    parser.print_help(file)
    assert file.getvalue() == parser.format_help()
