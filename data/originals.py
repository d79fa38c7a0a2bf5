"""Public data sets as they are published: what the modules that read such files share.

make writes synthetic rows in the layout of the published files; convert makes the rows that
training reads of either.
"""

import argparse
import contextlib
import json
import os
import re
import sys
from typing import (
    IO, Callable, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple)

from numpy.random import Generator, default_rng

from common.config.flag_types import written_locally
from common.errors import BadInput
from common.files import replacing
from data import command
from data.lines import is_utf8, read_lines

_NUMBER = re.compile(rb"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_SHOWN = 80  # characters of a value in a message
Counts = Dict[str, int]
Make = Callable[[int, int, int, str], Counts]
Convert = Callable[..., Counts]
# The row that a line becomes, given the file, the line's number from 1 and the line without its
# end; None of a line that is no row, as a header.
Parse = Callable[[str, int, bytes], Optional[bytes]]


class Source(NamedTuple):
    """A published file.

    Attributes:
      path: the file, plain or compressed.
      target: the name of the file that a row goes to, by the row's number from 0.
    """

    path: str
    target: Callable[[int], str]


def wrong(path: str, number: int, column: str, value: bytes, expected: str) -> BadInput:
    """The error of a value that cannot be: where it is, what it is, and what was expected."""
    text = value[:_SHOWN].decode("utf-8", "backslashreplace")
    return BadInput("{}, line {}: {} is {!r}, expected {}. Fetch the file again, or correct the "
                    "line.".format(path, number, column, text, expected))


def split(path: str, number: int, line: bytes, delimiter: bytes, count: int) -> List[bytes]:
    """The fields of a line.

    Raises:
      BadInput: there are not as many as count.
    """
    fields = line.split(delimiter)
    if len(fields) != count:
        expected = "{} fields divided by {!r}, not {}".format(
            count, delimiter.decode(), len(fields))
        raise wrong(path, number, "the line", line, expected)
    return fields


def is_number(text: bytes) -> bool:
    """Whether a text is a finite decimal number."""
    return bool(_NUMBER.fullmatch(text))


def make_folder(out: str) -> None:
    """Makes a folder, if it is not there; raises BadInput where that cannot be."""
    try:
        os.makedirs(out, exist_ok=True)
    except OSError as error:
        raise BadInput("{}: the folder cannot be made: {}. Name another one with --out.".format(
            out, error.strerror))


@contextlib.contextmanager
def writing(
        out: str,
        names: Sequence[str],
        sources: Sequence[str],
        header: bytes = b"",
) -> Iterator[Dict[str, IO[bytes]]]:
    """Yields name -> a file to write, which replaces that of the name in a folder at the end.

    Each begins with the header, where there is one. On an error nothing of the folder has changed.

    Raises:
      BadInput: one of the sources would be written over.
    """
    make_folder(out)
    real = [os.path.realpath(source) for source in sources]
    with contextlib.ExitStack() as stack:
        files: Dict[str, IO[bytes]] = {}
        for name in names:
            path = os.path.join(out, name)
            if os.path.realpath(path) in real:
                raise BadInput("{} is read and would be written. Name another folder with --out."
                               .format(path))
            temporary = stack.enter_context(replacing(path))
            files[name] = stack.enter_context(open(temporary, "wb"))
            files[name].write(header + b"\n" if header else b"")
        yield files


def convert_lines(
        sources: Sequence[Source],
        parse: Parse,
        names: Sequence[str],
        out: str,
        header: bytes = b"",
) -> Counts:
    """Converts published files line by line, and shows progress.

    Args:
      names: of the files that rows go to.
      out: the folder of these files.
      header: their first line, where they have one.

    Returns:
      file name -> how many rows it has.

    Raises:
      BadInput: a file cannot be read, parse refuses a line, a file would have no rows, or two
        sources are one file, whose rows would be for training and for tests.
    """
    counts = dict.fromkeys(names, 0)
    paths = [source.path for source in sources]
    if len({os.path.realpath(path) for path in paths}) < len(paths):
        raise BadInput("{}: is given twice, so test rows would be training rows. Name another file "
                       "of test rows.".format(paths[0]))
    with writing(out, names, paths, header) as files:
        for source in sources:
            for row, line in enumerate(_rows(source.path, parse)):
                name = source.target(row)
                files[name].write(line + b"\n")
                counts[name] += 1
        for name, count in counts.items():
            if not count:
                raise BadInput("{}: too few rows, as none is left for {}.".format(
                    ", ".join(paths), name))
    return counts


def _rows(path: str, parse: Parse) -> Iterator[bytes]:
    for number, line in lines_of(path):
        row = parse(path, number, line)
        if row is not None:
            yield row


def lines_of(path: str) -> Iterator[Tuple[int, bytes]]:
    """Yields each line's number from 1 and the line without its end, but no blank lines at the end.

    Raises:
      BadInput: the file cannot be read, or a line is no text.
    """
    num_blank = 0
    for number, line in read_lines(path):
        if not line:
            num_blank += 1
            continue
        if num_blank:
            raise wrong(path, number - 1, "the line", b"", "blank lines at the end alone")
        if b"\r" in line or not is_utf8(line):
            raise wrong(path, number, "the line", line, "UTF-8 without a byte 0x0d")
        yield number, line


def make_lines(
        out: str,
        sizes: Counts,
        seed: int,
        draw: Callable[[Generator], bytes],
        header: bytes = b"",
) -> Counts:
    """Writes files of random lines; the same arguments give the same bytes.

    Args:
      sizes: file name -> how many lines it gets.
      draw: draws a line.
      header: a first line, where files have one.

    Raises:
      BadInput: one of the files is there already.
    """
    check_absent(out, list(sizes))
    with writing(out, list(sizes), [], header) as files:
        for place, (name, size) in enumerate(sizes.items()):
            rng = default_rng([seed, place])
            for _ in range(size):
                files[name].write(draw(rng) + b"\n")
    return sizes


def check_absent(out: str, names: Sequence[str]) -> None:
    """Raises BadInput where a file is in the folder already: it may be a published one."""
    for name in names:
        path = os.path.join(out, name)
        if os.path.exists(path):
            raise BadInput("{} is there already. Name another folder with --out, or remove it."
                           .format(path))


def run(
        argv: Optional[List[str]],
        title: str,
        make: Make,
        convert: Convert,
        sources: Dict[str, str],
        numbers: Optional[Mapping[str, Tuple[float, str]]] = None,
) -> int:
    """Runs one of the commands of a data set's module, make or convert.

    Args:
      argv: the arguments after the program's name; None for those of the process.
      title: the data set, for --help.
      make: writes rows in the published layout, given rows, test_rows, seed and out.
      convert: writes the rows that training reads, given out and the arguments of sources.
      sources: argument of convert -> what --help says of it; with dashes before it, it is a flag.
      numbers: flag of convert with a number -> its default, of its type, and what --help says.

    Returns:
      the exit status.
    """
    parser = argparse.ArgumentParser(description="Makes or converts rows of {}.".format(title))
    commands = parser.add_subparsers(dest="command")
    commands.required = True
    make_parser = commands.add_parser(
        "make", help="write synthetic rows in the layout of the published files")
    command.add_make_flags(make_parser, 20000, {}, "published")
    convert_parser = commands.add_parser("convert", help="write the rows that training reads")
    for name, text in sources.items():
        convert_parser.add_argument(name, help=text)
    for name, (default, text) in (numbers or {}).items():
        text = "{} (default {})".format(text, default)
        convert_parser.add_argument(name, type=type(default), default=default, help=text)
    convert_parser.add_argument(
        "--out", type=written_locally, default="data", help="folder to write to (default data)")
    arguments = vars(parser.parse_args(argv))
    steps: Dict[str, Callable[..., Counts]] = {"make": make, "convert": convert}
    return _run(parser, steps[arguments["command"]], arguments)


def _run(parser: argparse.ArgumentParser, step: Callable, arguments: Dict) -> int:
    """Calls make or convert and prints how many rows each file has; returns the exit status."""
    try:
        if arguments["command"] == "make":
            counts = command.checked_make(step, **arguments)
        else:
            del arguments["command"]
            counts = step(**arguments)
    except (BadInput, OSError) as error:
        if isinstance(error, OSError) and error.filename is None:  # as where a disk is full
            error.filename = arguments["out"]
        print("{}: error: {}".format(parser.prog, error), file=sys.stderr)
        return 1
    except ValueError as error:
        parser.error(str(error))
    print(json.dumps(counts, indent=2))
    return 0
