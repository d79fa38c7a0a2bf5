import pytest

from common.testing import book_reviews


def test_write_raw_files_checks_its_size(tmp_path: object) -> None:
    with pytest.raises(ValueError, match="num_items must be >= 50. Got: 49"):
        book_reviews.write_raw_files(str(tmp_path), 1, 49, 1)
