"""What a run does besides its steps is a list of callbacks; this is what each may do.

TensorFlow calls `begin`, `end` and `after_run` of hooks and listeners with arguments of its own, so
no method here has one of those names: a callback may be its own hook.
"""

import contextlib
from typing import TYPE_CHECKING, ContextManager, Dict, List, NamedTuple, Optional, Tuple

import tensorflow.compat.v1 as tf

from common.checkpoint.early_end import EarlyEnd, Rules
from common.config.run import Run
from common.process.signals import Signals

if TYPE_CHECKING:  # Python 3.7 has no Protocol of its own, and a run needs none
    from typing_extensions import Protocol
else:
    Protocol = object

Tensors = Dict[str, tf.Tensor]
Hooks = List[tf.train.SessionRunHook]
Listeners = List[tf.train.CheckpointSaverListener]


class Evaluation(NamedTuple):
    """What the test rows say of a checkpoint.

    Attributes:
      step: of the checkpoint.
      checkpoint: the prefix of its files.
      values: each metric by "task/metric", and TensorFlow's own `loss` and `global_step`.
      rows: what tells the rows that it was trained with from others, as the checkpoint says it;
        empty where it does not.
      eval_rows: of the run, where the evaluation is of its sample; 0 where it is of all rows. Only
        evaluations of the same rows can be compared.
    """

    step: int
    checkpoint: str
    values: Dict[str, float]
    rows: str = ""
    eval_rows: int = 0


class Trainer(Protocol):
    """What a callback may ask of the trainer that it is attached to; common.trainer has it.

    Attributes:
      run: what the trainer is asked to do.
      config: its place in a cluster, and when it saves.
      signals: that came while it trains or evaluates.
      max_steps: the global step that ends training in any case; None where the rows alone end it.
      is_chief: whether it trains alone or is the chief of its cluster.
      has_ended_early: whether this process has ended the run early.
    """

    run: Run
    config: tf.estimator.RunConfig
    signals: Signals
    max_steps: Optional[int]

    @property
    def is_chief(self) -> bool: ...

    @property
    def has_ended_early(self) -> bool: ...

    def first_step(self) -> int:
        """The step at which training resumes."""

    def is_over(self) -> bool:
        """Whether the newest checkpoint is the last one of the run."""

    def ended_early(self) -> Optional[EarlyEnd]:
        """Why the run ends before --steps, None where it does not."""

    def are_other_rows(self, text: str) -> bool:
        """Whether a run with the rows that a text tells from others was another pass."""

    def end_early(self, step: int, reason: str, decided_by: Rules) -> None:
        """Ends the run in all of its processes, for a reason that the checkpoint of a step gave."""

    def save(self, run_context: tf.train.SessionRunContext, step: int) -> None:
        """Saves a full checkpoint within training."""

    def listeners(self) -> Listeners:
        """What hears of full checkpoints."""

    def tell_saving(self, is_saving: bool) -> None:
        """Tells the callbacks that something begins to be saved, or is saved."""

    def evaluate_newest(self) -> Dict[str, float]:
        """The metrics of the newest checkpoint, within training."""

    def rows_seen(self) -> int:
        """How many of its rows the checkpoint has trained from which training resumes."""

    def validate(self, checkpoint: str) -> Evaluation:
        """What the training rows say of a checkpoint that has not seen them."""

    def export(self, folder: str, checkpoint: Optional[str] = None) -> None:
        """Writes FOLDER/TIMESTAMP with the model of a checkpoint."""


class Callback:
    """One thing that a run does besides its steps; each method does nothing by default."""

    def attach(self, trainer: "Trainer") -> None:
        """Gets to know the run, before any graph is built."""

    def first_hooks(self) -> Hooks:
        """Hooks of training that see a step before those that an Estimator adds by itself."""
        return []

    def batch(self, features: Tensors, labels: Tensors, mode: str) -> Tuple[Tensors, Tensors]:
        """The batch as the model is to see it; not called for predictions."""
        return features, labels

    def change(self, spec: tf.estimator.EstimatorSpec, features: Tensors,
               mode: str) -> tf.estimator.EstimatorSpec:
        """The model's spec with what this callback adds to the graph, in any mode."""
        return spec

    def hooks(self, spec: tf.estimator.EstimatorSpec) -> Hooks:
        """Hooks of training, made in the graph of the finished spec."""
        return []

    def listeners(self) -> Listeners:
        """What is to hear of each full checkpoint; asked for in the graph of training."""
        return []

    def saving(self, is_saving: bool) -> None:
        """A checkpoint or an increment begins to be saved (True), or is saved (False)."""

    def around(self) -> ContextManager[object]:
        """What holds while this process trains."""
        return contextlib.nullcontext()

    def ends_early_by(self) -> Rules:
        """The flags by which this callback may end the run early; none where it never does."""
        return {}

    def evaluated(self, evaluation: Evaluation) -> None:
        """A checkpoint was evaluated in this process; each evaluation is told once."""

    def close(self) -> None:
        """This process has made its last step, now or in an earlier start."""
