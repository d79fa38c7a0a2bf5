"""Divides samples by user: a tenth of the users to the test file, the others to the training file.

    python data/din/script/split_by_user.py samples local_train_splitByUser local_test_splitByUser

The side of a user follows from the user and the seed alone, so a user's lines stay together wherever they stand. One
line is held at a time.
"""

import argparse
import hashlib
import os
import sys
from typing import List, Optional, Tuple

sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 3)))
from common.errors import BadInput  # noqa: E402
from common.files import replacing  # noqa: E402
from data.din.lines import describe, read_samples  # noqa: E402

_TEST_SHARE = 10  # one in so many users


def is_test_user(user: bytes, seed: int) -> bool:
    """Whether a user falls to the test file: a draw of a tenth, fixed by user and seed."""
    digest = hashlib.blake2b(b"%d\t%s" % (seed, user), digest_size=8).digest()
    return int.from_bytes(digest, "little") % _TEST_SHARE == 0


def split(source: str, train: str, test: str, seed: int) -> Tuple[int, int]:
    """Writes the samples of source to train or test.

    Returns:
      the lines of train and of test.

    Raises:
      BadInput: source cannot be read, or all users fall to one side; nothing is written then.
    """
    counts = [0, 0]
    with replacing(train) as train_path, replacing(test) as test_path:
        with open(train_path, "wb") as train_file, open(test_path, "wb") as test_file:
            files = train_file, test_file
            for _, sample in read_samples(source):
                side = is_test_user(sample.user, seed)
                files[side].write(b"\t".join(sample) + b"\n")
                counts[side] += 1
        if not all(counts):
            raise BadInput("{}: {} lines fall to training and {} to test. Give more users or another --seed.".format(
                source, *counts))
    return counts[0], counts[1]


def main(argv: Optional[List[str]] = None) -> int:
    """Divides one file of samples."""
    parser = argparse.ArgumentParser(description="Divides samples by user into training and test.")
    parser.add_argument("samples", help="the file of local_aggretor.py")
    parser.add_argument("train", help="the training file to write")
    parser.add_argument("test", help="the test file to write, of a tenth of the users")
    parser.add_argument("--seed", type=int, default=2021, help="seed of the draw of users (default 2021)")
    args = parser.parse_args(argv)
    if args.seed < 0:
        parser.error("--seed must be >= 0. Got: {}.".format(args.seed))
    try:
        counts = split(args.samples, args.train, args.test, args.seed)
        for path, count in zip((args.train, args.test), counts):
            print(describe(path, count, "lines"))
    except (BadInput, OSError) as error:
        print("{}: error: {}".format(parser.prog, error), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
