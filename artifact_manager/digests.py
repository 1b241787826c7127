"""Content digests: lower-case hexadecimal SHA-256."""

import hashlib
import re

from artifact_manager.errors import BadDigest

_HEX = re.compile(r"[0-9a-f]{64}")


def sha256_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def is_digest(text: str) -> bool:
    return _HEX.fullmatch(text) is not None


def check_digest(text: str) -> str:
    """The digest itself. Raises BadDigest."""
    if not is_digest(text):
        raise BadDigest(f"sha256: {text[:80]!r} is no digest; write 64 hexadecimal digits in lower case")
    return text
