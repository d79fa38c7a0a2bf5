from typing import List, NamedTuple, Sequence, Tuple

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common import layers
from common.embedding.history import ragged
from common.kernels import native
from common.kernels.layers import attention

pytestmark = pytest.mark.skipif(native.load().ops is None, reason=native.load().reason)
RNG = np.random.default_rng(0)
CASES = [([3, 0, 1, 5], 4, (6, 5)), ([7], 3, (5, 3)), ([0, 0, 0], 2, (4, 3)), ([], 2, (4, 3)),
         ([1] * 33, 1, (1, 1)), ([0] + [2, 100, 0, 9] * 20 + [0], 9, (17, 11)), ([4, 0, 2], 5, ()),
         ([4, 0, 2], 5, (3, 4, 2))]


class Given(NamedTuple):
    query: np.ndarray
    items: np.ndarray
    row_splits: np.ndarray
    variables: List[np.ndarray]  # kernels, then biases


def given(lengths: Sequence[int], width: int, hidden: Sequence[int]) -> Given:
    def draw(*shape: int) -> np.ndarray:
        return RNG.standard_normal(shape).astype(np.float32)

    sizes = [4 * width, *hidden, 1]
    kernels = [draw(*shape) / 2 for shape in zip(sizes, sizes[1:])]
    row_splits = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Given(draw(len(lengths), width), draw(sum(lengths), width), row_splits,
                 kernels + [draw(size) for size in sizes[1:]])


def by_hand(query: tf.Tensor, items: tf.Tensor, row_splits: tf.Tensor, kernels: List[tf.Tensor],
            biases: List[tf.Tensor], precision: str) -> Tuple[tf.Tensor, tf.Tensor]:
    """The same with TensorFlow's own ops."""
    history = ragged(items, row_splits)
    spread = history.spread(query)
    hidden = tf.concat([spread, items, spread - items, spread * items], axis=1)
    product = tf.matmul if precision == "float" else layers.bf16_matmul
    for kernel, bias in list(zip(kernels, biases))[:-1]:
        hidden = tf.sigmoid(product(hidden, kernel) + bias)
    weighted = history.softmax(product(hidden, kernels[-1]) + biases[-1]) * items
    return history.sum(weighted), history.sum(items)


def run(attend: object, case: Given, precision: str = "float") -> List[np.ndarray]:
    """What an attention gives, and its gradients for the query, the items and all variables."""
    with tf.Graph().as_default(), tf.Session() as session:
        query, items, variables = [tf.constant(case.query), tf.constant(case.items),
                                   [tf.constant(value) for value in case.variables]]
        half = len(variables) // 2
        outputs, total = attend(
            query,
            items,
            tf.constant(case.row_splits),  # type: ignore[operator]
            variables[:half],
            variables[half:],
            precision)
        weights = np.cos(np.arange(case.query.size)).reshape(case.query.shape).astype(np.float32)
        goal = tf.reduce_sum(outputs * weights) + tf.reduce_sum(total ** 2)
        return session.run([outputs, total] + tf.gradients(goal, [query, items] + variables))


@pytest.mark.parametrize("lengths, width, hidden", CASES)
def test_outputs_and_all_gradients_are_those_of_plain_ops(lengths: List[int], width: int,
                                                          hidden: List[int]) -> None:
    case = given(lengths, width, hidden)
    for got, expected in zip(run(attention.attend, case), run(by_hand, case)):
        np.testing.assert_allclose(got,
                                   expected,
                                   rtol=1e-4,
                                   atol=2e-5 * max(1,
                                                   np.abs(expected).max(initial=0)))


@pytest.mark.parametrize("precision", ["rounded", pytest.param("bfloat16", marks=pytest.mark.skipif(
    not native.has_bfloat16(), reason="this CPU has no bfloat16 products"))])
@pytest.mark.parametrize("lengths, width, hidden", CASES + [([0] + [2, 40, 0, 9] * 20, 9, (17, 11)),
                                                            ([64] * 33, 4, (8,))])
def test_products_of_bfloat16_are_those_of_plain_ops(lengths: List[int], width: int,
                                                     hidden: Tuple[int,
                                                                   ...], precision: str) -> None:
    case = given(lengths, width, hidden)
    exact, expected, got = run(by_hand, case), run(by_hand, case, "rounded"), run(
        attention.attend, case, precision)
    assert sum(lengths) < 100 or any(
        (a != b).any() for a, b in zip(got, run(attention.attend, case)))
    for one, same, true in zip(got, expected, exact):
        assert one.shape == true.shape
        np.testing.assert_allclose(one, same, atol=0.03 * np.abs(true).max(initial=0) + 1e-3)


def test_large_scores_are_finite_and_nan_stays_nan_in_its_row() -> None:
    case = given([3, 0, 4], 2, (4, 3))
    large = case._replace(variables=[value * 1e4 for value in case.variables])
    assert all(np.isfinite(got).all() for got in run(attention.attend, large))
    np.testing.assert_allclose(run(attention.attend, large)[0],
                               run(by_hand, large)[0],
                               rtol=1e-4,
                               atol=1e-5)
    case.items[4, 0] = np.nan
    got = run(attention.attend, case)[0]
    assert np.isnan(got[2]).any() and np.isfinite(got[:2]).all()


@pytest.mark.parametrize("change, message", [
    (dict(query=np.zeros([3], np.float32)), r"query must be \[B, W\]. Got: \[3\]"),
    (dict(items=np.zeros([7, 3], np.float32)), r"items must be \[P, 2\]. Got: \[7,3\]"),
    (dict(row_splits=np.array([0, 3, 7])), r"row_splits must be of shape \[4\]. Got: \[3\]"),
    (dict(row_splits=np.array([0, 2 ** 62, -2 ** 63, 7])),
     "row_splits must ascend from 0 to the 7 items"),
    (dict(row_splits=np.array([0, 4, 3, 7])), "row_splits must ascend from 0 to the 7 items"),
    (dict(row_splits=np.array([0, 3, 3, 6])), "row_splits must ascend from 0 to the 7 items"),
    (dict(row_splits=np.array([-1, 3, 3, 7])), "row_splits must ascend from 0 to the 7 items"),
    (dict(kernel=(0, [9, 4])),
     r"the kernel of a layer with 8 inputs must be \[8, H\]. Got: \[9,4\]"),
    (dict(kernel=(1, [3, 3])),
     r"the kernel of a layer with 4 inputs must be \[4, H\]. Got: \[3,3\]"),
    (dict(kernel=(2, [3, 2])), "the last kernel must give one score. Got: 2"),
    (dict(kernel=(3, [5])), r"bias must be of shape \[4\]. Got: \[5\]"),
])
def test_what_does_not_fit_is_refused(change: dict, message: str) -> None:
    case = given([3, 0, 4], 2, (4, 3))
    if "kernel" in change:
        at, shape = change.pop("kernel")
        case.variables[at] = np.zeros(shape, np.float32)
    case = case._replace(**change)
    with tf.Graph().as_default(), tf.Session() as session:
        fed = [
            tf.placeholder_with_default(np.asarray(value, np.float32),
                                        None)  # shapes are not known before the step
            for value in [case.query, case.items] + case.variables
        ]
        row_splits = tf.placeholder_with_default(case.row_splits, None)
        outputs = attention.attend(fed[0], fed[1], row_splits, fed[2:5], fed[5:], "float")
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            session.run(outputs)


@pytest.mark.parametrize("name, shape, message", [
    ("dy", [3, 3], r"dy must be of shape \[3,2\]. Got: \[3,3\]"),
    ("dtotal", [2, 2], r"dtotal must be of shape \[3,2\]. Got: \[2,2\]"),
    ("activations", [6, 1], r"activations must be of shape \[7,1\]. Got: \[6,1\]")])
def test_gradients_that_do_not_fit_are_refused(name: str, shape: List[int], message: str) -> None:
    case = given([3, 0, 4], 2, ())
    inputs = dict(query=case.query,
                  items=case.items,
                  row_splits=case.row_splits,
                  kernel=case.variables[:1],
                  activations=[np.ones([7, 1], np.float32)],
                  dy=case.query,
                  dtotal=case.query)
    wrong = np.ones(shape, np.float32)
    inputs[name] = [wrong] if name == "activations" else wrong
    with tf.Graph().as_default(), tf.Session() as session:
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            session.run(native.load().ops.zoo_attention_grad(**inputs, precision="float"))
