from typing import Any, Dict, NamedTuple, Optional

import pytest
import tensorflow.compat.v1 as tf

from common.callbacks.callback import Callback, Hooks
from common.config.cluster import Cluster
from common.estimators import Estimators, run_config
from common.testing.runs import make_run

JOBS = {"chief": ["a:1"], "ps": ["b:1"]}


class Where(NamedTuple):
    """A parameter that tells for which process it was made."""

    text: str = "trains"
    steps: int = 0

    def within(self, steps: int) -> "Where":
        return self._replace(steps=steps)

    def alone(self) -> "Where":
        return self._replace(text="alone")

    def exported(self) -> "Where":
        return self._replace(text="exported")


class Params(NamedTuple):
    where: Where = Where()


class Doubled(Callback):
    """Doubles the batch, then the loss; its hook stands before the model's."""

    def batch(self, features: Any, labels: Any, mode: str) -> Any:
        return {name: 2 * value for name, value in features.items()}, labels

    def change(self, spec: Any, features: Any, mode: str) -> Any:
        return spec._replace(loss=2 * spec.loss)

    def hooks(self, spec: Any) -> Hooks:
        return [tf.train.SessionRunHook()]


@pytest.mark.parametrize("save_steps, expected",
                         [(None, (600, None)), (0, (None, 1 << 30)), (7, (None, 7))])
def test_when_checkpoints_are_saved(
        save_steps: Optional[int], expected: object, tmp_path: object) -> None:
    config = run_config(make_run(tmp_path, save_steps=save_steps), None)
    assert (config.save_checkpoints_secs, config.save_checkpoints_steps) == expected


@pytest.mark.parametrize("cluster, evaluates", [(None, "trains"),
                                                (Cluster(JOBS, "chief", 0), "alone")])
def test_each_has_the_parameters_of_its_process(
        cluster: Optional[Cluster], evaluates: str, tmp_path: object) -> None:
    made = Estimators(make_run(tmp_path, cluster=cluster), lambda: None, Params(), [])
    wheres = [one.params.where.text for one in (made.train, made.evaluate, made.export)]
    assert wheres == ["trains", evaluates, "exported"]
    assert made.train.params.where.steps == made.evaluate.params.where.steps == 30
    assert made.export.config.cluster_spec.jobs == []
    assert made.config.cluster_spec.jobs == sorted(cluster.jobs if cluster else [])


def test_callbacks_add_to_the_model(tmp_path: object) -> None:
    own = tf.train.SessionRunHook()

    def model_fn(features: Dict[str, tf.Tensor], labels: object, mode: str,
                 params: Params) -> tf.estimator.EstimatorSpec:
        return tf.estimator.EstimatorSpec(
            mode, loss=features["x"], train_op=tf.no_op(), training_hooks=[own])

    for mode, hooks in ((tf.estimator.ModeKeys.TRAIN, 2), (tf.estimator.ModeKeys.EVAL, 1)):
        made = Estimators(make_run(tmp_path), model_fn, Params(), [Doubled()])
        with tf.Graph().as_default(), tf.Session() as session:
            features = {"x": tf.constant(3.0)}
            spec = made.train._call_model_fn(features, {}, mode, made.config)
            assert session.run(spec.loss) == 12.0
            assert len(spec.training_hooks) == hooks and spec.training_hooks[-1] is own
