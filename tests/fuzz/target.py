"""What is fuzzed: a parser of foreign bytes, what it may say to them, and where to begin."""

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz import targets


@dataclass(frozen=True, slots=True)
class FuzzTarget:
    parse: Callable[[bytes], object]
    """Anything but returning, or raising one of `refusals`, is a finding."""
    refusals: tuple[type[Exception], ...]
    seeds: Sequence[bytes]
    """Some that are accepted and some that nearly are."""
    words: Sequence[bytes] = ()
    """What such bytes consist of, to be put in by the fuzzer."""
    longest_bytes: int = 4096


def names() -> list[str]:
    """All targets. Each is a module with a function `target`, which takes an empty folder."""
    return sorted(one.name for one in pkgutil.iter_modules(targets.__path__))


def load(name: str, folder: Path) -> FuzzTarget:
    module = importlib.import_module(f"tests.fuzz.targets.{name}")
    target: FuzzTarget = module.target(folder)
    return target
