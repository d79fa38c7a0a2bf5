"""What a run does besides its steps: the list of its callbacks."""

from typing import Callable, List, NamedTuple, Sequence

from common import rows
from common.callbacks.best_export import BestExport
from common.callbacks.callback import Callback
from common.callbacks.curves import Curves
from common.callbacks.early_stopping import EarlyStopping
from common.callbacks.ending import EndEarly
from common.callbacks.evaluate_every import EvaluateEvery
from common.callbacks.evaluation_log import EvaluationLog
from common.callbacks.first_session import FirstSession
from common.callbacks.keeping import Keeping
from common.callbacks.mirroring import Mirroring
from common.callbacks.nan_guard import NanGuard
from common.callbacks.progress import Progress
from common.callbacks.queue_record import QueueRecord
from common.callbacks.room_for_variables import RoomForVariables
from common.callbacks.staging import Staging
from common.callbacks.stop_on_signal import StopOnSignal
from common.callbacks.timeline import Timeline
from common.callbacks.trained_rows import TrainedRows
from common.callbacks.validate_first import ValidateFirst
from common.callbacks.warm_start import WarmStart
from common.callbacks.watch import AwaitServers, WatchCluster
from common.config.run import Run
from common.pipeline.source import Data
from common.places.mirrors import Mirror


class Own(NamedTuple):
    """The callbacks that a trainer itself asks: for steps, for a save, and for what was read."""

    progress: Progress
    keeper: Keeping
    warm_start: WarmStart


def callbacks_of(run: Run, data: Data, train_rows: rows.Rows, own: Own,
                 on_start: Callable[[], None], mirrors: Sequence[Mirror]) -> List[Callback]:
    """Everything that a run does besides its steps.

    A step is seen by the first_hooks() of all of them in this order, then by the hooks that an
    Estimator adds by itself, then by the hooks() of all of them in this order.

    Args:
      own: those that the trainer keeps for itself.
      on_start: what to call when the first session is there.
      mirrors: of the run's folders, where these lie in an object store.
    """
    return [
        NanGuard(data.train.paths, train_rows.rows_of_batch),
        RoomForVariables(),
        AwaitServers(),
        StopOnSignal(),
        FirstSession(on_start),
        own.progress,
        Staging(run.toggles),
        QueueRecord(train_rows.queue),
        TrainedRows(run, train_rows.counter),
        own.keeper,
        own.warm_start,
        ValidateFirst(run),
        Timeline(run),
        EvaluateEvery(run),
        EvaluationLog(run.result_dir),
        Curves.of_run(run, data),
        BestExport(run),
        EarlyStopping(run),
        EndEarly(run),
        WatchCluster(run),
        Mirroring(mirrors),
    ]
