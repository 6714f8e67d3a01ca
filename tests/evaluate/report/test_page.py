import re
import xml.etree.ElementTree as ET

from leed_traffic.artifacts.page import render_page
from leed_traffic.evaluate.report.page import Facts, Glossary, Heading, Note, Picture, Table, anchor


def drawn(*parts) -> str:
    """The only section of a page that holds these parts."""
    facts = {
        "title": "T",
        "theme": "",
        "lead": "",
        "verdict": "",
        "scope": "",
        "sections": {"One & two": parts},
        "version": "1",
        "sumo_version": "2",
    }
    page = render_page("leed_traffic.evaluate.report", "report.html.j2", facts, {"anchor": anchor})
    ET.fromstring(page.partition("\n")[2])  # well-formed
    (content,) = re.findall(r'<section id="one-two"><h2>One &amp; two</h2>\n(.*)</section>', page, re.DOTALL)
    return content


def test_a_table_marks_our_rows_names_and_what_alarms():
    table = Table(
        ["who", "where", "collisions"],
        [["a", "<b>", "0"], ["c", "d", "1"]],
        ours=frozenset({1}),
        alarming=frozenset({2}),
        texts=frozenset({1}),
    )
    assert drawn(table) == (
        '<div class="scroll"><table><thead><tr><th scope="col">who</th><th scope="col" class="text">where</th>'
        '<th scope="col">collisions</th></tr></thead><tbody>'
        '<tr class="other"><td>a</td><td class="text">&lt;b&gt;</td><td>0</td></tr>'
        '<tr class="ours"><td>c</td><td class="text">d</td><td class="bad">1</td></tr>'
        "</tbody></table></div>"
    )


def test_a_table_with_a_summary_is_folded_away():
    content = drawn(Table(["who"], [["a"]], summary="1 more"))
    assert content.startswith('<details><summary>1 more</summary><div class="scroll">')
    assert content.endswith("</div></details>")


def test_a_figure_is_an_image_of_its_own():
    content = drawn(Picture("<svg/>", 'say "x"', "a < b"))
    assert 'alt="say &#34;x&#34;"' in content
    assert 'src="data:image/svg+xml;base64,PHN2Zy8+"' in content
    assert "<figcaption>a &lt; b</figcaption>" in content


def test_texts_facts_and_terms_are_escaped_each_in_its_element():
    content = drawn(Heading("a & b"), Note("<c>"), Facts([("d", "e & f")]), Glossary())
    assert content.startswith(
        '<h3>a &amp; b</h3><p class="note">&lt;c&gt;</p><dl><dt>d</dt><dd>e &amp; f</dd></dl>'
    )
    assert "<b>Worst seed</b>" in content


def test_an_anchor_holds_letters_and_figures_only():
    assert anchor("Time-space diagram (2 & 3)") == "time-space-diagram-2-3"
