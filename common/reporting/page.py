"""One HTML page of sections: self-contained, without a script, for screens and paper."""

from typing import List, NamedTuple, Sequence

from common.reporting import colors
from common.reporting.shapes import text_of

_STYLE = """\
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif}
:root{--page:#f5f6f8}
@media (prefers-color-scheme:dark){:root{--page:#12161c}}
@media print{:root{--page:#ffffff}}
header,main,footer{max-width:1320px;margin:0 auto;padding:0 20px}
header{padding-top:28px}
h1{font-size:26px;line-height:1.2;margin:0 0 4px;font-weight:650;overflow-wrap:anywhere}
h2{font-size:18px;margin:36px 0 12px;font-weight:650}
h3{font-size:15px;margin:20px 0 8px;font-weight:600}
p{margin:8px 0;max-width:80ch}
p,li,a,figcaption,summary,h2,h3{overflow-wrap:anywhere}
.soft{color:var(--soft)}
nav{margin:14px 0 0;display:flex;flex-wrap:wrap;gap:4px 18px}
a{color:var(--c0)}
.facts{display:grid;grid-template-columns:repeat(auto-fill,minmax(150px,1fr));gap:12px;
margin:20px 0 0}
.facts div,figure,.scroll,ul.notes{background:var(--card);border:1px solid var(--rule);
border-radius:8px}
.facts div{padding:10px 14px}
dt{color:var(--soft);font-size:13px}
dd{margin:0;font-size:19px;font-weight:600;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
dd small{display:block;font-size:12px;font-weight:400;color:var(--soft)}
.plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,380px),1fr));gap:14px;
margin-bottom:14px}
figure{margin:0;padding:14px 14px 10px;break-inside:avoid;min-width:0;display:flex;
flex-direction:column}
figure svg{width:100%;height:auto;display:block}
figcaption{font-size:13px;color:var(--soft);margin-top:4px}
figure details{margin-top:auto;padding-top:6px}
summary{cursor:pointer;color:var(--soft);font-size:13px}
.scroll{overflow-x:auto;margin:0 0 14px}
figure .scroll{max-height:260px;overflow:auto;margin:6px 0 4px;border-radius:4px}
table{border-collapse:collapse;width:100%;font-size:14px;font-variant-numeric:tabular-nums}
caption{text-align:left;padding:10px 14px 4px;font-weight:600}
figure caption{position:absolute;left:-9999px}
th,td{padding:6px 14px;text-align:right;white-space:nowrap;border-top:1px solid var(--rule)}
thead th{border-top:0;color:var(--soft);font-weight:500;font-size:13px;vertical-align:bottom}
th:first-child,td.word{text-align:left}
tbody th{font-weight:500}
td.word,tbody th{white-space:normal;overflow-wrap:break-word;max-width:44ch}
ul.notes{padding:10px 14px 10px 32px;margin:16px 0}
pre{background:var(--card);border:1px solid var(--rule);border-radius:8px;padding:12px 14px;
white-space:pre-wrap;overflow-wrap:anywhere;margin:0 0 14px;
font:13px/1.5 ui-monospace,Consolas,monospace}
footer{padding:28px 20px;color:var(--soft);font-size:13px}
@media (max-width:600px){header,main,footer{padding-left:14px;padding-right:14px}
th,td{padding:6px 9px}.facts{grid-template-columns:1fr 1fr}figure{padding:12px 10px 8px}}
@media print{nav,figure details{display:none}.plots{grid-template-columns:1fr 1fr}
h2{break-after:avoid}.scroll{overflow:visible}}"""


class Section(NamedTuple):
    """A part of the page under a heading.

    Attributes:
      name: of its anchor.
      heading: its title.
      parts: its HTML, piece by piece.
    """

    name: str
    heading: str
    parts: Sequence[str]


class Fact(NamedTuple):
    """A number at the head of the page, with what it is and a line below it."""

    title: str
    value: str
    below: str = ""


def page(title: str, lead: str, facts: Sequence[Fact], notes: Sequence[str],
         sections: Sequence[Section], foot: str) -> str:
    """The whole page.

    Args:
      title, lead, foot: plain text.
      notes: what a reader should know first, plain text; none for nothing.
    """
    shown = [section for section in sections if section.parts]
    links = ['<a href="#{}">{}</a>'.format(section.name, text_of(section.heading))
             for section in shown]
    body = []
    for section in shown:
        body.append('<section aria-labelledby="{0}"><h2 id="{0}">{1}</h2>{2}</section>'.format(
            section.name, text_of(section.heading), "\n".join(section.parts)))
    return _PAGE.format(
        title=text_of(title), style=colors.style() + "\n" + _STYLE, lead=text_of(lead),
        facts=_facts(facts), links=" ".join(links), notes=bullets(notes), body="\n".join(body),
        foot=text_of(foot))


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>
{style}
</style>
</head>
<body>
<header>
<h1>{title}</h1>
<p class="soft">{lead}</p>
{facts}
<nav aria-label="Sections">{links}</nav>
</header>
<main>
{notes}
{body}
</main>
<footer>{foot}</footer>
</body>
</html>
"""


def _facts(facts: Sequence[Fact]) -> str:
    cells = []
    for fact in facts:
        below = "<small>{}</small>".format(text_of(fact.below)) if fact.below else ""
        cells.append("<div><dt>{}</dt><dd>{}{}</dd></div>".format(
            text_of(fact.title), text_of(fact.value), below))
    return '<dl class="facts">{}</dl>'.format("".join(cells)) if cells else ""


def bullets(lines: Sequence[str]) -> str:
    """Lines of plain text as a list; nothing for none."""
    if not lines:
        return ""
    items = "".join("<li>{}</li>".format(text_of(line)) for line in lines)
    return '<ul class="notes">{}</ul>'.format(items)


def paragraph(words: str) -> str:
    """A paragraph of plain text."""
    return '<p class="soft">{}</p>'.format(text_of(words))


def code(words: str) -> str:
    """Text as it would be typed."""
    return "<pre>{}</pre>".format(text_of(words))


def table(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]],
          words: Sequence[int] = ()) -> str:
    """A table of plain text, whose first column names its rows.

    Args:
      words: the numbers of further columns that hold words and no numbers.
    """
    lines = []
    for first, *rest in rows:
        cells = ['<th scope="row">{}</th>'.format(text_of(first))]
        for number, cell in enumerate(rest, 1):
            kind = ' class="word"' if number in words else ""
            cells.append("<td{}>{}</td>".format(kind, text_of(cell)))
        lines.append("<tr>{}</tr>".format("".join(cells)))
    titles = "".join('<th scope="col">{}</th>'.format(text_of(title)) for title in head)
    return ('<div class="scroll" tabindex="0" role="region" aria-label="{0}"><table>'
            "<caption>{0}</caption><thead><tr>{1}</tr></thead><tbody>{2}</tbody></table></div>"
            ).format(text_of(caption), titles, "".join(lines))


def folded(title: str, inner: str) -> str:
    """HTML that is shown when its title is opened."""
    return "<details><summary>{}</summary>{}</details>".format(text_of(title), inner)


def figure(plot: str, caption: str, numbers: str = "") -> str:
    """A plot with a caption of plain text and, folded, the table of its numbers."""
    parts: List[str] = [plot]
    if caption:
        parts.append("<figcaption>{}</figcaption>".format(text_of(caption)))
    if numbers:
        parts.append(folded("Numbers", numbers))
    return "<figure>{}</figure>".format("".join(parts))


def figures(inner: Sequence[str]) -> str:
    """Figures beside each other, as many as there is room for."""
    return '<div class="plots">{}</div>'.format("\n".join(inner)) if inner else ""
