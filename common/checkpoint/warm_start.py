"""A warm start: a new run begins at step 0 with the weights of another run's checkpoint."""

from typing import Dict, List, NamedTuple

import tensorflow.compat.v1 as tf

from common import tf_private
from common.checkpoint import warm_source, warm_tables, warm_variables
from common.checkpoint.warm_source import Source
from common.checkpoint.warm_tables import TableStart
from common.checkpoint.warm_variables import Growth
from common.embedding import graph_record
from common.errors import BadInput
from common.optimizers import updates
from common.tf_private import full_name

_UNREADABLE = (tf.errors.NotFoundError, tf.errors.DataLossError, tf.errors.OutOfRangeError)
_NO_SLOTS = "without the optimizer's slots, which start as new"


class Started(NamedTuple):
    """What a run has started from, as config.json holds it.

    Attributes:
      checkpoint, increment: the prefixes of the files; no increment where there was none.
      step: the global step of that run.
      slots: whether the optimizer's slots came along.
      variables: how many variables and embedding variables came from there.
      initialized: those that did not, and why.
    """

    checkpoint: str
    increment: str
    step: int
    slots: bool
    variables: int
    initialized: Dict[str, str]


class WarmStart:
    """Sets the variables of the default graph, whose training step is made, from a checkpoint.

    Args:
      growth: of the vocabularies that have more words than in the checkpoint's run.
      with_slots: whether the optimizer's slots come along.

    Attributes:
      started: what it starts from.

    Raises:
      BadInput: the checkpoint has none of the variables.
    """

    def __init__(self, source: Source, growth: Growth, with_slots: bool) -> None:
        self._source = source
        plan = warm_variables.plan(_variables(with_slots), source, growth)
        absent = dict(plan.absent)
        self._tables = _tables(source, with_slots, absent)
        names = {full_name(variable) for variable in (*plan.whole, *plan.grown)}
        count = len(names) + len(self._tables)
        if not count:
            raise BadInput(
                "--warm_start: {} has none of the {} variables of this model. Give the run of a "
                "model with the same columns and storage of embeddings.".format(
                    source.path, len(absent)))
        self._assign = warm_variables.assign(plan, source)
        self.started = Started(
            source.path, source.increment, source.step, with_slots, count, absent)

    def run(self, session: tf.Session) -> None:
        """Sets them, once they are initialized.

        Raises:
          BadInput: the checkpoint is damaged, or is no longer there.
        """
        try:
            session.run(self._assign)
            for table in self._tables:
                table.run(session)
        except _UNREADABLE as error:
            raise warm_source.unreadable(self._source.path, error)


def _variables(with_slots: bool) -> List[tf.Variable]:
    """What may come from another run: the step does not, nor what counts by it."""
    left_out = {id(tf.train.get_global_step())}
    for variable in updates.recorded().of_optimizer:
        if not with_slots or variable.dtype.base_dtype.is_integer:
            left_out.add(id(variable))
    return [variable for variable in tf.global_variables() if id(variable) not in left_out]


def _tables(source: Source, with_slots: bool, absent: Dict[str, str]) -> List[TableStart]:
    """The embedding variables that a checkpoint has; adds the others to those that are absent."""
    starts = []
    for variable in graph_record.of_graph().variables.values():
        difference = warm_tables.difference(variable, source)
        if difference:
            absent[variable.name] = difference
            continue
        its_slots = with_slots and warm_tables.has_slots(variable, source)
        if with_slots and not its_slots:
            absent[variable.name] = _NO_SLOTS
        starts.append(TableStart(variable, source, its_slots))
    return starts


def with_start(spec: tf.estimator.EstimatorSpec, start: WarmStart) -> tf.estimator.EstimatorSpec:
    """The spec whose scaffold sets the variables where there is no checkpoint to restore.

    The global step is initialized last: the other trainers of a cluster wait until all variables
    are, and would train what is not there yet.
    """
    step = tf.train.get_global_step()
    others = [variable.initializer for variable in tf.global_variables() if variable is not step]
    before = spec.scaffold.init_fn

    def init(_: tf.train.Scaffold, session: tf.Session) -> None:
        start.run(session)
        if before:
            before(session)
        session.run(step.initializer)

    scaffold = tf.train.Scaffold(
        init_op=tf.group(*others, tf_private.initialize_resources()), init_fn=init,
        copy_from_scaffold=spec.scaffold)
    return spec._replace(scaffold=scaffold)
