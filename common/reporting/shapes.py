"""The shapes of a picture as SVG text; places and lengths are in pixels, kinds classes of CSS."""

from html import escape


def text_of(value: object) -> str:
    """Any text as SVG or HTML takes it: escaped, and without what no document may hold."""
    letters = []
    for letter in str(value):
        letters.append(letter if _is_allowed(letter) else "\N{REPLACEMENT CHARACTER}")
    return escape("".join(letters))


def _is_allowed(letter: str) -> bool:
    """Whether XML takes a letter, escaped or not."""
    code = ord(letter)
    is_control = code < 32 and letter not in "\t\n\r" or 127 <= code < 160
    is_surrogate = 0xD800 <= code < 0xE000
    return not is_control and not is_surrogate and code & 0xFFFF < 0xFFFE


def dot(x: float, y: float, color: int, radius: float = 2.6) -> str:
    """A filled circle in the colour of a series."""
    return '<circle class="f{}" cx="{:.1f}" cy="{:.1f}" r="{}"/>'.format(color, x, y, radius)


def box(x: float, y: float, width: float, height: float, kind: str) -> str:
    """A rectangle."""
    return '<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>'.format(
        kind, x, y, width, height)


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """A straight line."""
    return '<line class="{}" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>'.format(
        kind, x1, y1, x2, y2)


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "", full: str = "") -> str:
    """A line of text.

    Args:
      anchor: the end of it that lies at x: "start", "middle" or "end"; "" is "start".
      full: told where the pointer is, if it is more than the words.
    """
    inner = text_of(words)
    if full and full != words:
        inner += "<title>{}</title>".format(text_of(full))
    attributes = ' class="{}"'.format(kind) if kind else ""
    if anchor:
        attributes += ' text-anchor="{}"'.format(anchor)
    return '<text x="{:.1f}" y="{:.1f}"{}>{}</text>'.format(x, y, attributes, inner)
