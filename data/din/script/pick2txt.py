"""Converts pickled vocabularies to text: one name a line, the line number from 0 is the id.

    python data/din/script/pick2txt.py uid_voc.pkl mid_voc.pkl cat_voc.pkl

writes uid_voc.txt, mid_voc.txt and cat_voc.txt to the same folder. Nothing in a pickle is executed.
"""

import argparse
import os
import pathlib
import sys
from typing import List, Optional

_ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(_ROOT))
from common.pipeline import vocabulary  # noqa: E402
from data.din import steps  # noqa: E402
from data.lines import describe  # noqa: E402


def convert(path: str) -> str:
    """Writes the text file of one pickle; returns a line about it.

    Raises:
      BadInput: the pickle is no vocabulary; nothing is written then.
    """
    names = vocabulary.load_pkl(path)
    stem, _ = os.path.splitext(path)
    target = stem + ".txt"
    vocabulary.save_txt(target, names)
    return describe(target, len(names), "lines")


def main(argv: Optional[List[str]] = None) -> int:
    """Converts each of the files; returns the exit status."""
    description = "Converts pickled vocabularies to text files in the same folder."
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("pickles", nargs="+", help="files of generate_voc.py, each ending in .pkl")
    args = parser.parse_args(argv)
    wrong = [path for path in args.pickles if not path.endswith(".pkl")]
    if wrong:
        parser.error("pickles must end in .pkl. Got: {}.".format(", ".join(wrong)))
    return steps.run(parser, lambda: map(convert, args.pickles))


if __name__ == "__main__":
    sys.exit(main())
