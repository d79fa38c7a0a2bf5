import re
from typing import Any

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common.config.flag_types import FlagParser
from common.config.model import Model
from common.config.schema import WEIGHT
from common.metrics import objective
from common.metrics.objective import Objective
from common.testing.toy import SCHEMA

MODEL = Model("M", "data.taobao", ("y", "z"), epochs=10, learning_rate=0.1, optimizer="adagrad")


def from_flags(*argv: str, **fields: Any) -> Objective:
    parser = FlagParser("")
    parser.set_defaults(model=MODEL._replace(**fields), schema=SCHEMA)
    objective.add_flags(parser)
    return Objective.from_flags(parser.parse_args(list(argv)))


@pytest.mark.parametrize("weights", [None, [1.0, 0.0, 2.0, 0.5]])
@pytest.mark.parametrize("of", [
    Objective(), Objective(0.2), Objective(0.0, (("y", 3.0),)), Objective(0.1, (("z", 0.0),))])
def test_mean_loss_against_numpy(of: Objective, weights: Any) -> None:
    rng = np.random.default_rng(2)
    logits = {name: rng.normal(0, 3, 4) for name in "yz"}
    labels = {name: (rng.random(4) < 0.5).astype(np.float64) for name in "yz"}
    with tf.Graph().as_default(), tf.Session() as session:
        given = {name: tf.constant(values, tf.float32) for name, values in labels.items()}
        if weights:
            given[WEIGHT] = tf.constant(weights)
        outputs = {name: tf.constant(values, tf.float32) for name, values in logits.items()}
        found = session.run(of.mean_loss(SCHEMA, outputs, given))
    expected = np.zeros(4)
    for name in "yz":
        smooth = (1 - of.label_smoothing) * labels[name] + of.label_smoothing / 2
        p = 1 / (1 + np.exp(-logits[name]))
        losses = -smooth * np.log(p) - (1 - smooth) * np.log(1 - p)
        expected += dict(of.task_weights).get(name, 1.0) * losses / 2
    assert found == pytest.approx(np.average(expected, weights=weights), rel=1e-5)


def test_by_default_the_graph_is_that_of_the_log_loss_alone() -> None:
    with tf.Graph().as_default() as graph:
        logit, label = tf.ones([3]), tf.zeros([3])
        tf.nn.sigmoid_cross_entropy_with_logits(labels=label, logits=logit)
        alone = [op.type for op in graph.get_operations()][2:]
        Objective().log_losses("y", label, logit)
        assert [op.type for op in graph.get_operations()][2 + len(alone):] == alone


def test_flags() -> None:
    assert from_flags() == Objective()
    assert from_flags("--label_smoothing", "0.1", "--task_weights", "y=1, z=5") == Objective(
        0.1, (("y", 1.0), ("z", 5.0)))
    assert from_flags("--task_weights", "z=0", loss_tasks=("x", "z")).task_weights == (("z", 0.0),)


@pytest.mark.parametrize("text, fields, message", [
    ("click=2", {}, "--task_weights: M has no loss of task 'click'. Its losses are of y, z."),
    ("y=2", {"loss_tasks": ("x", "z")},
     "--task_weights: M has no loss of task 'y'. Its losses are of x, z."),
    ("y=2", {"loss_tasks": ("y",)},
     "--task_weights: M has one loss, which needs no weight among others. Give another "),
    ("y=2,y=3", {}, "--task_weights: task 'y' has two weights. Give one."),
    ("y=0,z=0", {}, "--task_weights: all tasks weigh 0, so nothing would be learned.")])
def test_weights_that_a_model_cannot_use(text: str, fields: Any, message: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        from_flags("--task_weights", text, **fields)


@pytest.mark.parametrize("flag, text, message", [
    ("--task_weights", "y", "expected TASK=WEIGHT, or several with commas between. Got: 'y'."),
    ("--task_weights", "y=1,", "expected TASK=WEIGHT, or several with commas between. Got: ''."),
    ("--task_weights", "=1", "expected TASK=WEIGHT, or several with commas between. Got: '=1'."),
    ("--task_weights", "y=-1", "expected a number >= 0. Got: '-1'."),
    ("--label_smoothing", "1", "expected a number >= 0 and < 1. Got: '1'."),
    ("--label_smoothing", "x", "expected a number >= 0 and < 1. Got: 'x'.")])
def test_wrong_values(flag: str, text: str, message: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as ended:
        from_flags(flag, text)
    assert ended.value.code == 2 and message in capsys.readouterr().err
