"""Lines to batches as a TF 1.15.5 user does it (--tf): TextLineDataset, decode_csv and so on."""

from typing import Callable, List, Optional

import numpy as np
import tensorflow.compat.v1 as tf

from common.config.schema import NO_USER, USER, WEIGHT, Column, Schema
from common.formats.files import Files
from common.pipeline import labels as labels_of
from common.pipeline import raw, row_order, source, tf_lines
from common.pipeline.batches import Batch
from common.pipeline.dataset import InputFn
from common.pipeline.raw import Features
from common.pipeline.row_order import Leg, Stream
from common.pipeline.source import Data

_MAX_INT64 = np.iinfo(np.int64).max
_BATCHES_AHEAD = 4
_LINES_AT_A_TIME = 4096


def tf_input(
    files: Files,
    data: Data,
    stream: Stream,
    with_users: bool,
    start_row: Optional[tf.Tensor] = None,
    read_lines: Optional[Callable[[], np.ndarray]] = None,
) -> InputFn:
    """An input_fn as a TF 1.15.5 user writes it: TextLineDataset, decode_csv, string_split.

    Its dataset's elements are (features, labels): features as raw.decode gives them as columns and,
    with_users, USER to int64 [B] where the schema has users; labels are float32 [B].

    Args:
      start_row: in place of the stream's, int64 scalar; a session asks for it when it begins.
      read_lines: gives the lines in place of the stream, bytes [N].
    """
    schema = data.schema

    def parse(lines: tf.Tensor, line_columns: List[str], tables: raw.Tables) -> Batch:
        columns = _parse_csv(lines, line_columns, schema)
        features = raw.decode(columns, schema, tables, as_columns=True)
        if with_users and schema.user_column:
            user, = schema.named([schema.user_column])
            users = raw.text(columns[user.name], user, schema)
            numbers = tf.strings.to_hash_bucket_fast(users, _MAX_INT64)
            nobody = tf.fill(tf.shape(numbers), tf.constant(NO_USER, tf.int64))
            features[USER] = tf.where(tf.equal(users, user.default), nobody, numbers)
        labels = _labels(columns, schema)
        if WEIGHT in labels:
            features[WEIGHT] = labels[WEIGHT]
        return features, labels

    @tf.autograph.experimental.do_not_convert
    def input_fn() -> tf.data.Dataset:
        if read_lines:
            lines = _given(read_lines)
        else:
            bad_rows = data.bad_rows.rows(files.paths)
            row_order.check_shard(files, bad_rows, stream)
            lines = _in_order(tf_lines.usable(files, data), files, data, stream)
            lines = lines.skip(stream.start_row if start_row is None else start_row)
        line_columns = tf_lines.columns_of(files)
        tables = raw.make_tables(schema, data.vocabularies)
        parsed = lines.batch(stream.batch_size).map(
            lambda batch: parse(batch, line_columns, tables),
            num_parallel_calls=tf.data.experimental.AUTOTUNE,
        )
        return parsed.prefetch(_BATCHES_AHEAD)

    return input_fn


def _given(read_lines: Callable[[], np.ndarray]) -> tf.data.Dataset:
    """The lines that a function gives when a session begins to read, so that no graph holds them.
    """
    lines = tf.py_func(read_lines, [], tf.string)
    lines.set_shape([None])
    return tf.data.Dataset.from_tensor_slices(lines)


def _parse_csv(lines: tf.Tensor, line_columns: List[str], schema: Schema) -> Features:
    """The columns that are used, by name.

    Args:
      line_columns: the columns of each line; names that are not the schema's are read past.
    """
    used = source.used_columns(schema)
    positions = [place for place, name in enumerate(line_columns) if name in used]
    names = [line_columns[position] for position in positions]
    defaults = [_csv_default(column, schema) for column in schema.named(names)]
    fields = tf.io.decode_csv(
        lines,
        defaults,
        schema.delimiter,
        use_quote_delim=False,
        select_cols=positions,
    )
    return dict(zip(names, fields))


def _labels(columns: Features, schema: Schema) -> Features:
    """The labels by name, and the rows' weights, float32 [B]."""
    labels = {}
    for column in schema.weights:
        labels[WEIGHT] = tf.cast(_present(columns[column.name], column, schema), tf.float32)
    present = {column.name: _present(columns[column.name], column, schema)
               for column in schema.label_columns}
    for label in schema.labels:
        values = present[label.column]
        if label.positive:
            values = raw.is_any(values, label.positive)
        elif label.at_least is not None:
            values = tf.greater_equal(values, label.at_least)
        labels[label.name] = tf.cast(values, tf.float32)
    by_role = {label.role: label.name for label in schema.labels}
    if "click" in by_role and "purchase" in by_role:  # without a click there is none
        purchase = by_role["purchase"]
        labels[purchase] *= labels[by_role["click"]]
    return labels


def _present(values: tf.Tensor, column: Column, schema: Schema) -> tf.Tensor:
    """A label's or weight's values [B], which fail where one is missing, or none."""
    message = "column {!r}: a {} is missing, or none".format(column.name, column.kind)
    if column.dtype == "string":
        blank = tf.equal(tf.strings.strip(values), "")
        is_missing = tf.logical_or(blank, raw.is_any(values, ("", *schema.missing)))
    elif column.dtype == "float":
        is_missing = tf.logical_or(raw.is_missing(values, schema), ~tf.math.is_finite(values))
        if column.kind == "weight":
            is_wrong = tf.logical_or(values < 0, values > labels_of.MAX_WEIGHT)
            is_missing = tf.logical_or(is_missing, is_wrong)
    else:
        return values
    check = tf.debugging.assert_none_equal(is_missing, True, message=message)
    with tf.control_dependencies([check]):
        return tf.identity(values)


def _csv_default(column: Column, schema: Schema) -> tf.Tensor:
    """What tf.io.decode_csv takes for an empty field; a label must be there."""
    if column.kind in ("label", "weight"):
        types = {"int32": tf.int32, "float": tf.float64, "string": tf.string}
        return tf.constant([], types[column.dtype])
    if column.dtype == "string" or column.is_list or schema.missing:
        return tf.constant([""])
    number = int if column.dtype == "int32" else float
    return tf.constant([number(column.default)])


def rows_of_batch(files: Files, data: Data, stream: Stream) -> List[int]:
    """The numbers (from 0) of the rows in the first batch of a stream of tf_input.

    They are found by reading it again.
    """
    with tf.Graph().as_default(), tf.Session() as session:
        lines = _in_order(tf_lines.numbered(files, data), files, data, stream)
        lines = lines.skip(stream.start_row)
        numbers = lines.map(lambda row, line: row)
        batches = numbers.batch(stream.batch_size)
        first = tf.data.make_one_shot_iterator(batches).get_next()
        return session.run(first).tolist()


def lines_of(files: Files, data: Data, rows: np.ndarray) -> np.ndarray:
    """The lines of some rows, as tf_lines.usable gives them: bytes [N].

    Args:
      rows: their numbers, int64 [N], ascending.
    """
    found: List[bytes] = []
    with tf.Graph().as_default(), tf.Session() as session:
        batches = tf_lines.numbered(files, data).batch(_LINES_AT_A_TIME)
        batch = tf.data.make_one_shot_iterator(batches).get_next()
        while len(found) < len(rows):
            numbers, lines = session.run(batch)
            found += lines[np.isin(numbers, rows)].tolist()
    return np.array(found, object)


def rows_of_part(files: Files, data: Data, shard: int, shards: int) -> int:
    """The usable lines of a part: every line whose number leaves `shard` when divided by `shards`.

    Raises:
      BadInput: there is none.
    """
    bad_rows = data.bad_rows.rows(files.paths)
    row_order.check_shard(files, bad_rows, Stream(1, shard=shard, shards=shards))
    return (data.usable_rows(files) - shard + shards - 1) // shards


def _in_order(
    lines: tf.data.Dataset,
    files: Files,
    data: Data,
    stream: Stream,
) -> tf.data.Dataset:
    """The lines of a stream: its legs, then whole epochs."""
    part = lines.shard(stream.shards, stream.shard)
    in_order = _repeated(part, stream.shuffle_rows, stream.seed)
    if stream.epochs or stream.first_epoch:
        size = rows_of_part(files, data, stream.shard, stream.shards)
        epochs = max(stream.epochs - stream.first_epoch, 0)
        in_order = in_order.skip(stream.first_epoch * size)
        in_order = in_order.take(epochs * size if stream.epochs else -1)
    for leg in reversed(stream.legs):
        in_order = _lines_of_leg(lines, files, data, leg).concatenate(in_order)
    return in_order


def _lines_of_leg(lines: tf.data.Dataset, files: Files, data: Data, leg: Leg) -> tf.data.Dataset:
    """The lines of a leg; only the epochs before it give its epoch its order."""
    size = rows_of_part(files, data, leg.shard, leg.shards)
    repeated = _repeated(lines.shard(leg.shards, leg.shard), leg.shuffle_rows, leg.seed)
    end = size if leg.high is None else leg.high
    return repeated.skip(leg.epoch * size + leg.low).take(end - leg.low)


def _repeated(lines: tf.data.Dataset, shuffle_rows: int, seed: int) -> tf.data.Dataset:
    """The lines without end, in an order that depends on this seed alone, in whichever graph.

    Without end in any case: tf.data makes one op of a shuffle and a repetition, unless it is of one
    time, and the two mix otherwise.
    """
    if not shuffle_rows:
        return lines.repeat()
    seed_of_graph = tf.get_default_graph().seed
    tf.set_random_seed(seed)
    try:
        return lines.shuffle(shuffle_rows, seed, reshuffle_each_iteration=True).repeat()
    finally:
        tf.set_random_seed(seed_of_graph)
