import pytest

from common.naming import dates


def test_days_are_listed_with_both_ends() -> None:
    assert dates.listed("2026-02-27..2026-03-01") == ["2026-02-27", "2026-02-28", "2026-03-01"]
    assert dates.listed("2026-11-01") == ["2026-11-01"]


@pytest.mark.parametrize("text, message", [
    ("2026-11", "--days takes FIRST..LAST or one day, as 2026-11-01..2026-11-30. Got: '2026-11'"),
    ("2026-11-31", "--days takes FIRST..LAST or one day"),
    ("2026-11-01..", "Got: '2026-11-01..'"),
    ("2026-11-02..2026-11-01", "--days ends before it begins. Got: '2026-11-02..2026-11-01'"),
])
def test_wrong_days(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dates.listed(text)
