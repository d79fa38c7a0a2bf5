import pytest

from data.din.records import BadRecord, Record
from data.din.releases import item_line, review_keys, review_line

REVIEW = {
    "reviewerID": "A1", "asin": "000100", "overall": 4.0, "unixReviewTime": 1355616000,
    "reviewText": "It's\tok"
}
REVIEW_2018 = dict(REVIEW, verified=True, style={"Format:": " Kindle"}, vote="3", image=None)
REVIEW_2023 = {
    "user_id": "AE1", "parent_asin": "B1", "asin": "B2", "rating": 5.0, "timestamp": 1588687728923,
    "helpful_vote": 0, "verified_purchase": True, "images": []
}
ITEM = {"asin": "000100", "categories": [["Books", "Crime"], ["Books", "Other"]]}


def with_field(record: Record, name: str, value: object) -> Record:
    return dict(record, **{name: value})


def read(record: Record) -> str:
    return review_line(review_keys(record), record)


@pytest.mark.parametrize("record, line", [
    (REVIEW, "A1\t000100\t4.0\t1355616000"),
    (REVIEW_2018, "A1\t000100\t4.0\t1355616000"),
    (REVIEW_2023, "AE1\tB1\t5.0\t1588687728923"),
    (dict(REVIEW_2023, parent_asin=None), "AE1\tB2\t5.0\t1588687728923"),
])
def test_reviews_of_each_release(record: Record, line: str) -> None:
    assert read(record) == line


@pytest.mark.parametrize("record, line", [
    (ITEM, "000100\tCrime"),
    ({"asin": "1", "category": ["Books", "Children's Books", "Ages 3-5"]}, "1\tAges 3-5"),
    ({"parent_asin": "B1", "categories": ["Books", "Poetry"], "main_category": "Books"},
     "B1\tPoetry"),
    ({"asin": "1"}, "1\tdefault_cat"),
    ({"asin": "1", "categories": None}, "1\tdefault_cat"),
    ({"asin": "1", "categories": []}, "1\tdefault_cat"),
    ({"asin": "1", "categories": [[]]}, "1\tdefault_cat"),
    ({"asin": "1", "categories": [["Books", ""]]}, "1\tdefault_cat"),
    ({"asin": "1", "category": []}, "1\tdefault_cat"),
])
def test_items_of_each_release_with_and_without_categories(record: Record, line: str) -> None:
    assert item_line(record) == line


def test_a_record_of_another_release_lacks_fields() -> None:
    with pytest.raises(BadRecord, match="^field 'overall' is missing, expected a number$"):
        review_line(review_keys(REVIEW), REVIEW_2023)
    with pytest.raises(BadRecord, match="^field 'rating' is missing, expected a number$"):
        review_line(review_keys(REVIEW_2023), REVIEW)


@pytest.mark.parametrize("record, field, message", [
    (REVIEW, "reviewerID", "expected UTF-8 text that is not empty"),
    (REVIEW, "asin", "expected UTF-8 text that is not empty"),
    (REVIEW, "unixReviewTime", "expected a whole number of seconds"),
    (REVIEW_2023, "timestamp", "expected a whole number of milliseconds"),
    (REVIEW_2023, "user_id", "expected UTF-8 text"),
])
def test_missing_fields(record: Record, field: str, message: str) -> None:
    rest = {name: value for name, value in record.items() if name != field}
    with pytest.raises(BadRecord, match="^field '{}' is missing, {}".format(field, message)):
        read(rest)


@pytest.mark.parametrize("field, value, message", [
    ("overall", "5", "'5' is given, expected a number"),
    ("overall", None, "None is given, expected a number"),
    ("overall", True, "True is given, expected a number"),
    ("overall", float("nan"), "nan is given, expected a number"),
    ("overall", float("inf"), "inf is given, expected a number"),
    ("overall", 10 ** 400, "10{76}... is given, expected a number"),
    ("unixReviewTime", 1.5, "1.5 is given, expected a whole number of seconds"),
    ("unixReviewTime", "12 16, 2012", "'12 16, 2012' is given, expected a whole number of seconds"),
    ("unixReviewTime", False, "False is given, expected a whole number of seconds"),
    ("unixReviewTime", 1 << 63, "9223372036854775808 is given, expected a whole number"),
    ("reviewerID", "",
     "'' is given, expected UTF-8 text that is not empty, without tab, line end or byte 0x02"),
    ("reviewerID", 7, "7 is given, expected UTF-8 text"),
    ("reviewerID", "A\t1", r"'A\\t1' is given, expected UTF-8 text"),
    ("asin", "A\n1", r"'A\\n1' is given"),
    ("asin", "A\r", r"'A\\r' is given"),
    ("asin", "A\x02" + "1" * 99, r"'A\\x021{71}\.\.\. is given"),
    ("asin", "\ud800", r"'\\ud800' is given"),
    ("asin", None, "None is given"),
])
def test_bad_reviews(field: str, value: object, message: str) -> None:
    with pytest.raises(BadRecord, match="^field '" + field + "': " + message):
        read(with_field(REVIEW, field, value))


@pytest.mark.parametrize("field, value, message", [
    ("asin", "", "'' is given, expected UTF-8 text"),
    ("categories", "Books", "'Books' is given, expected a list of paths, each a list of names, or"),
    ("categories", {"Books": 1}, "{'Books': 1} is given, expected a list of paths"),
    ("categories", [["Books", 7]], "7 is given, expected UTF-8 text"),
    ("categories", [["Books", "a\x02b"]], r"'a\\x02b' is given, expected UTF-8 text"),
])
def test_bad_items(field: str, value: object, message: str) -> None:
    with pytest.raises(BadRecord, match="^field '" + field + "': " + message):
        item_line(with_field(ITEM, field, value))
