"""A stand-in for DeepRec's tf module, made of a record of its names, arguments and defaults; only
tests import it.

DeepRec cannot be installed beside TensorFlow. Every call is bound to the recorded signature, noted,
and checked and answered by common.deeprec.recorded_answers, so that graphs of the models can be
built and trained. It shows that calls are as documented, not that DeepRec does what its documents
say.

The record follows DeepRec's sources and documents of the releases 2208 to 2402.
"""

import inspect
from typing import Any, Callable, Dict, List, NamedTuple, Sequence

import tensorflow.compat.v1 as tf

from common.deeprec import symbols as deeprec
from common.deeprec.recorded_answers import ANSWERS

# Name below tf -> arguments and defaults.
RECORD = {
    "get_embedding_variable": "name, embedding_dim, key_dtype=tf.int64, value_dtype=None, "
                              "initializer=None, regularizer=None, "
    "trainable=True, collections=None, caching_device=None, partitioner=None, validate_shape=True, "
    "custom_getter=None, constraint=None, steps_to_live=None, init_data_source=None, "
    "ev_option=None",
    "EmbeddingVariableOption": "ht_type='', ht_partition_num=1000, evict_option=None, ckpt=None, "
                               "filter_option=None, storage_option=None, init_option=None",
    "InitializerOption": "initializer=None, default_value_dim=4096, default_value_no_permission=.0",
    "CounterFilter": "filter_freq=0",
    "CBFFilter": "filter_freq=0, max_element_size=0, false_positive_probability=-1.0, "
                 "counter_type=tf.uint64",
    "GlobalStepEvict": "steps_to_live=None",
    "L2WeightEvict": "l2_weight_threshold=-1.0",
    "get_dynamic_dimension_embedding_variable": "name, embedding_block_dimension, "
                                                "embedding_block_num, key_dtype=tf.int64, "
                                                "value_dtype=None, initializer=None, "
    "regularizer=None, trainable=True, collections=None, caching_device=None, partitioner=None, "
    "validate_shape=True, custom_getter=None, constraint=None, steps_to_live=None, "
    "init_data_source=None, "
    "ht_partition_num=1000, storage_type=None",
    "get_multihash_variable": "name, dims, complementary_strategy='Q-R', operation='add', "
                              "dtype=float, initializer=None, regularizer=None, "
    "trainable=None, collections=None, caching_device=None, partitioner=None, validate_shape=True, "
    "use_resource=None, custom_getter=None, constraint=None, synchronization=None, "
    "aggregation=None",
    "nn.embedding_lookup": "params, ids, partition_strategy='mod', name=None, "
                           "validate_indices=True, max_norm=None, ev_init_value=None, "
    "blocknums=None, counts=None",
    "nn.embedding_lookup_sparse": "params, sp_ids, sp_weights, partition_strategy='mod', "
                                  "name=None, combiner=None, max_norm=None, blocknums=None",
    "nn.safe_embedding_lookup_sparse": "embedding_weights, sparse_ids, sparse_weights=None, "
                                       "combiner='mean', default_id=None, name=None, "
    "partition_strategy='div', max_norm=None, prune=True",
    "nn.fused_embedding_lookup_sparse": "params, sp_ids, sparse_weights=None, "
                                        "partition_strategy=None, name=None, combiner=None, "
                                        "max_norm=None, "
    "default_id=None, prune_invalid_ids=False, blocknums=None",
    "nn.safe_adaptive_embedding_lookup_sparse": "hash_embedding_weights, ev_embedding_weights, "
                                                "sparse_ids, hash_ev_ids, sparse_weights=None, "
                                                "combiner=None, "
    "default_id=None, name=None, partition_strategy='div', max_norm=None, bucket_size=None, "
    "adaptive_mask_tensor=None, blocknums=None",
    "staged": "features, feed_dict={}, capacity=1, num_threads=1, num_clients=1, "
              "timeout_millis=300000, closed_exception_types=(11,), ignored_exception_types=(), "
              "use_stage_subgraph_thread_pool=False, stage_subgraph_thread_pool_id=0, "
              "stage_subgraph_stream_id=0, name=None",
    "make_prefetch_hook": "",
    "train.AdamAsyncOptimizer": "learning_rate=0.001, beta1=0.9, beta2=0.999, epsilon=1e-8, "
                                "use_locking=False, apply_sparse_rmsprop=False, name='AdamAsync'",
    "train.AdagradDecayOptimizer": "learning_rate, global_step, initial_accumulator_value=0.1, "
                                   "accumulator_decay_step=100000, "
    "accumulator_decay_rate=0.9, use_locking=False, name='AdagradDecay'",
    "train.Saver": "var_list=None, reshape=False, sharded=False, max_to_keep=5, "
                   "keep_checkpoint_every_n_hours=10000.0, name=None, "
    "restore_sequentially=False, saver_def=None, builder=None, defer_build=False, "
    "allow_empty=False, "
    "write_version=2, pad_step_number=False, save_relative_paths=False, filename=None, "
    "incremental_save_restore=False, incremental_include_normal_var=False",
    "train.Scaffold": "init_op=None, init_feed_dict=None, init_fn=None, ready_op=None, "
                      "ready_for_local_init_op=None, local_init_op=None, summary_op=None, "
                      "saver=None, copy_from_scaffold=None, incremental_save_restore=False",
    "train.CheckpointSaverHook": "checkpoint_dir, save_secs=None, save_steps=None, saver=None, "
                                 "checkpoint_basename='model.ckpt', scaffold=None, "
    "listeners=None, incremental_save_secs=None",
    "variable_scope.keep_weights": "dtype=tf.float32",
    "OptimizerOptions": "**fields",
    "ConfigProto": "**fields",
}
# Message -> the fields that DeepRec adds.
FIELDS = {
    "ConfigProto": ("tensor_fuse", "executor_policy", "session_stage_subgraph_thread_pool"),
    "GraphOptions": (),
    "OptimizerOptions": ("do_op_fusion", "micro_batch_num", "do_smart_stage", "do_smart_stage_gpu",
                         "do_async_embedding", "async_embedding_options",
                         "embedding_layer_device_placement_optimization"),
}


class Call(NamedTuple):
    """A call of a recorded name: all its arguments, defaults among them."""

    name: str
    given: Dict[str, Any]


class _Message:
    """A protobuf message with the fields that DeepRec adds to it."""

    def __init__(self, real: Any, **fields: Any) -> None:
        name = type(real).__name__
        for field in fields:
            if field not in real.DESCRIPTOR.fields_by_name and field not in FIELDS[name]:
                raise ValueError("Protocol message {} has no {!r} field.".format(name, field))
        self.__dict__.update(_real=real, added={})
        for field, value in fields.items():
            setattr(self, field, value)

    def __getattr__(self, field: str) -> Any:
        if field in FIELDS[type(self._real).__name__]:
            return self.added.get(field, 0)
        value = getattr(self._real, field)
        if type(value).__name__ not in FIELDS:
            return value
        return self.__dict__.setdefault(field, _Message(value))

    def __setattr__(self, field: str, value: Any) -> None:
        if field in FIELDS[type(self._real).__name__]:
            if not isinstance(value, int):
                raise TypeError("{} takes a bool or an int. Got: {!r}.".format(field, value))
            self.added[field] = value
        else:
            setattr(self._real, field, value)


class _Descriptor(NamedTuple):
    fields_by_name: Dict[str, Any]


def _signature(name: str) -> inspect.Signature:
    return inspect.signature(eval("lambda {}: None".format(RECORD[name]), {"tf": tf}))


class _Recorded:
    """A recorded function or class."""

    def __init__(self, name: str, calls: List[Call], missing: Sequence[str]) -> None:
        self._name, self._calls = name, calls
        self.__signature__ = _signature(name)
        if name in FIELDS:
            known = [*getattr(tf, name).DESCRIPTOR.fields_by_name, *FIELDS[name]]
            self.DESCRIPTOR = _Descriptor(
                {field: None
                 for field in known
                 if name + "." + field not in missing})

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        bound = self.__signature__.bind(*args, **kwargs)
        bound.apply_defaults()
        self._calls.append(Call(self._name, dict(bound.arguments)))
        if self._name in FIELDS:
            return _Message(getattr(tf, self._name)(), **bound.arguments["fields"])
        return ANSWERS[self._name](dict(bound.arguments))


def _make_scope(calls: List[Call]) -> type:
    signature = _signature("variable_scope.keep_weights")

    class Scope(tf.variable_scope):
        """tf.variable_scope with keep_weights."""

        def keep_weights(self, *args: Any, **kwargs: Any) -> "Scope":
            """Variables asked for as bfloat16 are of dtype and read as bfloat16."""
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            calls.append(Call("variable_scope.keep_weights", dict(bound.arguments)))

            def keep(getter: Callable[..., Any], dtype: tf.DType, **named: Any) -> Any:
                if dtype != tf.bfloat16:
                    return getter(dtype=dtype, **named)
                return tf.cast(getter(dtype=bound.arguments["dtype"], **named), tf.bfloat16)

            self._custom_getter = keep
            return self

    return Scope


class RecordedModule:
    """DeepRec's tf, or a module below it: recorded names, and TensorFlow's own for the others.

    Attributes:
      calls: the calls of recorded names so far.
      missing: recorded names, and fields as MESSAGE.FIELD, that this DeepRec is too old for.
    """

    def __init__(self, missing: Sequence[str] = (), release: str = "deeprec2402") -> None:
        self.calls: List[Call] = []
        self.missing = tuple(missing)
        self.GIT_VERSION = "r1.15.5-{}-0-g0000000".format(release)
        keeps_weights = "variable_scope.keep_weights" not in missing
        self.variable_scope = _make_scope(self.calls) if keeps_weights else tf.variable_scope
        self._below, self._real = "", tf

    def __getattr__(self, name: str) -> Any:
        full = self._below + name
        if full in RECORD and full not in self.missing:
            return _Recorded(full, self.calls, self.missing)
        real = getattr(self._real, name)
        if not any(recorded.startswith(full + ".")
                   for recorded in RECORD) or isinstance(real, type):
            return real
        below = RecordedModule.__new__(RecordedModule)
        below.__dict__.update(calls=self.calls, missing=self.missing, _below=full + ".", _real=real)
        return below

    def of(self, name: str) -> List[Dict[str, Any]]:
        """The arguments of the calls of a name, in their order."""
        return [call.given for call in self.calls if call.name == name]

    def names(self) -> List[str]:
        """The names that were called, each once, sorted."""
        return sorted({call.name for call in self.calls})


def install(monkeypatch: Any, missing: Sequence[str] = (),
            release: str = "deeprec2402") -> RecordedModule:
    """Lets common.deeprec see the stand-in for one test."""
    module = RecordedModule(missing, release)
    monkeypatch.setattr(deeprec, "tf", module)
    return module
