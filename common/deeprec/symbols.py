"""DeepRec's own implementations, where it is installed: one function a feature. No other file names
a DeepRec symbol.

DeepRec is a fork of TensorFlow 1.15.5 that grew over years, so each feature is looked for by its
own symbol, and one that an installation lacks is served as on the stock wheel. Who serves which
flag: `python -m common.deeprec`.
"""

import functools
import importlib
import inspect
import re
from typing import Any, Callable, ContextManager, Dict, Optional, Tuple, Union

import tensorflow as tf

from common.config.tables import Settings
from common.config.toggles import Toggles

# Fixes without which a feature is not used: op_fusion crashed with some graphs (DeepRec's issues
# 126 and 144).
_FIRST_RELEASE = {"op_fusion": 2206}
_MOST_EXPECTED = 1 << 20  # 10 MB of 8-bit counters a table at most
_STAGED_BATCHES = 4


@functools.lru_cache(maxsize=1)
def _version() -> str:
    """The version of the installed distribution, which names DeepRec's release where tf.__version__
    does not.
    """
    pkg_resources: Any = importlib.import_module(
        "pkg_resources")  # here, as it takes a third of a second
    try:
        return pkg_resources.get_distribution("tensorflow").version
    except pkg_resources.DistributionNotFound:
        return ""


def is_deeprec() -> bool:
    """Whether the installed TensorFlow is DeepRec's."""
    return hasattr(tf, "get_embedding_variable") or "deeprec" in _version()


def release() -> Optional[int]:
    """DeepRec's release as 2304 of April 2023, None where it is not told."""
    found = re.search(r"deeprec(\d{4})", "{} {}".format(_version(), getattr(tf, "GIT_VERSION", "")))
    return int(found.group(1)) if found else None


def _takes(function: Callable, argument: str) -> bool:
    return argument in inspect.signature(function).parameters


def _has_field(message: Any, field: str) -> bool:
    return field in message.DESCRIPTOR.fields_by_name


# A feature -> what DeepRec has for it, and whether this installation has that.
_SYMBOLS: Dict[str, Tuple[str, Callable[[], bool]]] = {
    "bf16": ("tf.variable_scope.keep_weights", lambda: hasattr(tf.variable_scope, "keep_weights")),
    "emb_fusion": ("tf.nn.fused_embedding_lookup_sparse",
                   lambda: hasattr(tf.nn, "fused_embedding_lookup_sparse")),
    "op_fusion": ("OptimizerOptions.do_op_fusion",
                  lambda: _has_field(tf.OptimizerOptions, "do_op_fusion")),
    "smartstaged": ("tf.staged",
                    lambda: hasattr(tf, "staged") and hasattr(tf, "make_prefetch_hook")),
    "do_smart_stage": ("OptimizerOptions.do_smart_stage",
                       lambda: _has_field(tf.OptimizerOptions, "do_smart_stage")),
    "tensor_fuse": ("ConfigProto.tensor_fuse", lambda: _has_field(tf.ConfigProto, "tensor_fuse")),
    "adamasync": ("tf.train.AdamAsyncOptimizer", lambda: hasattr(tf.train, "AdamAsyncOptimizer")),
    "adagraddecay": ("tf.train.AdagradDecayOptimizer",
                     lambda: hasattr(tf.train, "AdagradDecayOptimizer")),
    "ev": ("tf.get_embedding_variable", lambda: hasattr(tf, "get_embedding_variable") and hasattr(
        tf, "EmbeddingVariableOption") and hasattr(tf, "InitializerOption")),
    "ev_filter": ("tf.CounterFilter and tf.CBFFilter",
                  lambda: hasattr(tf, "CounterFilter") and hasattr(tf, "CBFFilter")),
    "ev_elimination": ("tf.GlobalStepEvict and tf.L2WeightEvict",
                       lambda: hasattr(tf, "GlobalStepEvict") and hasattr(tf, "L2WeightEvict")),
    "adaptive_emb": ("tf.nn.safe_adaptive_embedding_lookup_sparse",
                     lambda: hasattr(tf.nn, "safe_adaptive_embedding_lookup_sparse")),
    "dynamic_ev": ("tf.get_dynamic_dimension_embedding_variable",
                   lambda: hasattr(tf, "get_dynamic_dimension_embedding_variable") and _takes(
                       tf.nn.embedding_lookup, "blocknums")),
    "multihash": ("tf.get_multihash_variable", lambda: hasattr(tf, "get_multihash_variable")),
    "incremental_ckpt": ("tf.train.Saver(incremental_save_restore)",
                         lambda: _takes(tf.train.Saver, "incremental_save_restore") and _takes(
                             tf.train.CheckpointSaverHook, "incremental_save_secs")),
}


def has(feature: str) -> bool:
    """Whether DeepRec's own implementation of a feature is installed and may be used."""
    return not lacking(feature) if feature in _SYMBOLS and is_deeprec() else False


def symbol(feature: str) -> str:
    """The name of what DeepRec has for a feature, "" where it has nothing."""
    return _SYMBOLS[feature][0] if feature in _SYMBOLS else ""


def lacking(feature: str) -> str:
    """Why this DeepRec does not serve a feature that newer ones serve, "" if it does."""
    symbol, is_there = _SYMBOLS[feature]
    if not is_there():
        return "it has no {}".format(symbol)
    first = _FIRST_RELEASE.get(feature, 0)
    if (release() or first) < first:
        return "{} is used from its release {} on".format(symbol, first)
    return ""


def own_optimizer(name: str, learning_rate: Union[float, tf.Tensor],
                  global_step: tf.Variable) -> Optional[tf.compat.v1.train.Optimizer]:
    """DeepRec's adamasync or adagraddecay, None where it has none."""
    if not has(name):
        return None
    if name == "adamasync":
        return tf.train.AdamAsyncOptimizer(learning_rate)
    return tf.train.AdagradDecayOptimizer(learning_rate, global_step)


def configure(session: tf.compat.v1.ConfigProto, toggles: Toggles, protocol: str) -> None:
    """Switches graph passes on in a session's ConfigProto."""
    options = session.graph_options.optimizer_options
    if toggles.op_fusion and has("op_fusion"):
        options.do_op_fusion = True
    if toggles.smartstaged and has("smartstaged") and has("do_smart_stage"):
        options.do_smart_stage = True
    if protocol != "grpc" and has("tensor_fuse"):
        session.tensor_fuse = True


def staged(features: Dict[str, Any], labels: Dict[str,
                                                  Any]) -> Tuple[Dict[str, Any], Dict[str, Any]]:
    """The batch that was taken ahead of its step.

    One thread takes batches, so that their order stays that of the seed.
    """
    batch = tf.staged({"features": features, "labels": labels}, capacity=_STAGED_BATCHES,
                      num_threads=1)
    return batch["features"], batch["labels"]


def staging_hook() -> tf.compat.v1.train.SessionRunHook:
    """What starts the staging of a session, which would otherwise wait for ever."""
    return tf.make_prefetch_hook()


def kept_weights() -> ContextManager[Any]:
    """The current variable scope, in which variables asked for as bfloat16 are float32 and read as
    bfloat16.
    """
    return tf.variable_scope(tf.get_variable_scope()).keep_weights(dtype=tf.float32)


def scaffold(keep_checkpoint_max: int) -> tf.compat.v1.train.Scaffold:
    """What restores the last full checkpoint and the increment after it; dense variables are in
    each increment.
    """
    saver = tf.train.Saver(sharded=True, max_to_keep=keep_checkpoint_max, save_relative_paths=True,
                           defer_build=True, incremental_save_restore=True,
                           incremental_include_normal_var=True)
    return tf.train.Scaffold(saver=saver, incremental_save_restore=True)


def saver_hook(secs: int, *args: Any, **kwargs: Any) -> tf.compat.v1.train.CheckpointSaverHook:
    """A CheckpointSaverHook that also saves an increment every so many seconds."""
    return tf.train.CheckpointSaverHook(*args, incremental_save_secs=secs, **kwargs)


def embedding_variable(name: str, dimension: int, initializer: Any, settings: Settings,
                       expected: int) -> Any:
    """A table of rows float32 [D] by int64 key, of which about so many are expected."""
    options: Dict[str, Any] = {"init_option": tf.InitializerOption(initializer=initializer)}
    if settings.filter == "counter":
        options["filter_option"] = tf.CounterFilter(filter_freq=settings.filter_freq)
    elif settings.filter == "cbf":
        options["filter_option"] = tf.CBFFilter(
            filter_freq=settings.filter_freq, max_element_size=min(expected, _MOST_EXPECTED),
            false_positive_probability=settings.error, counter_type=tf.uint8)
    eviction = settings.eviction
    if eviction.rule == "gstep":
        options["evict_option"] = tf.GlobalStepEvict(steps_to_live=eviction.steps_to_live)
    elif eviction.rule == "l2":
        options["evict_option"] = tf.L2WeightEvict(l2_weight_threshold=eviction.l2_threshold)
    return tf.get_embedding_variable(
        name, embedding_dim=dimension, key_dtype=tf.int64, value_dtype=tf.float32,
        partitioner=tf.fixed_size_partitioner(settings.servers) if settings.servers > 1 else None,
        ev_option=tf.EmbeddingVariableOption(**options))


def embedding_rows(variable: Any, keys: tf.Tensor, is_divided: bool) -> tf.Tensor:
    """The rows of an embedding variable at keys int64 [N], float32 [N, D]."""
    if is_divided:
        # A lookup in several parts hands each of them the counts of all keys, so none are taken.
        unique, index = tf.unique(keys)
        return tf.gather(tf.nn.embedding_lookup(variable, unique), index)
    return tf.nn.embedding_lookup_sparse(variable, _one_a_row(keys), None, combiner="sum")


def embedding_lists(variable: Any, items: tf.SparseTensor, combiner: str, fused: bool) -> tf.Tensor:
    """The sum or mean of each list's rows, float32 [B, D], zeros for an empty list.

    Args:
      variable: an embedding variable that is not divided.
      items: each occurrence of a key, int64 [B, T]; filters count them.
      fused: in one op a list where DeepRec has it.
    """
    if fused and has("emb_fusion"):
        return tf.nn.fused_embedding_lookup_sparse(variable, items, combiner=combiner,
                                                   prune_invalid_ids=True)
    return tf.nn.safe_embedding_lookup_sparse(variable, items, None, combiner)


def dynamic_variable(name: str, dimension: int, blocks: int, initializer: Any) -> Any:
    """A table whose rows have so many blocks at most, of D in all."""
    return tf.get_dynamic_dimension_embedding_variable(
        name,
        embedding_block_dimension=dimension // blocks,
        embedding_block_num=blocks,
        key_dtype=tf.int64,
        value_dtype=tf.float32,
        initializer=initializer)


def dynamic_rows(variable: Any, keys: tf.Tensor, blocks: tf.Tensor) -> tf.Tensor:
    """The first blocks of the rows at keys int64 [N] and zeros in place of the others; blocks int32
    [N] is how many.
    """
    return tf.nn.embedding_lookup(variable, keys, blocknums=blocks)


def multihash_variable(name: str, dimension: int, side: int, initializer: Any) -> Any:
    """Two tables [side, D] whose rows are added: quotient and remainder by `side` of ids less than
    its square.
    """
    return tf.get_multihash_variable(name, dims=[[side, dimension], [side, dimension]],
                                     complementary_strategy="Q-R", operation="add",
                                     dtype=tf.float32, initializer=initializer)


def multihash_rows(variable: Any, ids: tf.Tensor) -> tf.Tensor:
    """The rows of a multi-hash variable at ids int64 [N], float32 [N, D]."""
    return tf.nn.embedding_lookup(variable, ids)


def adaptive_rows(hashed: tf.Variable, variable: Any, keys: tf.Tensor,
                  is_hot: tf.Tensor) -> tf.Tensor:
    """The rows of hot keys from an embedding variable, of cold ones from a table [H, D] that they
    share.

    DeepRec's lookup gives a row for each id and does not combine lists, so each item of one is
    handed to it as a row of its own.

    Args:
      keys: int64 [N].
      is_hot: 1 or 0, int32 [N].
    """
    size = hashed.shape[0].value
    shared = tf.math.floormod(keys, size)
    return tf.nn.safe_adaptive_embedding_lookup_sparse(hashed, variable, _one_a_row(tf.where(
                                                           is_hot > 0, keys, shared)),
                                                       tf.boolean_mask(shared, is_hot > 0),
                                                       combiner="sum",
                                                       bucket_size=size,
                                                       adaptive_mask_tensor=is_hot)


def _one_a_row(ids: tf.Tensor) -> tf.SparseTensor:
    """Ids [N] as a SparseTensor [N, 1]."""
    size = tf.size(ids, out_type=tf.int64)
    places = tf.stack([tf.range(size), tf.zeros([size], tf.int64)], axis=1)
    return tf.SparseTensor(places, ids, tf.stack([size, 1]))
