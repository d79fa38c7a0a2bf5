from common.config import parts
from common.config.schema import Column, Schema


def schema(*columns: Column) -> Schema:
    user = Column("u", "hash", 9)
    return Schema("s", (Column("y", "label", role="click"), *columns, user), "a", "b", "u", "m")


def names(columns: list) -> list:
    return [column.name for column in columns]


def test_labels_by_role_leave_out_those_without() -> None:
    made = schema(Column("z", "label"), Column("bought", "label", role="purchase"))
    values = {"bought": 3, "y": 1, "z": 2}
    assert parts.by_role(values, made) == {"click": 1, "purchase": 3}


def test_groups_are_in_one_order_whatever_the_files() -> None:
    columns = [Column(name, "hash", 9, name) for name in ("zoo", "combo", "item", "app", "user")]
    made = schema(*columns)._replace(columns=tuple(columns + [Column("u", "hash", 9, "user")]))
    members = parts.groups(made)
    assert list(members) == ["user", "item", "combo", "app", "zoo"]
    assert names(members["user"]) == ["user", "u"]


def test_columns_without_group_are_one() -> None:
    made = schema(Column("a", "hash", 9), Column("n", "number", default="0"))
    assert {name: names(columns) for name, columns in parts.groups(made).items()} == {
        "input": ["a", "u", "n"]}


def test_histories_candidates_and_profile() -> None:
    history = Column("seen", "hash", 9, separator="|", table="item", newest=5)
    shops = history._replace(name="shops", table="shop")
    made = schema(
        shops, history, Column("tags", "hash", 9, separator="|"),
        Column("item", "hash", 9, table="item"), Column("shop", "hash", 9, table="shop"))
    assert names(parts.histories(made)) == ["shops", "seen"]
    assert names(parts.candidates(made)) == ["shop", "item"]  # in the order of the histories
    assert names(parts.profile(made)) == ["tags", "u"]
