"""Ranges of days, as flags name them."""

import datetime
from typing import List


def listed(text: str) -> List[str]:
    """The days of "2026-11-01..2026-11-30", both included, or of a single day.

    Raises:
      ValueError: it is not of that form, or ends before it begins.
    """
    first, dots, last = text.partition("..")
    try:
        begin = datetime.datetime.strptime(first, "%Y-%m-%d").date()
        end = datetime.datetime.strptime(last if dots else first, "%Y-%m-%d").date()
    except ValueError:
        raise ValueError("--days takes FIRST..LAST or one day, as 2026-11-01..2026-11-30. Got: "
                         "{!r}.".format(text))
    if end < begin:
        raise ValueError("--days ends before it begins. Got: {!r}.".format(text))
    count = (end - begin).days + 1
    return [(begin + datetime.timedelta(number)).isoformat() for number in range(count)]
