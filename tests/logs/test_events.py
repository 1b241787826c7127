"""The events that operators read about are those that are logged."""

import re
from pathlib import Path

from platform_daemon.logs import LogEvent

ROOT = Path(__file__).parents[2]
_BY_HAND = re.compile(r'"event": "([a-z_]+)"')


def test_every_event_is_logged_somewhere_and_described() -> None:
    described = set(re.findall(r"`([a-z_]+)`", (ROOT / "docs" / "operations.md").read_text()))
    sources = [
        path.read_text()
        for package in ("platform_daemon", "context", "artifact_manager")
        for path in (ROOT / package).rglob("*.py")
        if path.name != "events.py"
    ]
    used = {event.value for event in LogEvent for text in sources if f"LogEvent.{event.name}" in text}
    by_hand = {name for text in sources for name in _BY_HAND.findall(text)} - {"name"}
    assert used == {event.value for event in LogEvent}
    assert used | by_hand <= described
