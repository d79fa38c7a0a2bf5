import ast
import inspect
import os
import weakref
from typing import Iterator, List

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common import tf_private
from common.tf_private import SaverBuilder, SaveSpec, SelfRestoring, Slice


class Doubled(SelfRestoring):
    """A variable saved as two tensors, neither of which the graph restores by itself."""

    def __init__(self, variable: tf.Variable) -> None:
        self.variable = variable
        specs = [SaveSpec(variable + shift, "", "doubled/{}".format(shift)) for shift in (0.0, 1.0)]
        super().__init__(variable, specs, "doubled")

    def restore_from(self, path: tf.Tensor) -> tf.Operation:
        both = tf.raw_ops.RestoreV2(prefix=path, tensor_names=["doubled/0.0", "doubled/1.0"],
                                    shape_and_slices=["", ""], dtypes=2 * [tf.float32])
        return self.variable.assign(tf.reshape(tf.add_n(both), [])).op


def test_a_saver_lets_self_restoring_objects_read_the_checkpoint(tmp_path: object) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        plain, doubled = tf.get_variable("a", []), tf.get_variable("b", [], collections=["none"])
        saver = tf.train.Saver([plain, Doubled(doubled)], builder=SaverBuilder())
        session.run([plain.assign(4.0), doubled.assign(5.0)])
        path = saver.save(session, os.path.join(str(tmp_path), "x"))
        session.run([plain.assign(0.0), doubled.assign(0.0)])
        saver.restore(session, path)
        assert session.run([plain, doubled]) == [4.0, 5.0 + 6.0]


def test_all_saveables_are_what_a_saver_saves_by_default() -> None:
    with tf.Graph().as_default():
        variable, local = tf.get_variable("a", []), tf.get_variable("b", [], collections=["none"])
        doubled = Doubled(local)
        tf.add_to_collection(tf.GraphKeys.SAVEABLE_OBJECTS, doubled)
        assert tf_private.all_saveables() == [variable, doubled]


def test_a_checkpoint_state_names_files_relative_to_their_folder(tmp_path: object) -> None:
    folder = str(tmp_path)
    tf_private.write_checkpoint_state(folder, [os.path.join(folder, name) for name in ("a", "b")])
    with open(os.path.join(folder, "checkpoint")) as file:
        assert folder not in file.read()
    state = tf.train.get_checkpoint_state(folder)
    assert [os.path.basename(path) for path in state.all_model_checkpoint_paths] == ["a", "b"]
    assert tf.train.latest_checkpoint(folder) is None  # there are no files of that name


def test_slices_know_their_place() -> None:
    with tf.Graph().as_default():
        partitioner = tf.fixed_size_partitioner(2)
        table = tf.get_variable("scope/t", [5, 3], partitioner=partitioner)
        whole = tf.get_variable("w", [2])
    assert isinstance(table, tf_private.PartitionedVariable)
    assert not isinstance(whole, tf_private.PartitionedVariable)
    assert [tf_private.slice_of(one) for one in [*table, whole]] == [
        Slice("scope/t", [5, 3], [0, 0], [3, 3]), Slice("scope/t", [5, 3], [3, 0], [2, 3]), None]
    assert [tf_private.full_name(one) for one in [*table, whole]] == ["scope/t", "scope/t", "w"]
    shapes = [tf_private.full_shape(one) for one in [*table, whole]]
    assert shapes == [shapes[0], shapes[0], whole.shape.as_list()]
    assert shapes[0][0] == sum(one.shape.as_list()[0] for one in table)


def test_savers_save_a_slice_where_it_is_set(tmp_path: object) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        parts = [tf.get_variable(name, [2], initializer=tf.ones_initializer()) for name in "ab"]
        for number, part in enumerate(parts):
            tf_private.set_slice(part, Slice("whole", [4], [2 * number], [2]))
        session.run(tf.global_variables_initializer())
        path = tf.train.Saver({"whole": parts}).save(session, os.path.join(str(tmp_path), "x"))
    assert tf.train.load_variable(path, "whole").tolist() == [1, 1, 1, 1]


def test_only_reference_variables_have_a_reference() -> None:
    with tf.Graph().as_default():
        plain = tf.get_variable("plain", [2])
        resource = tf.get_variable("resource", [2], use_resource=True)
        assert tf_private.is_reference(plain) and not tf_private.is_reference(resource)
        assert tf_private.reference(plain).dtype == tf.as_dtype("float32_ref")
        assert tf_private.reference(plain).op is plain.op


def test_a_scaffold_makes_registered_resources_and_waits_for_them() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        there = tf.get_variable("there", initializer=False, collections=["none"])
        tf_private.register_resource(tf.constant(0, name="handle"), there.assign(True).op, there)
        absent, make = tf_private.uninitialized_resources(), tf_private.initialize_resources()
        unset = there.assign(False)
        session.run(unset)
        scaffold = tf.train.Scaffold().finalize()
        assert session.run(absent).tolist() == [b"handle:0"]
        assert b"handle:0" in session.run(scaffold.ready_op).tolist()
        session.run(make)
        assert not session.run(absent).size
        session.run(unset)
        session.run(scaffold.init_op)
        assert session.run(there)


def test_sessions_ask_again_after_other_seconds() -> None:
    init = tf.train.SessionManager.__init__
    with tf_private.recovery_wait_secs(0.5):
        assert tf.train.SessionManager()._recovery_wait_secs == 0.5
    assert tf.train.SessionManager.__init__ is init
    assert tf.train.SessionManager()._recovery_wait_secs == 30


def test_numbers_of_tensorflows_optimizers() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.get_variable("x", initializer=1.0)
        adam = tf.train.AdamOptimizer(0.25, 0.5, 0.75, 0.125)
        adagrad = tf.train.AdagradOptimizer(0.5)
        for optimizer in (adam, adagrad):
            optimizer.minimize(x ** 2)
        session.run(tf.global_variables_initializer())
        numbers = tf_private.adam_numbers(adam)
        assert numbers[1:4] == (0.5, 0.75, 0.125)
        powers = [numbers.beta1_power, numbers.beta2_power]
        assert session.run([numbers.rate, *powers]) == [0.25, 0.5, 0.75]
        assert session.run(tf_private.adagrad_rate(adagrad)) == 0.5


class Recorder(tf.train.Optimizer):
    """An optimizer that lists the calls of its own methods."""

    def __init__(self) -> None:
        super().__init__(False, "Recorder")
        self.calls: List[str] = []

    def _create_slots(self, var_list: List[tf.Variable]) -> None:
        self.calls.append("slots")

    def _prepare(self) -> None:
        self.calls.append("prepare")

    def _apply_dense(self, grad: tf.Tensor, var: tf.Variable) -> tf.Operation:
        self.calls.append("dense " + var.op.name)
        return tf.no_op()

    def _apply_sparse_duplicate_indices(self, grad: tf.IndexedSlices,
                                        var: tf.Variable) -> tf.Operation:
        self.calls.append("rows " + var.op.name)
        return super()._apply_sparse_duplicate_indices(grad, var)

    def _apply_sparse(self, grad: tf.IndexedSlices, var: tf.Variable) -> tf.Operation:
        self.calls.append("distinct " + var.op.name)
        self.slices = grad
        return tf.no_op()

    def _finish(self, update_ops: List[tf.Operation], name_scope: str) -> tf.Operation:
        self.calls.append("finish {}".format(len(update_ops)))
        return super()._finish(update_ops, name_scope)


def test_an_optimizer_calls_its_methods_once_and_in_order() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        table, kernel = tf.get_variable("table", [3, 1]), tf.get_variable("kernel", [1])
        recorder = Recorder()
        rows = tf.IndexedSlices(tf.ones([3, 1]), tf.constant([2, 0, 2]))
        recorder.apply_gradients([(rows, table), (tf.ones([1]), kernel)])
        assert recorder.calls == ["slots", "prepare", "rows table", "distinct table",
                                  "dense kernel", "finish 2"]
        indices, values = session.run([recorder.slices.indices, recorder.slices.values])
        assert dict(zip(indices, values[:, 0])) == {2: 2.0, 0: 1.0}


def test_a_hash_table_of_the_name_is_saved_under_it() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        table = tf_private.MutableHashTable(tf.int64, tf.float32, tf.constant([np.nan]), "t")
        saveable, = tf.get_collection(tf.GraphKeys.SAVEABLE_OBJECTS)
        assert [spec.name for spec in saveable.specs] == ["t-keys", "t-values"]
        session.run(table.insert(tf.constant([7], tf.int64), [[2.5]]))
        found = session.run(table.lookup(tf.constant([7, 8], tf.int64)))
        assert found[0] == pytest.approx(2.5) and np.isnan(found[1])


def test_a_hook_saves_when_it_is_told(tmp_path: object) -> None:
    class Listener(tf.train.CheckpointSaverListener):
        def after_save(self, session: tf.Session, global_step_value: int) -> bool:
            heard.append(global_step_value)
            return global_step_value == 4  # asks for a stop

    heard: List[int] = []
    folder = str(tmp_path)
    with tf.Graph().as_default(), tf.Session() as session:
        step = tf.train.get_or_create_global_step()
        hook = tf.train.CheckpointSaverHook(folder, save_steps=1000, listeners=[Listener()],
                                            saver=tf.train.Saver())
        hook.begin()
        session.run(step.initializer)
        asked = [tf_private.save_now(hook, session, number) for number in (3, 4)]
    assert asked == [False, True] and heard == [3, 4]
    assert tf.train.latest_checkpoint(folder) == os.path.join(folder, "model.ckpt-4")


@pytest.fixture
def patched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes back at the end what a test has replaced in TensorFlow."""
    for module, name in ((tf_private.training_util, "write_graph"),
                         (tf_private.tf_inspect, "_getfullargspec")):
        monkeypatch.setattr(module, name, getattr(module, name))


def test_no_graph_is_written_as_text(tmp_path: object, patched: None) -> None:
    tf_private.write_no_graph_texts()
    with tf.Graph().as_default():
        tf.train.get_or_create_global_step()
        hook = tf.train.CheckpointSaverHook(str(tmp_path), save_steps=1)
        with tf.train.MonitoredSession(hooks=[hook]):
            pass
    assert os.path.exists(os.path.join(str(tmp_path), "model.ckpt-0.index"))
    assert not os.path.exists(os.path.join(str(tmp_path), "graph.pbtxt"))


def test_signatures_are_looked_up_once_and_are_each_callers_own(patched: None) -> None:
    def function(self: object, x: int = 3) -> None:
        """One with a default."""

    class Unhashable:
        __hash__ = None

        def __call__(self, y: int) -> None:
            """May be inspected, not kept."""

    before = inspect.getfullargspec(function)
    tf_private.inspect_once()
    for _ in range(2):
        spec = tf_private.tf_inspect._getfullargspec(function)
        assert spec == before
        spec.args.remove("self")  # as an Estimator does
    assert tf_private._inspected[function] == before
    assert tf_private.tf_inspect._getfullargspec(Unhashable()).args == ["self", "y"]


def test_what_was_inspected_is_not_kept() -> None:
    class Layer:
        def call(self, x: int) -> None:
            """A method of an object that may hold a graph."""

    tf_private.inspect_once()
    layer = Layer()
    expected = inspect.getfullargspec(layer.call)
    assert tf_private.tf_inspect._getfullargspec(layer.call) == expected
    left = weakref.ref(layer)
    del layer
    assert left() is None


ROOT = os.path.dirname(os.path.dirname(os.path.abspath(tf_private.__file__)))


def modules_of_tensorflows_inside(path: str) -> Iterator[str]:
    """The modules of tensorflow.python that a file imports."""
    with open(path, encoding="utf-8") as file:
        nodes = list(ast.walk(ast.parse(file.read())))
    names = [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    for node in nodes:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    return (name for name in names if name.startswith(("tensorflow.python", "tensorflow_core")))


def test_no_other_file_imports_tensorflows_inside() -> None:
    importing = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths = [os.path.join(folder, name) for name in names if name.endswith(".py")]
        importing += [path for path in paths if list(modules_of_tensorflows_inside(path))]
    assert importing == [os.path.abspath(tf_private.__file__)]
