"""K6: every parser of foreign bytes, for a while; and what was found once, for good."""

import importlib.util
from pathlib import Path

import pytest

from tests.fuzz.campaign import fuzz
from tests.fuzz.target import FuzzTarget, load, names

SECONDS = 10
FOUND = Path(__file__).parent / "found"


@pytest.mark.faults
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="Atheris has no wheel for this Python")
@pytest.mark.parametrize("name", names())
def test_whatever_bytes_come_they_are_taken_or_refused(name: str) -> None:
    assert fuzz(name, SECONDS, seed=1) == []


@pytest.mark.parametrize("path", sorted(FOUND.glob("*/*")), ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_was_found_is_refused_now(path: Path, tmp_path: Path) -> None:
    target = load(path.parent.name, tmp_path)
    try:
        target.parse(path.read_bytes())
    except target.refusals:
        return


@pytest.mark.parametrize("name", names())
def test_seeds_are_taken_or_refused_and_some_are_taken(name: str, tmp_path: Path) -> None:
    target = load(name, tmp_path)
    assert sum(taken(target, content) for content in target.seeds) > 0


def taken(target: FuzzTarget, content: bytes) -> bool:
    try:
        target.parse(content)
    except target.refusals:
        return False
    return True
