"""The columns of samples with a history: label, user, target, and the user's earlier items."""

from typing import Tuple

from common.config.schema import Column


def _word(name: str, other_name: str, vocabulary: str, table: str = "") -> Column:
    return Column(
        name,
        "vocabulary",
        vocabulary=vocabulary,
        table=table,
        other_names=(other_name,),
    )


def _history(name: str, other_name: str, vocabulary: str, table: str) -> Column:
    return _word(name, other_name, vocabulary, table)._replace(
        separator="\x02",
        default="",
        newest=100,
        aligned=True,
    )


def columns(users: str, items: str, categories: str) -> Tuple[Column, ...]:
    """The columns of samples, given the names of the vocabularies of users, items and categories.

    Files may name them otherwise, too: as the Parquet files of AlibabaPAI/Modelzoo-Data do.
    """
    return (
        Column("label", "label", other_names=("CLICKED",), task="click"),
        _word("user", "UID", users),
        _word("item", "ITEM", items, "item"),
        _word("category", "CATEGORY", categories, "category"),
        _history("history_items", "HISTORY_ITEM", items, "item"),
        _history("history_categories", "HISTORY_CATEGORY", categories, "category"),
    )
