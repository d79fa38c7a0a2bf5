"""Numbers of things in the words of messages."""


def counted(number: int, noun: str) -> str:
    """A number with what it counts: `1 file`, `1,200 files`.

    Args:
      noun: in the singular, of which an s makes the plural.
    """
    return "{:,} {}{}".format(number, noun, "" if number == 1 else "s")
