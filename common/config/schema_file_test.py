import json
import os
from typing import Any, Dict

import pytest

from common.config import data_sets, schema_file
from common.config.label import Label
from common.config.schema import Column, Schema

SMALL: Dict[str, Any] = {
    "user": "who",
    "columns": [
        {"name": "who", "kind": "hash", "buckets": 100},
        {"name": "age", "kind": "number"},
        {"name": "tags", "kind": "hash", "buckets": 50, "separator": "|"},
        {"name": "visit day", "kind": "unused"},
        {"name": "sex", "kind": "words", "words": ["f", "m"]},
        {"name": "paid", "kind": "label", "task": "payment"},
    ],
}


def write(folder: object, value: object) -> str:
    path = os.path.join(str(folder), "mine.json")
    with open(path, "w") as file:
        file.write(value if isinstance(value, str) else json.dumps(value))
    return path


def changed(place: int, **fields: object) -> Dict[str, Any]:
    """SMALL with other fields in one column; None removes a field."""
    columns = [dict(column) for column in SMALL["columns"]]
    columns[place].update(fields)  # type: ignore[arg-type]
    columns[place] = {key: item for key, item in columns[place].items() if item is not None}
    return dict(SMALL, columns=columns)


def test_a_file_is_read_into_a_schema(tmp_path: object) -> None:
    assert schema_file.read(write(tmp_path, SMALL)) == Schema(
        name="mine", train_file="", test_file="", user_column="who", module="", columns=(
            Column("who", "hash", 100),
            Column("age", "number", default="0"),
            Column("tags", "hash", 50, separator="|"),
            Column("visit day", "unused"),
            Column("sex", "words", words=("f", "m")),
            Column("paid", "label", task="payment"),
        ))


def test_all_keys_are_read(tmp_path: object) -> None:
    value = dict(SMALL, name="n", train_file="a", test_file="b", delimiter="\t", header=True,
                 user=None, missing=["?", "NULL"])
    schema = schema_file.read(write(tmp_path, value))
    assert schema.missing == ("?", "NULL")
    assert (schema.name, schema.train_file, schema.test_file) == ("n", "a", "b")
    assert (schema.delimiter, schema.header, schema.user_column) == ("\t", True, "")


@pytest.mark.parametrize("name", ["taobao", "amazon", "eleme"])
def test_schemas_of_the_project_come_through_json_as_they_are(name: str) -> None:
    schema = data_sets.load(name)
    value = json.loads(json.dumps(schema_file.to_json(schema)))
    assert schema_file.from_json(value, "x", "x") == schema._replace(module="")


def test_labels_come_through_json_as_they_are() -> None:
    value = changed(5, task=None, labels={
        "opened": {"positive": ["opened", "ordered"], "role": "click"},
        "ordered": {"positive": ["ordered"], "task": "payment"}})
    value["columns"].append({"name": "stars", "kind": "label", "at_least": 4})
    schema = schema_file.from_json(value, "x", "x")
    assert schema.labels == [
        Label("opened", "paid", ("opened", "ordered"), role="click"),
        Label("ordered", "paid", ("ordered",), task="payment"),
        Label("stars", "stars", at_least=4)]
    assert schema_file.to_json(schema) == dict(value, name="x")


def test_defaults_are_not_written() -> None:
    schema = schema_file.from_json(SMALL, "x", "x")
    assert schema_file.to_json(schema) == dict(SMALL, name="x")


@pytest.mark.parametrize("value, message", [
    ("{", r"mine.json: line 1, column 2: not JSON: Expecting property name"),
    ('{"user": "a", "user": "b"}', "mine.json: the key 'user' stands twice in one object"),
    ([], r"mine.json: expected an object, \{...\}. Got: \[\]."),
    ({}, "mine.json: columns: is missing. List the columns"),
    (dict(SMALL, columns=[]), "mine.json: columns: is missing"),
    (dict(SMALL, colums=[]), "mine.json: colums: no such key. Did you mean 'columns'. Keys: name,"),
    (dict(SMALL, missing="?"), 'mine.json: missing: expected a list. Got: "[?]".'),
    (dict(SMALL, missing=[0]), r"mine.json: missing\[0\]: expected a text. Got: 0."),
    (dict(SMALL, missing=[""]), "missing: an empty text is missing anyway. Leave it out."),
    (dict(SMALL, missing=["?", "m"]), "'m' is a missing text, and column 'sex' has it as a posit"),
    (dict(SMALL, header=1), "mine.json: header: expected true or false. Got: 1."),
    (dict(SMALL, user=3), "mine.json: user: expected a text. Got: 3."),
    (dict(SMALL, delimiter="||"), r"mine.json: schema 'mine': delimiter is one ASCII char"),
    (dict(SMALL, user="nobody"), "mine.json: schema 'mine': the user, 'nobody', is not a hash"),
    (dict(SMALL, columns=[3]), r"mine.json: columns\[0\]: expected an object, .* Got: 3."),
    (changed(0, name=None), r"mine.json: columns\[0\].name: is missing."),
    (changed(3, kind=None), r"mine.json: columns\[3\].kind: is missing."),
    (changed(0, kind="hashed"), r"mine.json: columns\[0\].kind: expected one of label, hash, .* "
                                r"Got: 'hashed'. Did you mean 'hash'\?"),
    (changed(0, bucket=3), r"mine.json: columns\[0\].bucket: no such key. Did you mean 'buckets'"),
    (changed(0, buckets="3"), r'columns\[0\].buckets: expected a whole number. Got: "3".'),
    (changed(0, buckets=True), r"columns\[0\].buckets: expected a whole number. Got: true."),
    (changed(0, buckets=0), r"columns\[0\]: column 'who': a column of kind hash needs buckets"),
    (changed(4, words="f"), r'columns\[4\].words: expected a list. Got: "f".'),
    (changed(4, words=["f", 1]), r"columns\[4\].words\[1\]: expected a text. Got: 1."),
    (changed(5, at_least="4"), r'columns\[5\].at_least: expected a number. Got: "4".'),
    (changed(5, at_least=10 ** 400), r"columns\[5\]: label 'paid': at_least must be finite. G"),
    (changed(5, at_least=float("nan")), r"columns\[5\]: label 'paid': at_least must be finite. "),
    (dict(SMALL, columns={"a": "x" * 1000}), r'columns: expected a list. Got: .{80}[.]{4}$'),
    (changed(5, labels=["a"]), r'columns\[5\].labels: expected an object. Got: \["a"\].'),
    (changed(5, labels={"a": {"positve": []}}), r"columns\[5\].labels.a.positve: no such key. Did "
                                                r"you mean 'positive'"),
    (changed(5, labels={"a": {"positive": [1]}}), r"labels.a.positive\[0\]: expected a text."),
    (changed(5, labels={}), r"mine.json: columns\[5\].labels: is empty. Leave it out."),
    (changed(5, positive=[]), r"mine.json: columns\[5\].positive: is empty. Leave it out."),
    (changed(0, buckets=2 ** 63 - 1), r"columns\[0\].buckets: must be at most 2147483647. Got: 9"),
    (dict(SMALL, missing=["\ud800"]), r"mine.json: '\\ud800' is half a character. Write the whole"),
    (changed(5, labels={"a": {"role": "b"}}), r"columns\[5\].labels.a: label 'a': role must be"),
    (changed(0, name="user id"), r"columns\[0\]: column 'user id': name names variables, so it is "
                                 r"of A-Z, .* Got: 'user id'. Files may name the column otherwise"),
    (changed(0, group="_a"), r"columns\[0\]: column 'who': group names variables, .* Got: '_a'"),
    (changed(1, name="who"), "mine.json: schema 'mine': columns named twice: who."),
])
def test_what_is_wrong_is_told_with_its_place(tmp_path: object, value: object,
                                              message: str) -> None:
    with pytest.raises(ValueError, match=message):
        schema_file.read(write(tmp_path, value))


def test_a_mark_of_utf8_is_read_past(tmp_path: Any) -> None:
    path = tmp_path.joinpath("mine.json")
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(SMALL).encode())
    assert schema_file.read(str(path)).name == "mine"


def test_endless_nesting_is_refused(tmp_path: object) -> None:
    with pytest.raises(ValueError, match="mine.json: lists or objects are nested too deeply."):
        schema_file.read(write(tmp_path, "[" * 100000))


def test_another_encoding_is_refused(tmp_path: Any) -> None:
    path = tmp_path.joinpath("mine.json")
    path.write_bytes(json.dumps(SMALL).encode("utf-16"))
    with pytest.raises(ValueError, match="mine.json: it is not UTF-8: byte 0 is 0xff. Save it as"):
        schema_file.read(str(path))


@pytest.mark.parametrize("kind", ["unused", "keep"])
def test_a_column_set_aside_may_leave_its_keys(kind: str) -> None:
    label = dict(task="payment", labels={"a": {"positive": ["x"]}})
    for fields in (dict(buckets=10, group="g", table="t", newest=3), label, dict(words=["a"])):
        value = dict(SMALL, columns=SMALL["columns"] + [dict(fields, name="more", kind=kind)])
        schema = schema_file.from_json(value, "x", "x")
        assert schema.columns[-1] == Column("more", kind)
    wrong = dict(SMALL, columns=[{"name": "more", "kind": kind, "buckets": "many"}])
    with pytest.raises(ValueError, match="buckets: expected a whole number"):
        schema_file.from_json(wrong, "x", "x")


def test_a_list_of_words_may_be_empty() -> None:
    for given, expected in ((None, ""), ("", ""), ("m", "m")):
        value = changed(4, separator="|", default=given)
        schema = schema_file.from_json(value, "x", "x")
        assert schema.columns[4].default == expected
        assert schema_file.from_json(schema_file.to_json(schema), "x", "x") == schema
    blank = schema_file.from_json(changed(4, separator="|", words=["f", " "]), "x", "x")
    assert blank.columns[4].default == " "


def test_an_empty_name_is_none() -> None:
    assert schema_file.from_json(dict(SMALL, name=""), "x", "mine").name == "mine"


def test_a_file_that_is_not_there_is_named(tmp_path: object) -> None:
    with pytest.raises(ValueError, match="none.json: No such file or directory."):
        schema_file.read(os.path.join(str(tmp_path), "none.json"))


def test_the_first_column_that_differs_is_named() -> None:
    assert schema_file.difference(SMALL, SMALL) is None
    assert schema_file.difference(SMALL, changed(1, other_names=["Age"])) is None
    assert schema_file.difference(SMALL, changed(2, buckets=60)) == (
        'column 3 was {"buckets": 50, "kind": "hash", "name": "tags", "separator": "|"} and is '
        '{"buckets": 60, "kind": "hash", "name": "tags", "separator": "|"}')
    assert schema_file.difference(SMALL, dict(SMALL, columns=SMALL["columns"][:5])) == (
        'column 6 was {"kind": "label", "name": "paid", "task": "payment"} and is none')
    swapped = [dict(reversed(list(column.items()))) for column in SMALL["columns"]]
    assert schema_file.difference(SMALL, dict(SMALL, columns=swapped)) is None


def test_other_missing_texts_and_labels_are_another_schema() -> None:
    marked = dict(SMALL, missing=["?", "NULL"])
    assert schema_file.difference(marked, dict(SMALL, missing=["NULL", "?"])) is None
    assert schema_file.difference(SMALL, marked) == 'missing was [] and is ["?", "NULL"]'
    assert 'column 6 was {"at_least": 3' in str(schema_file.difference(
        changed(5, at_least=3), changed(5, at_least=4)))
