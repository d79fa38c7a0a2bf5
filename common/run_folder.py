"""The folder that a run writes to: of one run at a time, without what killed starts have left."""

import contextlib
import os
from typing import ContextManager, Iterator

from common.callbacks import best_export
from common.checkpoint import leftovers
from common.config.run import Run
from common.log import log
from common.process import folder_lock

EXPORT = "export"  # the folder of a run's exported models


def held(run: Run) -> ContextManager[None]:
    """Holds the lock of the run's folder and clears what killed starts left in it.

    Only in the process that writes there; a mirror of a folder in an object store has its own lock.

    Raises:
      FolderInUse: another run writes there.
    """
    if run.mirrors or run.cluster and run.cluster.role != "chief":
        return contextlib.nullcontext()
    return _locked_and_cleared(run)


@contextlib.contextmanager
def _locked_and_cleared(run: Run) -> Iterator[None]:
    with folder_lock.held(run.checkpoint_dir):
        left = leftovers.of_saves(run.checkpoint_dir)
        for folder in (EXPORT, best_export.FOLDER):
            left += leftovers.of_exports(os.path.join(run.result_dir, folder))
        if left:
            log("removing what a start that was killed has left: {}".format(", ".join(left)))
            leftovers.remove(left)
        yield
