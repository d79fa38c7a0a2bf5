"""What ends a run early: each error with a message for the person who started it."""

import signal


def in_one_line(error: object) -> str:
    """The words of a library's error, which may go over several lines, for a message of ours."""
    return " ".join(str(error).split())


class BadInput(ValueError):
    """Input that cannot be read.

    The message says where it is, what it is, what was expected and what to do.
    """


class NeverCame(RuntimeError):
    """A process did not start within --wait_secs."""


class Lost(RuntimeError):
    """A process lost the connection to its cluster for good; a restart resumes training."""


class Stopped(Exception):
    """Training or evaluation ended because of a signal; `status` is the process' exit status for
    it.

    Args:
      number: the signal's.
      folder: the checkpoints', if known.
    """

    def __init__(self, number: int, folder: str = "") -> None:
        checkpoint = "--checkpoint " + folder if folder else "the same --checkpoint"
        super().__init__("stopped by {}; the same command with {} resumes there".format(
            signal.Signals(number).name, checkpoint))
        self.status = 128 + number


class FolderInUse(RuntimeError):
    """Another run writes into the folder."""


class AucDropped(RuntimeError):
    """The model is worse on new rows than it was on those before them, by more than it may be."""


class NanLoss(RuntimeError):
    """The loss is not a number; the message names the step and the rows of its batch."""
