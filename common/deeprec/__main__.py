"""Prints who serves which flag, as Markdown: python -m common.deeprec."""

import importlib
from typing import Any, Dict, List

from common import flags, log
from common.config import model
from common.deeprec import support


def main() -> None:
    """Prints the tables of all models."""
    models = model.read_all()
    own: Dict[str, List[str]] = {}
    for folder, value in models.items():
        parser = flags.make_parser("", value)
        shared = parser.names()
        train: Any = importlib.import_module(folder + ".train")
        train.add_flags(parser)
        own[folder] = parser.names()[len(shared):]
    log.show(support.document(models, shared, own))


if __name__ == "__main__":
    main()
