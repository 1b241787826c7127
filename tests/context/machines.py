"""Machines as their sysfs shows them, and a source that does what a test says."""

from collections.abc import Mapping
from pathlib import Path

from context import Mode, Observation, Publish, Value


def write_tree(root: Path, files: Mapping[str, str]) -> Path:
    """Write files below `root`; a name that ends with "/" is a folder."""
    for name, content in files.items():
        path = root / name
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content + "\n")
    return root


def battery(status: str, capacity: int = 80, *, name: str = "BAT0", **more: str) -> dict[str, str]:
    folder = f"class/power_supply/{name}"
    files = {"type": "Battery", "present": "1", "status": status, "capacity": str(capacity), **more}
    return {f"{folder}/{file}": content for file, content in files.items()}


def mains(online: int, *, name: str = "AC", kind: str = "Mains") -> dict[str, str]:
    return {f"class/power_supply/{name}/type": kind, f"class/power_supply/{name}/online": str(online)}


def link(name: str, state: str, **more: str) -> dict[str, str]:
    """A network interface; `device="/"` gives it hardware."""
    files = {"operstate": state, "type": "1", "uevent": f"INTERFACE={name}", **more}
    folder = f"class/net/{name}"
    return {f"{folder}/{file}" + (content if content == "/" else ""): content for file, content in files.items()}


class FakeSource:
    """Publishes and answers what the test sets."""

    def __init__(self, types: frozenset[str], mode: Mode = Mode.LISTENER, name: str = "fake") -> None:
        self.name = name
        self.types = types
        self.mode = mode
        self.answers: dict[str, Observation | Exception] = {}
        self.reads = 0
        self.publish: Publish | None = None

    def start(self, publish: Publish) -> None:
        self.publish = publish

    def stop(self) -> None:
        self.publish = None

    def read(self, context_type: str) -> Observation | None:
        self.reads += 1
        answer = self.answers.get(context_type)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def say(self, context_type: str, values: Mapping[str, Value] | None, valid_for_ms: int | None = None) -> None:
        assert self.publish is not None
        self.publish(context_type, None if values is None else Observation(values, valid_for_ms))
