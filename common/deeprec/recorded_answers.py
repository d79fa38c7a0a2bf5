"""What the recorded calls of common.deeprec.recorded_api answer: the checks that DeepRec makes,
and tensors with gradients
of TensorFlow 1.15.5's own ops. Only tests import it.
"""

from typing import Any, Callable, Dict, List, NamedTuple, Optional

import tensorflow.compat.v1 as tf

from common.tf_private import PartitionedVariable

_ROWS = 4096


class Option(NamedTuple):
    """What a recorded class of options makes: its name and its arguments."""

    name: str
    given: Dict[str, Any]


class EmbeddingVariable:
    """Rows by key: key k has row k mod 4096, which DeepRec uses for its initial value alone.

    Attributes:
      rows: float32 [4096, D].
    """

    def __init__(self, name: str, dimension: int, key_dtype: tf.DType, initializer: Any,
                 option: Any) -> None:
        self.name, self.key_dtype, self.option = name, key_dtype, option
        self.rows = tf.get_variable(name, [_ROWS, dimension], initializer=initializer)

    def gather(self, keys: tf.Tensor) -> tf.Tensor:
        """The rows at keys of the table's own type."""
        if keys.dtype != self.key_dtype:
            raise TypeError("{} has keys of {}. Got: {}.".format(self.name, self.key_dtype.name,
                                                                 keys.dtype.name))
        return tf.gather(self.rows, tf.floormod(keys, _ROWS))

    def _refuse(self, *_: Any, **__: Any) -> None:
        raise NotImplementedError("an embedding variable cannot be read or set as a whole")

    value = read_value = assign = assign_add = assign_sub = _ref = _refuse


class DynamicEmbeddingVariable(NamedTuple):
    """Blocks of rows by key."""

    blocks: List[EmbeddingVariable]


class MultiHashVariable(NamedTuple):
    """The two tables of a multi-hash variable."""

    quotients: tf.Variable
    remainders: tf.Variable


def _default(initializer: Any) -> Any:
    return initializer or tf.truncated_normal_initializer()


def _check_types(key_dtype: tf.DType, value_dtype: Optional[tf.DType]) -> None:
    if key_dtype not in (tf.int64, tf.int32):
        raise ValueError("key_dtype must be int32 or int64. Got: {}.".format(key_dtype))
    if value_dtype not in (None, tf.float32):
        raise ValueError("value_dtype must be float. Got: {}.".format(value_dtype))


def _get_embedding_variable(given: Dict[str, Any]) -> Any:
    _check_types(given["key_dtype"], given["value_dtype"])
    option = given["ev_option"]
    if option is not None:
        _check_option(option)
    initializer = _default(_initializer_of(given))
    dimension = given["embedding_dim"]
    count = _count_parts(given["partitioner"], dimension)
    names = [given["name"]]
    if count > 1:
        names = ["{}/part_{}".format(given["name"], i) for i in range(count)]
    parts = []
    with tf.variable_scope(tf.get_variable_scope()) as scope:
        scope.set_partitioner(None)
        for name in names:
            part = EmbeddingVariable(name, dimension, given["key_dtype"], initializer, option)
            parts.append(part)
    return parts if count > 1 else parts[0]


def _check_option(option: Any) -> None:
    if not isinstance(option, Option) or option.name != "EmbeddingVariableOption":
        raise TypeError("ev_option must be an EmbeddingVariableOption. Got: {!r}.".format(option))


def _initializer_of(given: Dict[str, Any]) -> Any:
    """The initializer of a variable's option where it has one, else its own."""
    option = given["ev_option"]
    init = option.given["init_option"] if option else None
    return init.given["initializer"] if init else given["initializer"]


def _count_parts(partitioner: Any, dimension: int) -> int:
    """How many parts a partitioner, or that of the variable scope, makes of a variable."""
    partitioner = partitioner or tf.get_variable_scope().partitioner
    if not partitioner:
        return 1
    shape = tf.TensorShape([_ROWS, dimension])
    return int(partitioner(shape=shape, dtype=tf.float32)[0])


def _embedding_variable_option(given: Dict[str, Any]) -> Option:
    for name, kinds in (("evict_option", ("GlobalStepEvict", "L2WeightEvict")),
                        ("init_option", ("InitializerOption",)), ("filter_option", ("CounterFilter",
                                                                                    "CBFFilter"))):
        value = given[name]
        if value is not None and (not isinstance(value, Option) or value.name not in kinds):
            raise TypeError("{} must be one of {}. Got: {!r}.".format(name, ", ".join(kinds),
                                                                      value))
    return Option("EmbeddingVariableOption", given)


def _cbf_filter(given: Dict[str, Any]) -> Option:
    error, size = given["false_positive_probability"], given["max_element_size"]
    if error != -1.0 and (error <= 0 or size <= 0):
        raise ValueError(
            "false_positive_probability and max_element_size must be > 0. Got: {}, {}.".format(
                error, size))
    if error == -1.0 and size != 0:
        raise ValueError("max_element_size needs false_positive_probability.")
    return Option("CBFFilter", given)


def _get_dynamic_variable(given: Dict[str, Any]) -> DynamicEmbeddingVariable:
    _check_types(given["key_dtype"], given["value_dtype"])
    return DynamicEmbeddingVariable([
        EmbeddingVariable("{}/block{}".format(given["name"], i), given["embedding_block_dimension"],
                          given["key_dtype"], _default(given["initializer"]), None)
        for i in range(given["embedding_block_num"])
    ])


def _get_multihash_variable(given: Dict[str, Any]) -> MultiHashVariable:
    dims = given["dims"]
    if len(dims) != 2:
        raise ValueError("dims must have two entries. Got: {}.".format(dims))
    if given["complementary_strategy"] != "Q-R" or given["operation"] not in ("add", "mul",
                                                                              "concat"):
        raise ValueError(
            "complementary_strategy must be Q-R, operation add, mul or concat. Got: {}, {}.".format(
                given["complementary_strategy"], given["operation"]))
    if given["operation"] != "concat" and dims[0][1] != dims[1][1]:
        raise ValueError("the tables must be equally wide. Got: {}.".format(dims))
    if not isinstance(given["dtype"], tf.DType):
        raise AttributeError("type {!r} has no attribute 'base_dtype'".format(given["dtype"]))
    return MultiHashVariable(*[tf.get_variable("{}/multhash_{}".format(given["name"], part), shape,
                                               initializer=_default(given["initializer"]))
                               for part, shape in zip("QR", dims)])


def _gather(params: Any, ids: tf.Tensor) -> tf.Tensor:
    """The rows of an embedding variable or of the parts of one, which have the keys k with k % 1000
    % parts.
    """
    if isinstance(params, EmbeddingVariable):
        return params.gather(ids)
    owner = tf.cast(tf.floormod(tf.floormod(ids, 1000), len(params)), tf.int32)
    places = tf.dynamic_partition(tf.range(tf.size(ids)), owner, len(params))
    found = [
        part.gather(keys)
        for part, keys in zip(params, tf.dynamic_partition(ids, owner, len(params)))
    ]
    rows = tf.dynamic_stitch(places, found)
    return tf.reshape(rows, [-1, params[0].rows.shape[1].value])


def _is_own(params: Any) -> bool:
    return isinstance(params, (EmbeddingVariable, DynamicEmbeddingVariable, MultiHashVariable)) or (
        isinstance(params, list) and isinstance(params[0], EmbeddingVariable))


def _embedding_lookup(given: Dict[str, Any]) -> tf.Tensor:
    params, ids, blocks = given["params"], tf.convert_to_tensor(given["ids"]), given["blocknums"]
    if not _is_own(params):
        return tf.nn.embedding_lookup(params, ids, given["partition_strategy"], given["name"],
                                      max_norm=given["max_norm"])
    if isinstance(params, DynamicEmbeddingVariable):
        if blocks is None:
            raise ValueError("blocknums must be valid for dynamic embedding variable")
        ids.shape.assert_has_rank(1)
        used = [
            tf.cast(tf.expand_dims(blocks, 1) > i, tf.float32) for i in range(len(params.blocks))
        ]
        return tf.concat([block.gather(ids) * mask for block, mask in zip(params.blocks, used)],
                         axis=1)
    if isinstance(params, MultiHashVariable):
        ids = tf.cast(ids, tf.int64)
        sizes = [table.shape[0].value for table in params]
        return tf.gather(params.quotients, ids // sizes[0]) + tf.gather(
            params.remainders, ids % sizes[1])
    return _gather(params, ids)


def _check_sparse(ids: Any, weights: Any) -> None:
    if not isinstance(ids, tf.SparseTensor):
        raise TypeError("sp_ids must be SparseTensor")
    if weights is not None and not isinstance(weights, tf.SparseTensor):
        raise TypeError("sp_weights must be either None or SparseTensor")


def _embedding_lookup_sparse(given: Dict[str, Any]) -> tf.Tensor:
    _check_sparse(given["sp_ids"], given["sp_weights"])
    if given["combiner"] not in (None, "mean", "sqrtn", "sum", "tile"):
        raise ValueError("combiner must be one of 'mean', 'sqrtn' or 'sum'")
    if not _is_own(given["params"]):
        return tf.nn.embedding_lookup_sparse(given["params"], given["sp_ids"], given["sp_weights"],
                                             given["partition_strategy"],
                                             combiner=given["combiner"])
    return _combine(given["params"], given["sp_ids"], given["sp_weights"], given["combiner"])


def _combine(params: Any, ids: tf.SparseTensor, weights: Optional[tf.SparseTensor],
             combiner: str) -> tf.Tensor:
    """The sum or mean of each row's embeddings, zeros for an empty row."""
    owners, size = ids.indices[:, 0], ids.dense_shape[0]
    scale = tf.ones_like(ids.values, tf.float32) if weights is None else weights.values
    sums = tf.math.unsorted_segment_sum(
        _gather(params, ids.values) * tf.expand_dims(scale, 1), owners, size)
    if combiner == "sum":
        return sums
    return tf.math.divide_no_nan(
        sums, tf.expand_dims(tf.math.unsorted_segment_sum(scale, owners, size), 1))


def _safe_lookup(given: Dict[str, Any]) -> tf.Tensor:
    ids, weights = given["sparse_ids"], given["sparse_weights"]
    _check_sparse(ids, weights)
    if not _is_own(given["embedding_weights"]):
        return tf.nn.safe_embedding_lookup_sparse(given["embedding_weights"],
                                                  ids,
                                                  weights,
                                                  given["combiner"],
                                                  partition_strategy=given["partition_strategy"])
    return _combine(given["embedding_weights"], ids, weights, given["combiner"])


def _fused_lookup(given: Dict[str, Any]) -> tf.Tensor:
    params = given["params"]
    _check_sparse(given["sp_ids"], None)
    if isinstance(params, (list, PartitionedVariable)):
        raise ValueError("fused lookups take no partitioned variable")
    if given["sparse_weights"] is not None or given["partition_strategy"] not in (None, "div"):
        raise ValueError("fused lookups take no weights, and no partition_strategy but div")
    if not isinstance(params, EmbeddingVariable):
        return tf.nn.safe_embedding_lookup_sparse(params, given["sp_ids"], None, given["combiner"]
                                                  or "mean")
    return _combine(params, given["sp_ids"], None, given["combiner"] or "mean")


def _adaptive_lookup(given: Dict[str, Any]) -> tf.Tensor:
    mask, ids = given["adaptive_mask_tensor"], given["sparse_ids"]
    _check_sparse(ids, None)
    if given["sparse_weights"] is not None or mask is None:
        raise ValueError("AdaptiveEmbedding lookup not support not ignore weights")
    if not _is_own(given["ev_embedding_weights"]):
        raise TypeError("ev_embedding_weights must be an embedding variable")
    if mask.dtype != tf.int32:
        raise TypeError("adaptive_mask_tensor must be int32. Got: {}.".format(mask.dtype.name))
    hashed, places = given["hash_embedding_weights"], tf.dynamic_partition(
        tf.range(tf.size(mask)), mask, 2)
    keys = tf.dynamic_partition(ids.values, mask, 2)
    starts = tf.stop_gradient(tf.nn.embedding_lookup(hashed, given["hash_ev_ids"]))
    hot = _gather(given["ev_embedding_weights"], keys[1]) + 0.0 * starts
    rows = tf.dynamic_stitch(places, [tf.nn.embedding_lookup(hashed, keys[0]), hot])
    return tf.reshape(rows, [-1, hashed.shape[1].value])


def _staged(given: Dict[str, Any]) -> Any:
    if given["num_threads"] < 1:
        raise ValueError("num_threads must >= 1")
    return tf.nest.map_structure(tf.identity, given["features"])


def _adagrad_decay(given: Dict[str, Any]) -> tf.train.Optimizer:
    if not (given["initial_accumulator_value"] > 0 and given["accumulator_decay_step"] > 0
            and 0 < given["accumulator_decay_rate"] < 1):
        raise ValueError(
            "initial_accumulator_value and accumulator_decay_step must be > 0, "
            "accumulator_decay_rate between 0 and 1.")
    if not isinstance(given["global_step"], tf.Variable):
        raise TypeError("global_step must be a variable. Got: {!r}.".format(given["global_step"]))
    return tf.train.AdagradOptimizer(given["learning_rate"], given["initial_accumulator_value"])


def _stock(make: Callable[..., Any], *added: str) -> Callable[[Dict[str, Any]], Any]:
    """Makes TensorFlow's own object without the arguments that DeepRec adds."""
    return lambda given: make(**{name: value for name, value in given.items() if name not in added})


def _option(name: str) -> Callable[[Dict[str, Any]], Option]:
    return lambda given: Option(name, given)


ANSWERS: Dict[str, Callable[[Dict[str, Any]], Any]] = {
    "get_embedding_variable": _get_embedding_variable,
    "EmbeddingVariableOption": _embedding_variable_option,
    "InitializerOption": _option("InitializerOption"),
    "CounterFilter": _option("CounterFilter"),
    "CBFFilter": _cbf_filter,
    "GlobalStepEvict": _option("GlobalStepEvict"),
    "L2WeightEvict": _option("L2WeightEvict"),
    "get_dynamic_dimension_embedding_variable": _get_dynamic_variable,
    "get_multihash_variable": _get_multihash_variable,
    "nn.embedding_lookup": _embedding_lookup,
    "nn.embedding_lookup_sparse": _embedding_lookup_sparse,
    "nn.safe_embedding_lookup_sparse": _safe_lookup,
    "nn.fused_embedding_lookup_sparse": _fused_lookup,
    "nn.safe_adaptive_embedding_lookup_sparse": _adaptive_lookup,
    "staged": _staged,
    "make_prefetch_hook": lambda given: tf.train.SessionRunHook(),
    "train.AdamAsyncOptimizer": lambda given: tf.train.AdamOptimizer(given["learning_rate"]),
    "train.AdagradDecayOptimizer": _adagrad_decay,
    "train.Saver": _stock(tf.train.Saver, "incremental_save_restore",
                          "incremental_include_normal_var"),
    "train.Scaffold": _stock(tf.train.Scaffold, "incremental_save_restore"),
    "train.CheckpointSaverHook": _stock(tf.train.CheckpointSaverHook, "incremental_save_secs"),
}
