"""What a fault loop measures on its way. A soak reports it and holds it against the loop's limits; nothing else does,
because nothing fails in continuous integration for want of a fast machine."""

_noted: dict[str, float] = {}


def note(name: str, value: float) -> None:
    """Keep a figure, its unit in its name. The worst of several of one name is the largest, which is kept."""
    _noted[name] = round(max(value, _noted.get(name, value)), 4)


def noted() -> dict[str, float]:
    """All figures of this process."""
    return dict(_noted)
