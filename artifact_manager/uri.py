"""The URIs by which plans, models and parameters are named.

    mrepo:/NAME/PATH?version=1.2.3      a version, or an alias, of the model repository; the newest without a query
    https://HOST/PATH#sha256=HEX        a file elsewhere, pinned to its content
    file:NAME#sha256=HEX                bytes that the app handed over; NAME is for people
    asset:NAME#sha256=HEX               the same, from the app's assets
    federated:/POPULATION               the plan and model of a federated population
    artifact:/SESSION/NAME              what a training session produces: mutable and versioned

Parsing opens nothing and resolves nothing; `str()` of a parsed URI is the URI.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from artifact_manager.digests import is_digest
from artifact_manager.errors import BadUri

MAX_URI_CHARACTERS = 2048

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_LABEL = re.compile(r"(?:[A-Za-z0-9._~-]|%[0-9A-Fa-f]{2}){1,255}")
_HTTPS = re.compile(r"//[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?/[A-Za-z0-9._~%!$&'()*+,;=:@/?-]*")
_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+(?:-[0-9a-z.-]+)?")


@dataclass(frozen=True, slots=True)
class RepositoryUri:
    path: str
    """Names joined by "/"."""
    version: str = ""
    """A semantic version, or an alias; the newest where empty."""

    def __str__(self) -> str:
        return f"mrepo:/{self.path}" + (f"?version={self.version}" if self.version else "")


@dataclass(frozen=True, slots=True)
class HttpsUri:
    url: str
    sha256: str

    def __str__(self) -> str:
        return f"{self.url}#sha256={self.sha256}"


@dataclass(frozen=True, slots=True)
class FileUri:
    name: str
    sha256: str

    def __str__(self) -> str:
        return f"file:{self.name}#sha256={self.sha256}"


@dataclass(frozen=True, slots=True)
class AssetUri:
    name: str
    sha256: str

    def __str__(self) -> str:
        return f"asset:{self.name}#sha256={self.sha256}"


@dataclass(frozen=True, slots=True)
class FederatedUri:
    population: str

    def __str__(self) -> str:
        return f"federated:/{self.population}"


@dataclass(frozen=True, slots=True)
class ArtifactUri:
    session: str
    name: str

    def __str__(self) -> str:
        return f"artifact:/{self.session}/{self.name}"


Uri = RepositoryUri | HttpsUri | FileUri | AssetUri | FederatedUri | ArtifactUri


def parse_uri(text: str) -> Uri:
    """Raises BadUri: one sentence with what to write instead."""
    if len(text) > MAX_URI_CHARACTERS:
        raise BadUri(f"a URI has at most {MAX_URI_CHARACTERS} characters; this one has {len(text)}")
    scheme, colon, rest = text.partition(":")
    parse = _SCHEMES.get(scheme)
    if not colon or parse is None:
        raise BadUri(f"{_shown(text)} begins with no known scheme; use one of {', '.join(f'{s}:' for s in _SCHEMES)}")
    return parse(text, rest)


def _repository(text: str, rest: str) -> Uri:
    path, mark, query = rest.partition("?")
    names = _names(text, path, "mrepo:/NAME/PATH?version=1.2.3")
    if not mark:
        return RepositoryUri("/".join(names))
    key, _, version = query.partition("=")
    if key != "version" or not (_VERSION.fullmatch(version) or _is_name(version)):
        raise BadUri(f"{_shown(text)}: write ?version= and a version such as 1.2.3, or an alias such as stable")
    return RepositoryUri("/".join(names), version)


def _https(text: str, rest: str) -> Uri:
    location, sha256 = _pinned(text, rest)
    if not _HTTPS.fullmatch(location):
        raise BadUri(f"{_shown(text)}: write https://HOST/PATH#sha256=HEX, without user or password")
    return HttpsUri(f"https:{location}", sha256)


def _file(text: str, rest: str) -> Uri:
    return FileUri(*_labelled(text, rest))


def _asset(text: str, rest: str) -> Uri:
    return AssetUri(*_labelled(text, rest))


def _federated(text: str, rest: str) -> Uri:
    names = _names(text, rest, "federated:/POPULATION")
    return FederatedUri("/".join(names))


def _artifact(text: str, rest: str) -> Uri:
    names = _names(text, rest, "artifact:/SESSION/NAME")
    if len(names) != 2:
        raise BadUri(f"{_shown(text)}: write artifact:/SESSION/NAME, with exactly these two names")
    return ArtifactUri(*names)


def _labelled(text: str, rest: str) -> tuple[str, str]:
    name, sha256 = _pinned(text, rest)
    segments = name.split("/")
    if len(name) > 255 or any(segment in (".", "..") or not _LABEL.fullmatch(segment) for segment in segments):
        raise BadUri(f"{_shown(text)}: the name must be relative, without . or .., and percent-encoded")
    return name, sha256


def _pinned(text: str, rest: str) -> tuple[str, str]:
    location, mark, fragment = rest.partition("#")
    key, _, sha256 = fragment.partition("=")
    if not mark or key != "sha256" or not is_digest(sha256):
        raise BadUri(f"{_shown(text)}: end it with #sha256= and the file's digest, 64 hexadecimal digits in lower case")
    return location, sha256


def _names(text: str, path: str, form: str) -> list[str]:
    names = path.split("/")[1:]
    if not path.startswith("/") or not names or not all(_is_name(name) for name in names):
        raise BadUri(f"{_shown(text)}: write {form}; a name has up to 64 of a-z, 0-9, '.', '_' and '-', and no '..'")
    return names


def _is_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None and ".." not in name


def _shown(text: str) -> str:
    return repr(text if len(text) <= 120 else f"{text[:120]}…")


_SCHEMES: dict[str, Callable[[str, str], Uri]] = {
    "mrepo": _repository,
    "https": _https,
    "file": _file,
    "asset": _asset,
    "federated": _federated,
    "artifact": _artifact,
}
