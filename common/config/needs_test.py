from typing import List

import pytest

from common.config import model, needs
from common.config.schema import Column, Schema

CLICK = Column("seen", "label", task="view", role="click")
PURCHASE = Column("paid", "label", role="purchase")
PLAIN = Column("y", "label")
USER = Column("u", "hash", 9)
ITEM = Column("item", "hash", 9, table="item")
HISTORY = Column("items", "hash", 9, separator="|", table="item", newest=5)
NUMBER = Column("age", "number", default="0")


def schema(*columns: Column) -> Schema:
    return Schema("mine", (*columns, USER), "a", "b", "u", "m")


@pytest.mark.parametrize("folder, columns, tasks", [
    ("esmm", [PURCHASE, CLICK], ("click", "purchase_given_click", "click_and_purchase")),
    ("mmoe", [PURCHASE, CLICK, PLAIN], ("paid", "view", "y")),
    ("ple", [PLAIN, NUMBER], ("y",)),
    ("din", [PLAIN, ITEM, HISTORY], ("y",)),
    ("dlrm", [CLICK], ("view",)),
    ("dlrm", [CLICK, NUMBER], ("view",)),
])
def test_a_schema_that_fits(folder: str, columns: List[Column], tasks: tuple) -> None:
    needs.check(model.read(folder), schema(*columns))
    assert needs.tasks(model.read(folder), schema(*columns)) == tasks


@pytest.mark.parametrize("folder, columns, message", [
    ("mmoe", [], "MMoE cannot use schema 'mine': it has no column of kind 'label'"),
    ("esmm", [CLICK, PLAIN], "no label has role 'purchase'. Its labels are 'seen', 'y': give one"),
    ("esmm", [PLAIN], "no label has role 'click' and none 'purchase'. Its labels are 'y'"),
    ("esmm", [CLICK, PURCHASE, PLAIN],
     "label 'y' has no role, so ESMM would not read it. Give it kind 'unused'"),
    ("ple", [PLAIN._replace(task="shared")], "a task cannot be called 'shared'"),
    ("dlrm", [CLICK, PURCHASE], "it has 2 labels, 'seen', 'paid', and DLRM has one task"),
    ("din", [CLICK, PURCHASE, ITEM, HISTORY], "it has 2 labels, .* and DIN has one task"),
    ("esmm", [CLICK, PURCHASE, USER._replace(name="v", group="g"), NUMBER._replace(group="g")],
     "column 'u' has no group, while others have"),
    ("din", [PLAIN, ITEM, HISTORY, NUMBER], "DIN reads no numbers, as 'age' is. Give it "),
    ("mmoe", [PLAIN, ITEM, HISTORY],
     "MMoE reads no list whose items keep their order, as 'items' is. Leave out newest"),
    ("esmm", [CLICK, PURCHASE, USER._replace(name="v", group="g")],
     "column 'u' has no group, while others have. Give all a group, or none"),
    ("din", [PLAIN], "it has no history: a list with newest"),
    ("din", [PLAIN, ITEM._replace(table=""), HISTORY._replace(table="")],
     "history 'items' needs one candidate, .* There is none"),
    ("din", [PLAIN, ITEM, ITEM._replace(name="next"), HISTORY],
     "history 'items' needs one candidate, .* There is 'item', 'next'"),
    ("din", [PLAIN, ITEM, HISTORY, ITEM._replace(name="shop", table="shop"),
             HISTORY._replace(name="shops", table="shop", aligned=True)],
     "as many items as one another. Say so of 'items': aligned"),
    ("din", [PLAIN, ITEM, HISTORY._replace(aligned=True),
             ITEM._replace(name="shop", table="shop"),
             HISTORY._replace(name="shops", table="shop", aligned=True, newest=6)],
     "histories 'items', 'shops' differ in newest"),
    ("din", [PLAIN, ITEM, HISTORY._replace(aligned=True),
             HISTORY._replace(name="others", aligned=True)],
     "histories 'items', 'others' share a table"),
    ("din", [PLAIN] + [Column(name, "words", words=("a", "b"), table="t", **fields)
                       for name, fields in (("word", {}), ("words", dict(separator="|",
                                                                         newest=5)))],
     "history 'words' is of kind 'words', not 'hash' or 'vocabulary'"),
])
def test_a_schema_that_does_not_fit_is_refused(folder: str, columns: List[Column],
                                               message: str) -> None:
    with pytest.raises(ValueError, match=message):
        needs.check(model.read(folder), schema(*columns))


def test_columns_with_an_embedding_are_needed() -> None:
    bare = schema(PLAIN)._replace(columns=(PLAIN,))  # which its own checks would not let pass
    with pytest.raises(ValueError, match="it has no column with an embedding: of kind 'hash'"):
        needs.check(model.read("mmoe"), bare)


def test_tables_of_several_groups_are_refused() -> None:
    made = Schema("mine", (CLICK, PURCHASE, ITEM._replace(group="user"),
                           ITEM._replace(name="other", group="item")), "a", "b", "item", "m")
    with pytest.raises(ValueError, match="table 'item' is shared by columns of several groups"):
        needs.check(model.read("esmm"), made)


@pytest.mark.parametrize("columns, problem", [
    ([NUMBER], ""), ([ITEM._replace(table="", width=16)], ""), ([], "needs two vectors"),
    ([ITEM._replace(table="", width=8)],
     "needs vectors of one width, and columns 'item', 'u' have 8 and 16"),
])
def test_dot_products_are_of_vectors_of_one_width(columns: List[Column], problem: str) -> None:
    found = needs.of_dot_products(schema(PLAIN, *columns), 16)
    assert problem in found and bool(problem) == bool(found)
