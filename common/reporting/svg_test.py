import math
import xml.etree.ElementTree as ElementTree
from typing import List

from common.reporting import colors, shapes, svg
from common.reporting.series import Bar, Line
from common.reporting.ticks import Axis

NAME = "{http://www.w3.org/2000/svg}"


def parsed(plot: str, tag: str, kind: str = "") -> List[ElementTree.Element]:
    """The elements of a plot that have a tag and a class."""
    found = ElementTree.fromstring(plot).iter(NAME + tag)
    return [element for element in found if kind in element.get("class", "").split() or not kind]


def texts(plot: str) -> List[str]:
    return [element.text or "" for element in parsed(plot, "text")]


def test_a_line_lies_where_its_numbers_are() -> None:
    plot = svg.lines("Loss", [Line("loss", [(0, 0.0), (50, 1.0), (100, 0.5)])],
                     Axis("step", 0, 100), Axis("loss", 0, 1), height=280)
    line, = parsed(plot, "polyline", "line")
    assert line.get("points") == "40.4,238.0 222.2,46.0 404.0,142.0"
    assert {"Loss", "loss", "step", "0.0", "0.2", "1.0", "100"} <= set(texts(plot))


def test_a_gap_is_a_gap() -> None:
    points = [(0, 1.0), (1, 2.0), (2, math.nan), (3, 1.0), (4, math.inf)]
    plot = svg.lines("Loss", [Line("loss", points)], Axis("step"), Axis("loss"))
    assert len(parsed(plot, "polyline")) == 2 and "nan" not in plot and "inf" not in plot


def test_several_lines_have_a_legend_and_colours() -> None:
    series = [Line("chance", [(0, 0), (1, 1)], is_reference=True),
              Line("click", [(0, 0), (1, 1)], [(0, 0, 0), (1, 0.9, 1.0)], color=1),
              Line("a name that takes the rest of a line", [(0, 0), (1, 1)], color=2)]
    plot = svg.lines("ROC", series, Axis("x"), Axis("y"))
    assert {line.name for line in series} <= set(texts(plot))
    assert [len(parsed(plot, "polyline", kind)) for kind in ("mark", "s1", "s2")] == [1, 1, 1]
    assert len(parsed(plot, "polygon", "f1")) == 1


def test_values_are_told_where_the_pointer_is() -> None:
    many = [(step, step / 1000) for step in range(1000)]
    plot = svg.lines("Loss", [Line("loss", many)], Axis("step"), Axis("loss"))
    spots = parsed(plot, "g", "spot")
    assert 50 <= len(spots) <= 60
    strips = [spot.find(NAME + "rect") for spot in spots]
    widths = [float(strip.get("width")) for strip in strips]
    assert abs(sum(widths) - 363.6) < 3  # the whole width of the plot
    assert [word.text for word in spots[1].iter(NAME + "text")] == ["17", "0.017"]


def test_lines_of_other_steps_are_told_together() -> None:
    series = [Line("a", [(0, 1.0), (100, 2.0)]), Line("b", [(1, 3.0), (101, 4.0)], color=1),
              Line("c", [(0, 5.0)], color=2)]
    plot = svg.lines("Two runs", series, Axis("step"), Axis("AUC"))
    told = [[word.text for word in spot.iter(NAME + "text")]
            for spot in parsed(plot, "g", "spot")]
    assert told[0][1:] == ["a 1", "b 3", "c 5"] and told[-1][-1] == "b 4"


def test_a_line_of_one_point_is_seen_and_named_where_that_is_asked_for() -> None:
    line = Line("ev", [(100, 0.7)], [(100, 0.6, 0.8)], color=1)
    plot = svg.lines("AUC", [line], Axis("step"), Axis(""), names_one=True)
    dot, *_ = parsed(plot, "circle", "f1")
    whisker, = parsed(plot, "line", "whisker")
    assert dot.get("r") == "4.0" and whisker.get("x1") == dot.get("cx")
    assert "ev" in texts(plot)


def test_no_points_are_an_empty_plot() -> None:
    plot = svg.lines("Loss", [Line("loss", [])], Axis("step"), Axis("loss"))
    assert not parsed(plot, "polyline") and not parsed(plot, "g") and "1.0" in texts(plot)


def test_bars_grow_from_zero_to_both_sides() -> None:
    rows = [Bar("a", 0.1, 0.05, 0.15), Bar("b", -0.1), Bar("c", math.nan)]
    plot = svg.bars("Lost", rows, Axis("AUC lost"))
    up, down = parsed(plot, "rect", "f0")
    assert float(up.get("width")) == float(down.get("width")) > 100
    right_of_down = float(down.get("x")) + float(down.get("width"))
    assert abs(right_of_down - float(up.get("x"))) < 0.2
    whisker, = parsed(plot, "line", "whisker")
    middle = (float(whisker.get("x1")) + float(whisker.get("x2"))) / 2
    assert abs(middle - float(up.get("x")) - float(up.get("width"))) < 0.2
    assert {"0.1000", "-0.1000", "n/a"} <= set(texts(plot))


def test_dots_need_no_zero_and_have_a_mark() -> None:
    plot = svg.bars("AUC", [Bar("a", 0.71, 0.70, 0.72)], Axis("AUC"), mark=0.715, from_zero=False)
    assert not parsed(plot, "rect") and "0.0" not in texts(plot)
    dot, = parsed(plot, "circle")
    mark, = parsed(plot, "line", "mark")
    assert float(dot.get("cx")) < float(mark.get("x1"))


def test_long_names_are_cut_and_told_in_full() -> None:
    name = "a value of thirty letters, say"
    plot = svg.bars("AUC", [Bar(name, 0.7)], Axis("AUC"))
    shown, = [text for text in parsed(plot, "text") if text.find(NAME + "title") is not None]
    assert shown.text == "a value of thirty lette\N{HORIZONTAL ELLIPSIS}"
    assert shown.find(NAME + "title").text == name


def test_nothing_from_outside_becomes_markup() -> None:
    bad = "<script>alert('1')</script>\"&\x00\x1b\ud800\uffff"
    shown = "<script>alert('1')</script>\"&" + 4 * "\N{REPLACEMENT CHARACTER}"
    for plot in (svg.lines(bad, [Line(bad, [(0, 1)]), Line("b", [])], Axis(bad), Axis(bad)),
                 svg.bars(bad, [Bar(bad, 1.0)], Axis(bad))):
        plot.encode()
        assert "<script" not in plot
        assert texts(plot).count(shown) >= 2
        assert ElementTree.fromstring(plot).get("aria-label") == shown
    assert shapes.text_of("\u00e9 \U0001f600\n") == "\u00e9 \U0001f600\n"


def test_a_plot_is_a_file_of_its_own() -> None:
    text = svg.standalone(svg.bars("AUC", [Bar("a", 0.7)], Axis("AUC")))
    style, = parsed(text, "style")
    assert "prefers-color-scheme:dark" in style.text and colors.DARK["c0"] in style.text


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, as WCAG 2 counts it."""
    def luminance(color: str) -> float:
        shares = [int(color[place:place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4
                  for share in shares]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_colours_stand_out_from_their_background() -> None:
    for theme in (colors.LIGHT, colors.DARK):
        for number in range(colors.NUM_SERIES):
            assert contrast(theme["c{}".format(number)], theme["card"]) >= 3
        assert contrast(theme["ink"], theme["card"]) >= 7
        assert contrast(theme["soft"], theme["card"]) >= 4.5
