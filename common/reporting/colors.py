"""The colours of pictures, by classes of CSS, for light and for dark screens.

Series take the colours of Okabe and Ito (https://jfly.uni-koeln.de/color), which people with any
colour vision tell apart, darker or lighter until each stands out from its background by 3 to 1.
"""

from typing import Dict

LIGHT = {
    "back": "#ffffff", "card": "#ffffff", "ink": "#1b2430", "soft": "#5b6675", "rule": "#e3e7ec",
    "c0": "#0072b2", "c1": "#d55e00", "c2": "#00805d", "c3": "#a8477f", "c4": "#8c6d00",
    "c5": "#4a6fe3",
}
DARK = {
    "back": "#12161c", "card": "#191f27", "ink": "#e6ebf1", "soft": "#9aa7b6", "rule": "#2c3541",
    "c0": "#56b4e9", "c1": "#f2864b", "c2": "#2fc49a", "c3": "#e394c3", "c4": "#e0b83a",
    "c5": "#9fb4ff",
}
NUM_SERIES = 6
_SHAPES = """\
svg.plot text{fill:var(--ink);font:12px system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
svg.plot .title{font-size:14px;font-weight:600}
svg.plot .soft{fill:var(--soft)}
svg.plot .rule{stroke:var(--rule);stroke-width:1}
svg.plot .axis{stroke:var(--soft);stroke-width:1}
svg.plot .mark{stroke:var(--soft);stroke-width:1.2;stroke-dasharray:5 4;fill:none}
svg.plot .line{fill:none;stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}
svg.plot .band{stroke:none;fill-opacity:.16}
svg.plot .whisker{stroke-width:1.6}
svg.plot .hit{fill:transparent}
svg.plot .tip{display:none}
svg.plot .spot:hover .tip{display:inline}
svg.plot .tip text{paint-order:stroke;stroke:var(--card);stroke-width:5px;stroke-linejoin:round}
"""


def _variables(colors: Dict[str, str]) -> str:
    return ";".join("--{}:{}".format(name, color) for name, color in colors.items())


def style() -> str:
    """The CSS of pictures, for the page that holds them or for a file of one picture."""
    parts = [":root{{color-scheme:light dark;{}}}".format(_variables(LIGHT)),
             "@media (prefers-color-scheme:dark){{:root{{{}}}}}".format(_variables(DARK)),
             "@media print{{:root{{{}}}}}".format(_variables(LIGHT)),
             _SHAPES.rstrip()]
    for number in range(NUM_SERIES):
        parts.append("svg.plot .s{0}{{stroke:var(--c{0})}}svg.plot .f{0}{{fill:var(--c{0})}}"
                     .format(number))
    return "\n".join(parts)
