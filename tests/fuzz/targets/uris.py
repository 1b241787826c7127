"""URIs of plans and parameters: what is parsed is written as it was read."""

from pathlib import Path

from artifact_manager import BadUri, parse_uri
from tests.fuzz.target import FuzzTarget

DIGEST = b"#sha256=" + b"ab" * 32
SEEDS = (
    b"mrepo:/keyboard/train?version=1.2.3",
    b"https://example.org/a%20b" + DIGEST,
    b"file:plans/train.plan" + DIGEST,
    b"asset:train.plan" + DIGEST,
    b"federated:/words",
    b"artifact:/words-session/params",
)


def parse(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    assert str(parse_uri(text)) == text


def target(folder: Path) -> FuzzTarget:
    return FuzzTarget(parse, (BadUri,), SEEDS, (b"..", b"%2e", b"//", DIGEST, b"?version="), 512)
