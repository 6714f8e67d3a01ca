"""The report as a reader sees it: every section in headless Chromium, on a laptop and on a phone, light and dark."""

import io
import shutil

import numpy as np
import pytest
from PIL import Image

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.sumo,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium"),
]
VIEWS = [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")]
COLOURED_MIN = 0.0008  # share of an image's pixels: text and axes are grey, what is drawn of traffic has a colour
MARKED_MIN = 0.004


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: pip install playwright"
    )
    with sync_api.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def reports(report_pages, tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports")
    for name, page in report_pages.items():
        (folder / f"{name}.html").write_text(page)
    return folder


@pytest.fixture
def view(browser):
    """Opens a page in a window of its own; collects what the browser complains about."""
    windows = []

    def view_page(address: str, width: int = 1280, theme: str = "light"):
        window = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)
        complaints: list[str] = []
        window.on("console", lambda message: complaints.append(message.text))
        window.on("pageerror", lambda error: complaints.append(str(error)))
        window.on("requestfailed", lambda request: complaints.append(request.url[:80]))
        window.goto(address)
        windows.append(window)
        return window, complaints

    yield view_page
    for window in windows:
        window.close()


def pixels(element) -> np.ndarray:
    """(H, W, 3) of an element as it is shown."""
    return np.asarray(Image.open(io.BytesIO(element.screenshot())).convert("RGB")).astype(int)


def shares(image: np.ndarray) -> tuple[float, float]:
    """Shares of pixels that differ from the background, and that have a colour."""
    background = image[0, 0]
    marked = (np.abs(image - background).max(axis=2) > 40).mean()
    coloured = ((image.max(axis=2) - image.min(axis=2)) > 60).mean()
    return float(marked), float(coloured)


def is_empty(element, *, is_whole: bool = True) -> bool:
    """On a phone only the left part of a figure is in view, and its colours may be in the right one."""
    marked, coloured = shares(pixels(element))
    return marked < MARKED_MIN or (is_whole and coloured < COLOURED_MIN)


@pytest.mark.parametrize(("width", "theme"), VIEWS)
@pytest.mark.parametrize("name", ["road", "crossing"])
def test_every_section_shows_what_it_promises(reports, view, name, width, theme):
    window, complaints = view((reports / f"{name}.html").as_uri(), width, theme)
    sections = window.query_selector_all("section")
    assert len(sections) >= 10
    for section in sections:
        title = section.get_attribute("id")
        assert shares(pixels(section))[0] > MARKED_MIN, f"{title} is empty"
        for image in section.query_selector_all("img"):
            assert image.evaluate("i => i.complete && i.naturalWidth > 300"), f"{title}: a figure does not load"
            assert not is_empty(image, is_whole=width > 640), f"{title}: a figure is empty"
    assert complaints == []
    assert window.evaluate("document.documentElement.scrollWidth") <= width, "the page scrolls sideways"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_stands_out_from_the_paper_in_page_and_figures(reports, view, theme):
    window, _ = view((reports / "road.html").as_uri(), 1280, theme)
    paper = pixels(window.query_selector("h1"))[0, 0]
    assert (paper.mean() > 200) == (theme == "light")
    figure = pixels(window.query_selector("#delay-by-controller img"))
    assert np.abs(figure - paper).max() > 150


def test_links_lead_to_their_sections(reports, view):
    window, _ = view((reports / "road.html").as_uri())
    for link in window.query_selector_all("nav a"):
        assert window.query_selector(link.get_attribute("href")) is not None


def test_an_empty_plot_and_a_console_error_would_be_found(view, tmp_path):
    axes = '<path d="M40 10V180H390" stroke="#444" fill="none"/><path d="M40 60H390" stroke="#ddd"/>'
    page = f'<body style="margin:0"><svg id="empty" width="400" height="200">{axes}</svg>'
    page += (
        '<svg id="full" width="400" height="200"><rect x="50" y="50" width="90" height="90" fill="#0b63b0"/></svg>'
    )
    (tmp_path / "page.html").write_text(
        f"{page}<script>console.error('broken')</script><img src='gone.png'/></body>"
    )
    window, complaints = view((tmp_path / "page.html").as_uri())
    assert is_empty(window.query_selector("#empty"))
    assert not is_empty(window.query_selector("#full"))
    assert "broken" in complaints
    assert any("gone.png" in complaint for complaint in complaints)
