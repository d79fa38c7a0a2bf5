"""What ends a run early: each error with a message for the person who started it."""

import signal


class BadInput(ValueError):
    """Input that cannot be read; the message says where, what was given, what was expected and what to do."""


class NeverCame(RuntimeError):
    """A process was waited for longer than --wait_secs."""


class Lost(RuntimeError):
    """A process lost others of its cluster in a way that it cannot mend; started again, it goes on."""


class Stopped(Exception):
    """Training or evaluation ended because of a signal; `status` is the process' exit status for it.

    Args:
      number: of the signal.
      folder: of the checkpoints, where they are known.
    """

    def __init__(self, number: int, folder: str = "") -> None:
        super().__init__("stopped by {}; the same command with {} goes on from there".format(
            signal.Signals(number).name, "--checkpoint " + folder if folder else "the same --checkpoint"))
        self.status = 128 + number


class NanLoss(RuntimeError):
    """The loss is not a number; the message names the step and the rows of its batch."""
