"""The Amazon Books data set of DIN: its schema, its synthetic rows and its conversion.

    python data/amazon.py make --rows 600000 --seed 1 --out data
    python data/amazon.py convert local_train_splitByUser local_train_splitByUser.parquet

data/din/ prepares the real data; data/histories.py makes the synthetic rows.
"""

import functools
import os
import sys
from typing import List, Optional

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common.config.schema import Schema  # noqa: E402
from data import command, histories  # noqa: E402
from data.din.columns import columns  # noqa: E402
from data.interests import Names  # noqa: E402

SCHEMA = Schema(
    name="amazon",
    columns=columns("uid_voc", "mid_voc", "cat_voc"),
    train_file="local_train_splitByUser",
    test_file="local_test_splitByUser",
    user_column="user",
    module="data/amazon.py",
    delimiter="\t",
    parquet_lists=True,
)
NAMES = Names(item="{:010d}", category="Books {:02d}")

make = functools.partial(histories.make, SCHEMA, NAMES)


def main(argv: Optional[List[str]] = None) -> int:
    """Runs one of the two commands, make and convert."""
    return command.run(argv, SCHEMA, 600000, {}, make)


if __name__ == "__main__":
    sys.exit(main())
