import pytest

from common import testing
from common.schema import Column, Schema


@pytest.mark.parametrize("fields, message", [
    (("a", "string", "id"), r"column 'a': kind must be one of .* Got: 'id'"),
    (("a", "float", "label"), r"column 'a': dtype must be one of .* Got: 'float'"),
    (("a", "string", "hash"), r"column 'a': a hash column needs buckets > 0. Got: 0"),
    (("a", "int32", "label", 2), r"column 'a': a label column needs buckets == 0. Got: 2"),
    (("a", "int32", "hash", 10), r"column 'a': a hash column cannot be int32"),
    (("a", "int32", "identity", 10, "g", "|"), r"column 'a': only a hash column can be a list. Got: identity"),
])
def test_column_is_checked_when_made(fields: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Column(*fields)


def test_schema_is_checked_when_made() -> None:
    label, user = Column("y", "label"), Column("u", "string", "hash", 10, "g")
    with pytest.raises(ValueError, match="schema 's': columns named twice: y"):
        Schema("s", (label, label, user), "a", "b", "u", "m")
    with pytest.raises(ValueError, match="schema 's': user_column 'y' is not a hash column"):
        Schema("s", (label, user), "a", "b", "y", "m")


def test_columns_by_what_they_are_for() -> None:
    schema = testing.SCHEMA
    assert [c.name for c in schema.labels] == ["y", "z"]
    assert [c.name for c in schema.scalars] == ["user", "kind", "size"]
    assert [c.name for c in schema.lists] == ["tags"]


def test_group_is_in_the_order_of_input_layer() -> None:
    columns = tuple(Column(name, "string", "hash", 10, "g") for name in ("b_x", "b", "a"))
    schema = Schema("s", columns, "a", "b", "a", "m")
    assert [c.name for c in schema.group("g")] == ["a", "b", "b_x"]
    with pytest.raises(ValueError, match="schema 's' has no group 'h'"):
        schema.group("h")
