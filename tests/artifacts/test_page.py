import sys

import pytest
from jinja2 import UndefinedError

from leed_traffic.artifacts.page import render_page

TEMPLATE = """{% extends "page.html.j2" %}
{% block title %}{{ name }}{% endblock %}
{% block style %}b { color:red }{% endblock %}
{% block body %}<b>{{ name|loud }}</b>{% endblock %}
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The name of a package that holds one template."""
    folder = tmp_path / "somebodys_pages"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "one.html.j2").write_text(TEMPLATE)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield folder.name
    sys.modules.pop(folder.name, None)


def test_a_page_stands_in_the_base_template_and_every_text_is_escaped(package):
    page = render_page(package, "one.html.j2", {"name": '<i> & "x"'}, {"loud": str.upper})
    assert page.startswith('<!doctype html>\n<html lang="en">\n')
    assert "<title>&lt;i&gt; &amp; &#34;x&#34;</title>" in page
    assert "<style>\nb { color:red }\n</style>" in page
    assert "<b>&lt;I&gt; &amp; &#34;X&#34;</b>" in page
    assert page.endswith("</html>\n")


def test_a_fact_that_is_missing_is_a_bug(package):
    with pytest.raises(UndefinedError, match="name"):
        render_page(package, "one.html.j2", {}, {"loud": str.upper})
