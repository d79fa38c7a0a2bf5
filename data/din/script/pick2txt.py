"""Converts pickled vocabularies to text: one name a line, the line number from 0 is the id.

    python data/din/script/pick2txt.py uid_voc.pkl mid_voc.pkl cat_voc.pkl

writes uid_voc.txt, mid_voc.txt and cat_voc.txt beside them. Nothing in a pickle is run.
"""

import argparse
import os
import sys
from typing import List, Optional

sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 3)))
from common.errors import BadInput  # noqa: E402
from common.pipeline import vocabulary  # noqa: E402
from data.din.lines import describe  # noqa: E402


def convert(path: str) -> str:
    """Writes the text file of one pickle and returns a line about it.

    Raises:
      BadInput: the pickle is no vocabulary; nothing is written then.
    """
    names = vocabulary.load_pkl(path)
    target = os.path.splitext(path)[0] + ".txt"
    vocabulary.save_txt(target, names)
    return describe(target, len(names), "lines")


def main(argv: Optional[List[str]] = None) -> int:
    """Converts each of the given files."""
    parser = argparse.ArgumentParser(description="Converts pickled vocabularies to text files beside them.")
    parser.add_argument("pickles", nargs="+", help="files of generate_voc.py, each ending in .pkl")
    args = parser.parse_args(argv)
    wrong = [path for path in args.pickles if not path.endswith(".pkl")]
    if wrong:
        parser.error("pickles must end in .pkl. Got: {}.".format(", ".join(wrong)))
    try:
        for path in args.pickles:
            print(convert(path))
    except (BadInput, OSError) as error:
        print("{}: error: {}".format(parser.prog, error), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
