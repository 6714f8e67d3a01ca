"""The parts of a self-contained HTML page: nothing is fetched, every text is escaped, light and dark follow the reader."""

import base64
from collections.abc import Sequence
from html import escape

from leed_traffic.evaluate.report.drawing import theme_css

_STYLE = """
:root { color-scheme:light dark; --paper:#fff; --line:var(--grid); --mark:#eaf3fb; --alarm:#b42318; --warn:#b7791f;
  --warn-soft:#fdf8ee }
@media (prefers-color-scheme:dark) {
  :root { --paper:#12181e; --mark:#15304a; --alarm:#ff8b80; --warn:#d9a441; --warn-soft:#2a2415 }
}
* { box-sizing:border-box }
body { margin:0; background:var(--paper); color:var(--ink);
  font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif }
main { max-width:1120px; margin:0 auto; padding:40px 24px 64px }
h1 { font-size:1.9rem; line-height:1.2; margin:0 0 6px; overflow-wrap:anywhere }
h2 { font-size:1.25rem; margin:52px 0 8px }
h3 { font-size:1rem; margin:24px 0 4px }
p { margin:8px 0; max-width:75ch }
nav { display:flex; flex-wrap:wrap; gap:4px 14px; font-size:.9rem; margin:14px 0 }
nav a, a { color:var(--ours) }
.lead { color:var(--faint); margin:0 0 20px }
.verdict { font-size:1.08rem; border-left:4px solid var(--ours); background:var(--soft); padding:12px 16px; margin:16px 0;
  max-width:none }
.scope { font-size:.92rem; border-left:4px solid var(--warn); background:var(--warn-soft); padding:10px 16px; max-width:none }
.note, figcaption { color:var(--faint); font-size:.9rem }
.scroll { overflow-x:auto; border:1px solid var(--line); border-radius:6px; margin:8px 0 }
table { border-collapse:collapse; width:100%; font-size:.84rem; font-variant-numeric:tabular-nums }
th, td { padding:7px 8px; text-align:right; white-space:nowrap; border-bottom:1px solid var(--line) }
th { background:var(--soft); font-weight:600; color:var(--faint); white-space:normal; vertical-align:bottom }
th:first-child, td:first-child, .text { text-align:left }
tbody tr:last-child td { border-bottom:0 }
tr.ours td { background:var(--mark); font-weight:600 }
td.bad { color:var(--alarm); font-weight:700 }
summary { cursor:pointer; padding:6px 8px; color:var(--faint); font-size:.9rem }
figure { margin:12px 0 0 }
figure div { overflow-x:auto }
figure img { width:100%; min-width:640px; height:auto; display:block }
figcaption { margin-top:4px; max-width:85ch }
dl { display:grid; grid-template-columns:minmax(9em,auto) 1fr; gap:4px 18px; font-size:.92rem; margin:8px 0 }
dt { color:var(--faint) } dd { margin:0; overflow-wrap:anywhere }
footer { margin-top:48px; padding-top:12px; border-top:1px solid var(--line); color:var(--faint); font-size:.85rem }
@media (max-width:640px) {
  main { padding:24px 14px 48px } h1 { font-size:1.5rem } dl { grid-template-columns:1fr } dd { margin-bottom:6px }
}
@media print { main { max-width:none; padding:0 } .scroll { overflow:visible } nav { display:none } }
"""


def page(title: str, parts: Sequence[str]) -> str:
    """The whole document; empty parts are left out."""
    head = (
        '<meta charset="utf-8"/><meta name="viewport" content="width=device-width, initial-scale=1"/>'
        f"<title>{escape(title)}</title><style>{theme_css()}{_STYLE}</style>"
    )
    body = "\n".join(part for part in parts if part)
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body><main>\n{body}\n</main></body></html>\n'


def section(title: str, *parts: str) -> str:
    """A part with a heading that the page's list of contents can name."""
    return f'<section id="{anchor(title)}"><h2>{escape(title)}</h2>\n{"".join(parts)}</section>'


def contents(titles: Sequence[str]) -> str:
    """Links to the sections."""
    links = [f'<a href="#{anchor(title)}">{escape(title)}</a>' for title in titles]
    return f"<nav>{''.join(links)}</nav>"


def anchor(title: str) -> str:
    """A heading as a fragment of an address."""
    return "-".join("".join(letter if letter.isalnum() else " " for letter in title.lower()).split())


def note(text: str) -> str:
    """A paragraph of explanation."""
    return f'<p class="note">{escape(text)}</p>'


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    marked: Sequence[bool] = (),
    alarming: frozenset[int] = frozenset(),
    texts: frozenset[int] = frozenset(),
) -> str:
    """Figures to the right, names to the left.

    Args:
        columns: heads.
        rows: of text.
        marked: which rows are ours.
        alarming: columns in which anything but 0 is an alarm.
        texts: columns of names, to the left as the first one is.
    """
    head = "".join(
        f'<th scope="col"{_kind(n in texts, False)}>{escape(column)}</th>' for n, column in enumerate(columns)
    )
    lines = []
    for k, row in enumerate(rows):
        mark = "ours" if k < len(marked) and marked[k] else "other"
        cells = "".join(
            f"<td{_kind(n in texts, n in alarming and cell != '0')}>{escape(cell)}</td>"
            for n, cell in enumerate(row)
        )
        lines.append(f'<tr class="{mark}">{cells}</tr>')
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'
    )


def folded(summary: str, content: str) -> str:
    """What a reader opens who wants it."""
    return f"<details><summary>{escape(summary)}</summary>{content}</details>"


def picture(svg: str, alt: str, caption: str) -> str:
    """An SVG as an image of its own, so that the ids inside two figures cannot meet."""
    image = base64.b64encode(svg.encode()).decode()
    return (
        f'<figure><div><img alt="{escape(alt)}" src="data:image/svg+xml;base64,{image}"/></div>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _kind(is_text: bool, is_alarming: bool) -> str:
    return ' class="bad"' if is_alarming else ' class="text"' if is_text else ""
