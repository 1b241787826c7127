"""Reading the kernel's one-value files."""

from pathlib import Path


def text(path: Path) -> str:
    """A file's content without surrounding space; empty where there is none, or its driver has no answer."""
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""


def number(path: Path) -> int | None:
    """A file's decimal number; None where it holds none."""
    content = text(path)
    return int(content) if content.removeprefix("-").isascii() and content.removeprefix("-").isdigit() else None


def folders(path: Path) -> list[Path]:
    """The entries of a class folder, by name; none where the kernel lacks the class."""
    try:
        return sorted(path.iterdir())
    except OSError:
        return []
