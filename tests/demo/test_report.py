"""The page and its plots, from a made-up telling."""

from html.parser import HTMLParser

import pytest

from client_lib import SessionState
from insitu_cli.demo import figures, plots
from insitu_cli.demo.plots import Span, spans
from insitu_cli.demo.report import render
from tests.demo import telling

_VOID = {"meta", "br", "link", "img"}


class _Page(HTMLParser):
    """Keeps the open elements, all attributes, and the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def _page() -> _Page:
    return _Page(render(telling.results(), telling.moments()))


def test_the_page_is_whole_and_needs_nothing_else() -> None:
    page = _page()
    assert page.open == []
    links = [value for _, name, value in page.attributes if name in {"src", "href", "xlink:href"}]
    assert all(link.startswith("#") for link in links)


def test_every_picture_says_what_it_shows() -> None:
    page = _page()
    pictures = [value for tag, name, value in page.attributes if (tag, name, value) == ("svg", "role", "img")]
    described = [value for tag, name, value in page.attributes if (tag, name) == ("svg", "aria-label") and value]
    assert len(pictures) == len(described) == 3 + len(telling.results().digits)
    assert any("one from 50.0% to 75.0%" in text for text in described)
    assert any("suspended at step 40 of 100" in text for text in described)


def test_the_page_tells_what_was_measured() -> None:
    text = _page().text
    for expected in ("+25.0", "+30.0", "granted: injected", "not granted: withheld", "does <something>", "8 → 3 ✓"):
        assert expected in " ".join(text.split()), expected


def test_colours_come_from_the_page() -> None:
    svg = plots.quality(telling.results().apps)
    assert not [ink for ink in figures.Ink if ink in svg]
    assert "var(--before)" in svg
    assert "var(--after)" in svg
    page = render(telling.results(), telling.moments())
    for ink in figures.Ink:
        variable = f"--{ink.name.lower().replace('_', '-')}"
        assert f"{variable}: #" in page, variable


def test_plots_are_the_same_each_time() -> None:
    assert plots.timeline(telling.moments()) == plots.timeline(telling.moments())


def test_spans_join_equal_moments_without_a_gap() -> None:
    found = spans(telling.moments(), lambda now: now.sessions["one"].state.value)
    assert found == [
        Span(0.0, 2.0, "running"),
        Span(2.0, 5.0, "suspended"),
        Span(5.0, 7.0, "running"),
        Span(7.0, 7.0, "done"),
    ]


@pytest.mark.parametrize("state", list(SessionState))
def test_a_session_in_any_state_can_be_drawn(state: SessionState) -> None:
    seen = [telling.moment(at_s, True, telling.status("one", state), telling.status("two", state)) for at_s in (0.0, 1)]
    assert state.value in plots.timeline(seen)
