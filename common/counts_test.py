import pytest

from common.counts import counted


@pytest.mark.parametrize("number, text", [
    (0, "0 more rows"), (1, "1 more row"), (2, "2 more rows"), (1200, "1,200 more rows")])
def test_what_is_counted_is_plural_unless_it_is_one(number: int, text: str) -> None:
    assert counted(number, "more row") == text
