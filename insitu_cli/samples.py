"""Prometheus' text format as programs that do not know it would have it."""

import json
import re
from collections.abc import Iterator
from typing import Any

_SAMPLE = re.compile(r"(?P<name>\w+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def samples(text: str) -> Iterator[dict[str, Any]]:
    """Name, labels and value of each line that is no comment."""
    for line in text.split("\n"):
        found = None if line.startswith("#") else _SAMPLE.fullmatch(line)
        if found is not None:
            # What a label escapes, JSON escapes the same way.
            labels = {
                name: json.loads(f'"{value}"', strict=False) for name, value in _LABEL.findall(found["labels"] or "")
            }
            yield {"name": found["name"], "labels": labels, "value": float(found["value"])}
