"""Divides samples by user: a tenth of the users to the test file, the others to the training file.

    python data/din/script/split_by_user.py samples local_train_splitByUser local_test_splitByUser

The user and the seed alone decide to which file a line goes, so a user's lines stay together
wherever they are in the file. Memory holds one line.
"""

import argparse
import hashlib
import pathlib
import sys
from typing import Iterator, List, Optional, Tuple

_ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(_ROOT))
from common.config.flag_types import written_locally  # noqa: E402
from common.counts import counted  # noqa: E402
from common.errors import BadInput  # noqa: E402
from common.files import replacing  # noqa: E402
from data.din import steps  # noqa: E402
from data.din.samples import read_samples  # noqa: E402
from data.lines import describe  # noqa: E402

_USERS_A_TEST_USER = 10


def is_test_user(user: bytes, seed: int) -> bool:
    """Whether a user's samples are for the test: a draw of a tenth, fixed by user and seed."""
    return number_of(user, seed) % _USERS_A_TEST_USER == 0


def number_of(user: bytes, seed: int) -> int:
    """A number below 2 ** 64 that is drawn for a user, fixed by user and seed."""
    text = b"%d\t%s" % (seed, user)
    digest = hashlib.blake2b(text, digest_size=8).digest()
    return int.from_bytes(digest, "little")


def split(
        source: str,
        train: str,
        test: str,
        seed: int,
) -> Tuple[int, int]:
    """Writes each of the samples of source to train or to test.

    Returns:
      the lines of train and of test.

    Raises:
      BadInput: source cannot be read, or all users are on one side; nothing is written then.
    """
    num_train = num_test = 0
    with replacing(train) as train_path, replacing(test) as test_path:
        with open(train_path, "wb") as train_file, open(test_path, "wb") as test_file:
            for _, sample in read_samples(source):
                line = b"\t".join(sample)
                if is_test_user(sample.user, seed):
                    test_file.write(line + b"\n")
                    num_test += 1
                else:
                    train_file.write(line + b"\n")
                    num_train += 1
        if not num_train or not num_test:
            raise BadInput("{}: training would get {} and test {}. Give more users or another "
                           "--seed.".format(
                               source, counted(num_train, "line"), counted(num_test, "line")))
    return num_train, num_test


def main(argv: Optional[List[str]] = None) -> int:
    """Divides one file of samples; returns the exit status."""
    description = "Divides samples by user into training and test."
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("samples", help="the file of local_aggretor.py")
    parser.add_argument("train", type=written_locally, help="the training file to write")
    parser.add_argument("test", type=written_locally,
                        help="the test file to write, of a tenth of the users")
    steps.add_seed(parser, "the draw of test users")
    args = parser.parse_args(argv)
    steps.check_not_negative(parser, "--seed", args.seed)
    return steps.run(parser, lambda: _write(args))


def _write(args: argparse.Namespace) -> Iterator[str]:
    num_train, num_test = split(args.samples, args.train, args.test, args.seed)
    yield describe(args.train, num_train, "lines")
    yield describe(args.test, num_test, "lines")


if __name__ == "__main__":
    sys.exit(main())
