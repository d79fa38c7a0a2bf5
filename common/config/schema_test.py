import pytest

from common.config.column_fields import KEYS
from common.config.label import Label
from common.config.schema import Column, Schema
from common.testing import toy


@pytest.mark.parametrize("fields, message", [
    (dict(kind="id"), r"column 'a': kind must be one of .* Got: 'id'"),
    (dict(kind="hash"), r"column 'a': a column of kind hash needs buckets > 0. Got: 0"),
    (dict(kind="words"), r"column 'a': a column of kind words needs buckets > 0. Got: 0"),
    (dict(kind="number", buckets=3), r"a column of kind number needs buckets == 0. Got: 3"),
    (dict(kind="label", buckets=2), r"a column of kind label needs buckets == 0. Got: 2"),
    (dict(kind="hash", buckets=2 ** 31),
     r"column 'a': buckets must be at most 2147483647. Got: 2147483648"),
    (dict(kind="identity", buckets=KEYS),
     r"column 'a': buckets must be at most 2147483647. Got: 9223372036854775807"),
    (dict(kind="identity", buckets=10, separator="|"),
     r"column 'a': a column of kind identity cannot be a list"),
    (dict(kind="vocabulary"),
     r"column 'a': vocabulary is for a vocabulary column, and it needs one"),
    (dict(kind="hash", buckets=3, vocabulary="v"),
     r"column 'a': vocabulary is for a vocabulary column"),
    (dict(kind="vocabulary", vocabulary="v", separator="|"),
     r"column 'a': a list of a vocabulary keeps its order"),
    (dict(kind="hash", buckets=3, newest=5), r"column 'a': newest and aligned are for lists"),
    (dict(kind="number", aligned=True), r"column 'a': newest and aligned are for lists"),
    (dict(kind="unused", separator=";", aligned=True),
     r"column 'a': newest and aligned are for lists that are used"),
    (dict(kind="hash", buckets=3, combiner="max"), r"combiner must be one of \('mean', 'sum'\)"),
    (dict(kind="hash", buckets=3, width=-1), r"width is that of an embedding, from 1 .* Got: -1"),
    (dict(kind="hash", buckets=3, width=65537), r"from 1 to 65536, or 0 for .* Got: 65537"),
    (dict(kind="number", buckets=-1), r"of kind number needs buckets == 0. Got: -1"),
    (dict(kind="label", task="t" * 129), r"task has 129 characters, at most 128 are possible"),
    (dict(kind="number", width=3), r"width is that of an embedding, .* Got: 3 for a column"),
    (dict(kind="user", separator="|"), r"a column of kind user cannot be a list"),
    (dict(kind="hash", buckets=3, task="t"), r"task is for labels. Its kind is 'hash'"),
    (dict(kind="number", role="click"), r"role is for labels. Its kind is 'number'"),
    (dict(kind="hash", buckets=3, at_least=0.0), r"at_least is for labels. Its kind is 'hash'"),
    (dict(kind="label", positive=("x",), at_least=0.0), r"'a': positive and at_least are two"),
    (dict(kind="label", positive=("x", " ")), r"a blank text is a missing label"),
    (dict(kind="label", at_least=float("nan")), r"at_least must be finite. Got: nan"),
    (dict(kind="label", labels=(Label("b", "a", ("x",)),), task="t"),
     r"column 'a': with labels, each of them has its own task"),
    (dict(kind="label", labels=(Label("b", "a", ("x",)), Label("c", "a", at_least=1.0))),
     r"column 'a': its labels need all of them positive, or all of them at_least"),
    (dict(kind="label", labels=(Label("b", "a"),)), r"its labels need all of them positive"),
    (dict(kind="label", labels=(Label("b b", "a", ("x",)),)), r"a label's name names variables"),
    (dict(kind="label", labels=(Label("", "a", ("x",)),)), r"a label's name names .* Got: ''"),
    (dict(kind="words", words=("x", "y", "x")), r"the word 'x' is given twice"),
    (dict(kind="words", words=("x", "y"), buckets=3), r"its 2 words have a bucket each. Leave out"),
    (dict(kind="words", words=("x",), default="z"),
     r"the default of a column of kind words is one of its words. Got: 'z'"),
    (dict(kind="number", default="x"), r"default of a column of kind number is a finite number as"),
    (dict(kind="number", default="nan"), r"a finite number as text. Got: 'nan'"),
    (dict(kind="identity", buckets=5, default="5"), r"is a whole number from 0 to 4 as text. Got"),
    (dict(kind="identity", buckets=5, default="-1"), r"from 0 to 4 as text. Got: '-1'"),
    (dict(kind="label", default="0"), r"a column of kind label has no default. Leave it out"),
    (dict(kind="weight", default="1"), r"a column of kind weight has no default. Leave it out"),
    (dict(kind="number", table="t"), r"a column of kind number has no table. Leave it out"),
    (dict(kind="label", group="g"), r"a column of kind label has no group. Leave it out"),
    (dict(kind="hash", buckets=3, words=("x",)), r"a column of kind hash has no words. Leave it"),
    (dict(kind="number", separator="|", combiner="sum"), r"of kind number has no combiner"),
    (dict(kind="hash", buckets=3, combiner="sum"), r"combiner is for lists, which have a separ"),
    (dict(kind="hash", buckets=3, separator="||"),
     r"separator is one ASCII character that ends no line. Got: '\|\|'"),
    (dict(kind="hash", buckets=3, separator="\u00a7"), r"separator is one ASCII character"),
    (dict(kind="hash", buckets=3, separator="\n"), r"that ends no line. Got: '\\n'"),
    (dict(kind="hash", buckets=3, separator="|", newest=-2), r"newest is how many .* Got: -2"),
    (dict(kind="hash", buckets=3, separator="|", newest=2 ** 31), r"1 to 2147483647, .* Got: 214"),
    (dict(kind="vocabulary", vocabulary="../words"),
     r"vocabulary names a file of --data_location, without a folder. Got: '../words'"),
    (dict(kind="label", role="buy"), r"role must be one of \('click', 'purchase'\). Got: 'buy'"),
])
def test_column_is_checked_when_made(fields: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Column("a", **fields)


def test_a_column_that_is_read_needs_a_name() -> None:
    with pytest.raises(ValueError, match="column '': name names variables, .* Got: ''"):
        Column("", "hash", 10)
    assert Column("", "unused").name == ""


@pytest.mark.parametrize("delimiter", ["", "||", "\n", "\r", "\0", '"', "\u00a7"])
def test_a_delimiter_is_one_byte_that_divides(delimiter: str) -> None:
    columns = (Column("y", "label"), Column("u", "hash", 10))
    with pytest.raises(ValueError, match="schema 's': delimiter is one ASCII character that neit"):
        Schema("s", columns, "a", "b", "u", "m", delimiter)


def test_a_delimiter_divides_no_lists() -> None:
    columns = (Column("y", "label"), Column("t", "hash", 10, separator=","))
    with pytest.raises(ValueError, match="column 't' has the separator ',', which divides columns"):
        Schema("s", columns, "a", "b", "", "m")
    assert Schema("s", columns, "a", "b", "", "m", ";").delimiter == ";"


def test_schema_is_checked_when_made() -> None:
    label, user = Column("y", "label"), Column("u", "hash", 10, "g")
    with pytest.raises(ValueError, match="schema 's': columns named twice: y"):
        Schema("s", (label, label, user), "a", "b", "u", "m")
    with pytest.raises(ValueError,
                       match="schema 's': the user, 'y', is not a hash or vocabulary column of "
                             "one value a row, or a column of kind 'user'"):
        Schema("s", (label, user), "a", "b", "y", "m")
    with pytest.raises(ValueError, match="column 'v' has kind 'user' and is not the user column, "
                                         "'u'"):
        Schema("s", (label, user, Column("v", "user")), "a", "b", "u", "m")
    other = Column("v", "hash", 11, "g", table="t")
    with pytest.raises(ValueError, match="schema 's': only one column names the table 't'"):
        Schema("s", (label, user, other), "a", "b", "u", "m")
    with pytest.raises(ValueError, match="schema 's': the columns of table 't' differ in buckets"):
        Schema("s", (label, user._replace(table="t"), other), "a", "b", "u", "m")
    with pytest.raises(ValueError, match="columns of table 't' differ in width: 0 and 8"):
        Schema("s", (label, user._replace(table="t"), other._replace(buckets=10, width=8)), "a",
               "b", "u", "m")
    lists = [Column(name, "hash", 10, "g", "|", table="t", combiner=combiner)
             for name, combiner in (("v", "sum"), ("w", "mean"))]
    with pytest.raises(ValueError, match="table 't' differ in combiner: 'sum' and 'mean'"):
        Schema("s", (label, user, *lists), "a", "b", "u", "m")
    for field, unlike in (("kind", Column("v", "identity", 10, table="t", default="0")),
                          ("kind", Column("v", "vocabulary", vocabulary="w", table="t"))):
        with pytest.raises(ValueError, match="of table 't' differ in {}: 'hash' and".format(field)):
            Schema("s", (label, user._replace(table="t"), unlike), "a", "b", "u", "m")
    tags = Column("t", "hash", 10, "g", separator="|")
    with pytest.raises(
            ValueError,
            match="schema 's': an empty list has no items where lists are stored as lists"):
        Schema("s", (label, user, tags), "a", "b", "u", "m", parquet_lists=True)


def test_a_user_may_be_no_feature_or_none() -> None:
    columns = (Column("y", "label"), Column("a", "hash", 10), Column("who", "user"))
    schema = Schema("s", columns, "a", "b", "who", "m")
    assert [column.name for column in schema.inputs] == ["a"]
    assert Schema("s", columns[:2], "a", "b", "", "m").user_column == ""


def test_tasks_and_roles_are_told_apart() -> None:
    user = Column("u", "hash", 10)
    labels = (Column("a", "label", task="t"), Column("t", "label"))
    with pytest.raises(ValueError, match="schema 's': tasks named twice: t"):
        Schema("s", (*labels, user), "a", "b", "u", "m")
    labels = (Column("a", "label"), Column("b", "label", labels=(Label("a", "b", ("x",)),)))
    with pytest.raises(ValueError, match="schema 's': labels named twice: a"):
        Schema("s", (*labels, user), "a", "b", "u", "m")
    labels = (Column("a", "label", role="click"), Column("b", "label", role="click"))
    with pytest.raises(ValueError, match="schema 's': roles given twice: click"):
        Schema("s", (*labels, user), "a", "b", "u", "m")
    labels = (Column("a", "label", task="t"), Column("b", "label"))
    assert Schema("s", (*labels, user), "a", "b", "u", "m").tasks == [("t", "a"), ("b", "b")]


def test_vocabularies_give_their_columns_buckets() -> None:
    columns = (Column("y", "label"), Column("u", "vocabulary", vocabulary="names"),
               Column("w", "words", words=("a", "b")))
    schema = Schema("s", columns, "a", "b", "u", "m").with_vocabularies({"names": 7})
    assert schema.vocabularies == ["names"] and [c.buckets for c in schema.features] == [7, 2]


def test_with_keys_only_hash_columns_change() -> None:
    columns = (Column("y", "label"), Column(
        "u", "hash", 9, table="t"), Column(
            "v", "vocabulary", vocabulary="names"), Column(
                "s", "identity", 8, default="0"), Column("tags",
                                                         "hash",
                                                         9,
                                                         separator="|",
                                                         table="t"),
               Column("w", "words",
                      words=("a", "b")), Column("ws", "words", separator="|", words=("a", "b")))
    plain = Schema("s", columns, "a", "b", "u", "m")
    assert plain.id_type == "int32" and {column.id_type for column in columns} == {"int32"}
    keyed = plain.with_keys()
    assert keyed.id_type == "int64" and keyed.with_keys() == keyed
    assert [c.buckets for c in keyed.columns] == [0, KEYS, 0, 8, KEYS, 2, 2]
    assert [c.id_type for c in keyed.lists] == ["int64", "int32"]
    assert [c._replace(buckets=0)
            for c in keyed.columns] == [c._replace(buckets=0) for c in columns]
    assert Schema(*keyed) == keyed and Column(*keyed.columns[1]).is_keyed  # passes its own checks


def test_a_keyed_list_leaves_scalars_as_they_are() -> None:
    columns = (Column("u", "vocabulary",
                      vocabulary="names"), Column("tags", "hash", 9, separator="|"))
    keyed = Schema("s", columns, "a", "b", "u", "m").with_keys()
    assert keyed.id_type == "int32" and keyed.lists[0].id_type == "int64"


def test_columns_by_what_they_are_for() -> None:
    schema = toy.SCHEMA
    assert [c.name for c in schema.labels] == ["y", "z"]
    assert [c.name for c in schema.scalars] == ["user", "kind", "size"]
    assert [c.name for c in schema.lists] == ["tags"]


def test_columns_of_a_group_and_by_name() -> None:
    columns = tuple(Column(name, "hash", 10, "g") for name in ("b_x", "b", "a"))
    schema = Schema("s", columns, "a", "b", "a", "m")
    assert [c.name for c in schema.group("g")] == ["b_x", "b", "a"]
    assert [c.name for c in schema.named(["a", "b"])] == ["a", "b"]
    with pytest.raises(ValueError, match="schema 's' has no group 'h'"):
        schema.group("h")
