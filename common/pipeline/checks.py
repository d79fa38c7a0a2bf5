"""What is wrong with the rows of a file: counted up to a limit, then an error that ends the run."""

from typing import Dict, Optional, Sequence, Set, Tuple

from common.config.flag_types import FILES, FlagParser, count
from common.errors import BadInput
from common.formats.chunks import Reject, file_of, first_row_of, row_in_file


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
      error: the BadInput that ended reading, if one did; input pipelines lose the exception's type.

    Args:
      skippable: whether the command that reads has --max_bad_rows.
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
        """How many values of each vocabulary column that its vocabulary lacks were read so far."""
        counts: Dict[str, int] = {}
        for key, count in sorted(self._unknown.items()):
            _, column, _ = key
            counts.setdefault(column, 0)
            counts[column] += count
        return counts

    def rows(self, paths: Sequence[str]) -> Set[int]:
        """The numbers of the rows of some files that were skipped so far.

        Args:
          paths: of the files, by their numbers.
        """
        files = dict(zip(paths, range(len(paths))))
        return {first_row_of(files[path]) + row for path, row in self._seen if path in files}

    def add(self, paths: Sequence[str], rejects: Sequence[Reject]) -> None:
        """Skips rows of some files.

        Args:
          paths: of the files, by their numbers.

        Raises:
          BadInput: there are more of them than the limit allows.
        """
        for reject in sorted(rejects):
            path = paths[file_of(reject.row)]
            self._seen.add((path, row_in_file(reject.row)))
            if self.count > self.limit:
                raise BadInput(self._message(path, reject))

    def _message(self, path: str, reject: Reject) -> str:
        place = "{}, row {}".format(path, row_in_file(reject.row) + 1)
        if reject.column:
            place += ", column {!r}".format(reject.column)
        return "{}: {!r} is given, expected {}. {}".format(
            place,
            reject.value,
            reject.expected,
            self._advice,
        )

    @property
    def _advice(self) -> str:
        if self.limit:
            message = "Mend or remove the row; more than --max_bad_rows {} rows cannot be read."
            return message.format(self.limit)
        if self._skippable:
            return "Mend or remove the row, or skip up to N such rows with --max_bad_rows N."
        return "Mend or remove the row."

    def add_unknown(
        self,
        paths: Sequence[str],
        column: str,
        first_row: int,
        count: int,
    ) -> None:
        """Counts the ids that a vocabulary lacks in the chunk that begins at a row."""
        if count:
            path = paths[file_of(first_row)]
            self._unknown[path, column, row_in_file(first_row)] = count
