from typing import List

import pytest

from common.testing import plugin


class Item:
    """A test by name; slow ones begin with s."""

    def __init__(self, name: str) -> None:
        self.name = name

    def get_closest_marker(self, name: str) -> bool:
        return name == "slow" and self.name.startswith("s")


@pytest.mark.parametrize("names, parts, expected", [
    ("a s1 b c s2 d", 2, "s1 a b s2 c d"), ("a b s1 s2 s3 c d", 3, "s1 a s2 b s3 c d"),
    ("s1 s2", 3, "s1 s2"), ("", 2, "")])
def test_each_part_begins_with_its_share_of_slow_tests(names: str, parts: int,
                                                       expected: str) -> None:
    items: List[Item] = [Item(name) for name in names.split()]
    ordered = plugin.slow_first(items, parts)  # type: ignore[arg-type]
    assert " ".join(item.name for item in ordered) == expected  # type: ignore[attr-defined]


def test_long_bytes_are_named_by_their_number() -> None:
    assert plugin.pytest_make_parametrize_id(b"x" * 30) == "30 bytes"
    assert plugin.pytest_make_parametrize_id(b"x") is None
    assert plugin.pytest_make_parametrize_id("x" * 30) is None
