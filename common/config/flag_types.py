"""What modules add their flags with: a parser with shared groups, and the types of values."""

import argparse
from typing import IO, Callable, Dict, List, Optional

from common import log
from common.errors import BadInput
from common.places import addresses

TRAINING = "training"
FILES = "files"
FEATURES = "features"


class FlagParser(argparse.ArgumentParser):
    """A parser to which several modules add flags.

    A module offers `add_flags(parser)`; common/flags.py lists the modules. A default that depends
    on the model (learning_rate, optimizer, epochs, save_steps) is set before they are called:
    parser.get_default("epochs"), or a flag of that name without a default.
    """

    def __init__(self, description: str) -> None:
        super().__init__(
            description=description, allow_abbrev=False, usage="%(prog)s [flags]; all: --help",
            formatter_class=argparse.RawDescriptionHelpFormatter)
        self._by_title: Dict[str, argparse._ArgumentGroup] = {}
        for title in (TRAINING, FILES, FEATURES):
            self.group(title)

    def print_help(self, file: Optional[IO[str]] = None) -> None:
        """Prints all flags, on standard output where no file is given."""
        if file:
            file.write(self.format_help())
        else:
            log.show(self.format_help().rstrip("\n"))

    def group(self, title: str) -> argparse._ArgumentGroup:
        """The group of --help with that title, made at its first use."""
        if title not in self._by_title:
            self._by_title[title] = self.add_argument_group(title)
        return self._by_title[title]

    def names(self) -> List[str]:
        """The names of all flags in the order they were added, without --help and --version."""
        options: List[str] = []
        for action in self._actions:
            if action.default is not argparse.SUPPRESS:
                options += action.option_strings
        return [option.lstrip("-") for option in options]


def add_switch(group: argparse._ArgumentGroup, name: str, default: bool, text: str) -> None:
    """Adds a flag that takes true or false, and true where it stands alone."""
    help_text = "{} (default {})".format(text, str(default).lower())
    group.add_argument(
        "--" + name, type=boolean, nargs="?", const=True, default=default, help=help_text)


def boolean(text: str) -> bool:
    """Reads true or false."""
    if text.lower() not in ("true", "false"):
        raise argparse.ArgumentTypeError("expected true or false. Got: {!r}.".format(text))
    return text.lower() == "true"


def names_in(text: str) -> List[str]:
    """Names divided by commas; none in an empty text."""
    return [name.strip() for name in text.split(",")] if text else []


def count(text: str) -> int:
    """Reads a whole number >= 0."""
    if not text.isdigit():
        raise argparse.ArgumentTypeError(
            "expected a whole number >= 0. Got: {!r}.".format(text))
    return int(text)


def positive(text: str) -> int:
    """Reads a whole number > 0."""
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError("expected a whole number > 0. Got: {!r}.".format(text))
    return int(text)


def amount(text: str) -> float:
    """Reads a finite number >= 0."""
    return _number_below(text, float("inf"), "a number >= 0")


def share(text: str) -> float:
    """Reads a number >= 0 and < 1."""
    return _number_below(text, 1.0, "a number >= 0 and < 1")


def _number_below(text: str, limit: float, expected: str) -> float:
    """Reads a number >= 0 and below a limit."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < limit:
        raise argparse.ArgumentTypeError("expected {}. Got: {!r}.".format(expected, text))
    return value


def place(text: str) -> str:
    """Reads a path, or an address such as s3://BUCKET/KEY."""
    try:
        return addresses.check(text)
    except BadInput as error:
        raise argparse.ArgumentTypeError(str(error))


def written_locally(text: str) -> str:
    """Reads the path of what is written to local disks alone."""
    try:
        return addresses.check_local(text, "this is written")
    except BadInput as error:
        raise argparse.ArgumentTypeError(str(error))


def choice(*names: str) -> Callable[[str], Optional[str]]:
    """Reads one of the names, or None."""
    def read(text: str) -> Optional[str]:
        if text == "None":
            return None
        if text not in names:
            raise argparse.ArgumentTypeError(
                "expected None or one of {}. Got: {!r}.".format(", ".join(names), text))
        return text

    return read
