"""Which columns rows have: the data set that --schema names, a module of data/ or a JSON file."""

import argparse
import glob
import importlib
import os
from typing import Any, List

from common.config import schema_file
from common.config.flag_types import FILES, FlagParser
from common.config.model import ROOT
from common.config.schema import Schema

_PACKAGE = "data."


def add_flags(parser: FlagParser) -> None:
    """Adds the flag that names the schema, whose default is the model's own data set."""
    default = parser.get_default("model").data[len(_PACKAGE):]
    parser.group(FILES).add_argument(
        "--schema", type=of_flag, default=default, metavar="NAME",
        help="columns of the rows: a module of data/, or a file NAME.json "
             "(default {})".format(default))


def of_flag(text: str) -> Schema:
    """The schema that a flag names; its errors are those of wrong use."""
    try:
        return load(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error))


def load(name: str) -> Schema:
    """The schema of a module of data/, or of a file whose name ends in .json.

    Raises:
      ValueError: there is none of that name, or something in the file is wrong.
    """
    if name.endswith(".json"):
        return schema_file.read(name)
    known = names()
    if name not in known:
        raise ValueError("no data set {!r}. There are {}; or name a file that ends in .json."
                         .format(name, ", ".join(known)))
    module: Any = importlib.import_module(_PACKAGE + name)
    return module.SCHEMA


def names() -> List[str]:
    """The modules of data/ that have a SCHEMA, by name."""
    found = []
    for path in glob.glob(os.path.join(ROOT, "data", "*.py")):
        with open(path, encoding="utf-8") as file:
            has_schema = "\nSCHEMA = " in file.read()
        name = os.path.basename(path)[:-len(".py")]
        if has_schema and not name.endswith("_test"):
            found.append(name)
    return sorted(found)
