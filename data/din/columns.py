"""The columns of samples with a history: label, user, target, and the user's earlier items."""

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


COLUMNS = (
    # The other names are those of the Parquet files of AlibabaPAI/Modelzoo-Data.
    Column("label", "label", other_names=("CLICKED",), task="click"),
    _word("user", "UID", "uid_voc"),
    _word("item", "ITEM", "mid_voc", "item"),
    _word("category", "CATEGORY", "cat_voc", "category"),
    _history("history_items", "HISTORY_ITEM", "mid_voc", "item"),
    _history("history_categories", "HISTORY_CATEGORY", "cat_voc", "category"),
)
