"""Prometheus' text format, read back: as far as `exposition` writes it."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_SAMPLE = re.compile(r"(?P<name>\w+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class ReadSample:
    name: str
    labels: Mapping[str, str]
    value: float


def samples(text: str) -> Iterator[ReadSample]:
    """Each line that is no comment."""
    for line in text.split("\n"):
        found = None if line.startswith("#") else _SAMPLE.fullmatch(line)
        if found is not None:
            # What a label escapes, JSON escapes the same way.
            pairs = _LABEL.findall(found["labels"] or "")
            labels = {name: json.loads(f'"{value}"', strict=False) for name, value in pairs}
            yield ReadSample(found["name"], labels, float(found["value"]))
