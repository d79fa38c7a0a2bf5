"""What is wrong with the rows of a file: counted up to a limit, then the error that ends the run."""

from typing import Dict, Optional, Sequence, Set, Tuple

from common.config.flag_types import FILES, FlagParser, count
from common.errors import BadInput
from common.pipeline.chunks import Reject


def add_flags(parser: FlagParser) -> None:
    """Adds the flag of how many bad rows are skipped."""
    parser.group(FILES).add_argument(
        "--max_bad_rows", type=count, default=0, metavar="N",
        help="skip and count up to N rows that cannot be read (default 0)")


class BadRows:
    """Counts the rows that cannot be read, up to a limit, and the ids that vocabularies lack.

    A row counts once, however often it is read.

    Attributes:
      limit: how many rows may be skipped.
      skippable: whether the command that reads has --max_bad_rows.
      error: the BadInput that ended reading, if one did; input pipelines lose the exception's type on the way.
    """

    def __init__(self, limit: int, skippable: bool = True) -> None:
        if limit < 0:
            raise ValueError("max_bad_rows must be >= 0. Got: {}.".format(limit))
        self.limit = limit
        self._skippable = skippable
        self.error: Optional[BadInput] = None
        self._seen: Set[Tuple[str, int]] = set()
        self._unknown: Dict[Tuple[str, str, int], int] = {}

    @property
    def count(self) -> int:
        """How many rows were skipped so far."""
        return len(self._seen)

    @property
    def unknown_ids(self) -> Dict[str, int]:
        """How many values of each vocabulary column were read so far that its vocabulary lacks."""
        counts: Dict[str, int] = {}
        for (_, column, _), count in sorted(self._unknown.items()):
            counts[column] = counts.get(column, 0) + count
        return counts

    def rows(self, path: str) -> Set[int]:
        """The numbers (from 0) of a file's rows that were skipped so far."""
        return {row for seen, row in self._seen if seen == path}

    def add(self, path: str, rejects: Sequence[Reject]) -> None:
        """Skips rows of a file.

        Raises:
          BadInput: there are more of them than the limit allows.
        """
        for reject in sorted(rejects):
            self._seen.add((path, reject.row))
            if self.count > self.limit:
                advice = "Mend or remove the row."
                if self.limit:
                    advice = "Mend or remove the row; more than --max_bad_rows {} rows cannot be read.".format(
                        self.limit)
                elif self._skippable:
                    advice = "Mend or remove the row, or skip up to N such rows with --max_bad_rows N."
                raise BadInput("{}, row {}{}: {!r} is given, expected {}. {}".format(
                    path, reject.row + 1, reject.column and ", column {!r}".format(reject.column), reject.value,
                    reject.expected, advice))

    def add_unknown(self, path: str, column: str, first_row: int, count: int) -> None:
        """Counts the ids that a vocabulary lacks in the chunk that begins at a row."""
        if count:
            self._unknown[path, column, first_row] = count
