"""What a run is asked to do."""

from typing import NamedTuple, Optional, Tuple

from common.config.cluster import Cluster
from common.config.toggles import Toggles


class _RunFields(NamedTuple):
    model: str
    checkpoint_dir: str
    result_dir: str
    steps: int
    epochs: int
    batch_size: int
    seed: int
    shuffle_rows: int
    parquet_shuffle: bool
    save_steps: Optional[int]
    keep_checkpoint_max: int
    timeline: int
    evaluate: bool
    inter: int
    intra: int
    protocol: str
    toggles: Toggles
    cluster: Optional[Cluster] = None
    wait_secs: float = 1800.0
    incremental_ckpt: int = 0
    workqueue: bool = False
    eval_steps: int = 0
    early_stop: int = 0
    early_stop_metric: str = ""
    asked: Tuple[Tuple[str, str], ...] = ()


class Run(_RunFields):
    """What one run does, apart from the model.

    Attributes:
      model: the model's name.
      checkpoint_dir: folder of checkpoints and events; training goes on from what is in it.
      result_dir: folder of config.json, metrics.json, timelines and export/.
      steps: the global step at which training ends.
      epochs: where the steps are those of whole epochs, their number: the last batch then ends with the last row and
        may be smaller. 0: the rows are repeated for as long as the steps last.
      batch_size: rows a step.
      seed: of weights and row order.
      shuffle_rows: rows mixed at a time, 0 for the file's order.
      parquet_shuffle: whether a Parquet file's row groups are drawn in random order.
      save_steps: steps between checkpoints; 0 only at the end, None every ten minutes.
      keep_checkpoint_max: newest checkpoints kept.
      timeline: steps between Chrome traces, 0 for none.
      evaluate: whether to evaluate on the test rows.
      inter, intra: threads, 0 for TensorFlow's choice.
      protocol: between the processes of a cluster.
      toggles: which kernels the graph uses.
      cluster: the job that this process is a part of, None for a run in one process.
      wait_secs: how long to wait for other processes of it.
      incremental_ckpt: seconds between incremental checkpoints, 0 for none.
      workqueue: whether trainers take their rows from one queue of work items.
      eval_steps: global steps between evaluations within training, 0 for none.
      early_stop: evaluations in a row without improvement that end the run, 0 for none.
      early_stop_metric: "task/metric" by which evaluations are better or worse.
      asked: the features that are on beside the toggles, and their values.

    Raises:
      ValueError: steps or batch_size is not > 0.
    """

    __slots__ = ()

    def __new__(cls, *args: object, **kwargs: object) -> "Run":
        self = super().__new__(cls, *args, **kwargs)  # type: ignore[arg-type]
        for name in ("steps", "batch_size"):
            if getattr(self, name) <= 0:
                raise ValueError("{} must be > 0. Got: {}.".format(name, getattr(self, name)))
        return self
