"""Every reason that anything here can answer is listed, and none that nothing answers."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from client_lib import InsituError, Unavailable, errors, reasons
from client_lib.reasons import TELLING_WHEN, Reason, seconds_to_wait

ROOT = Path(__file__).parents[2]
DAEMON = ("platform_daemon", "artifact_manager", "context", "ml_engines")
LIBRARY = ("client_lib",)
WORD = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")
STATUSES = {kind.status for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, InsituError)}


def words(node: ast.AST) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and WORD.fullmatch(part.value):
            yield part.value


def given_in(tree: ast.AST) -> Iterator[str]:
    """What stands where a reason is given: as `reason=`, as a class's reason, or in what is raised by a helper."""
    for node in ast.walk(tree):
        match node:
            case ast.keyword(arg="reason", value=value):
                yield from words(value)
            case ast.Assign(targets=[ast.Name(id="reason" | "default_reason")], value=value):
                yield from words(value)
            case ast.AnnAssign(target=ast.Name(id="reason" | "default_reason"), value=ast.Constant() as value):
                yield from words(value)
            case ast.Raise(exc=ast.Call(args=arguments)):
                for argument in arguments:
                    if isinstance(argument, ast.Constant):
                        yield from words(argument)


def given(*packages: str) -> set[str]:
    files = [path for package in packages for path in (ROOT / package).rglob("*.py")]
    return {word for path in files for word in given_in(ast.parse(path.read_text()))}


def test_every_reason_of_the_daemon_is_listed() -> None:
    found = given(*DAEMON)
    assert {"NO_CONSENT", "BAD_NONCE", "ARTIFACT_MISSING", "FEATURE_MISSING"} <= found, "the search finds too little"
    assert sorted(found - set(Reason)) == []


def test_every_reason_of_the_library_is_listed() -> None:
    assert sorted(given(*LIBRARY) - set(Reason)) == []


def test_nothing_is_listed_that_nobody_answers() -> None:
    answered = given(*DAEMON, "client_lib") | STATUSES
    # A daemon that is older answers so by the transport, not by a line of the code here.
    assert sorted(set(Reason) - answered - {"UNIMPLEMENTED"}) == []


def test_each_reason_is_its_name() -> None:
    assert all(member.name == member.value for member in Reason)


def test_an_error_without_a_reason_has_its_status() -> None:
    assert Unavailable("busy").reason == Reason.UNAVAILABLE
    assert STATUSES - {"UNKNOWN"} <= set(Reason)


def test_who_tells_when_is_believed() -> None:
    assert Unavailable("busy", reason="WORKER_BACKOFF", detail="2.5").retry_after_s == 2.5
    assert Unavailable("busy", detail="2.5").retry_after_s is None


@pytest.mark.parametrize("detail", [None, "", "soon", "-1", "inf", "nan"])
def test_what_is_no_time_to_wait(detail: str | None) -> None:
    for reason in TELLING_WHEN:
        assert seconds_to_wait(reason, detail) is None


@pytest.mark.parametrize("reason", sorted(TELLING_WHEN))
def test_the_daemon_tells_when(reason: str) -> None:
    """Wherever it gives such a reason, it gives a detail."""
    raised = [
        node
        for path in (ROOT / "platform_daemon").rglob("*.py")
        if reason in (source := path.read_text())
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and any(keyword.arg == "reason" for keyword in node.keywords)
        if reason in words(node)
    ]
    assert raised
    assert all("detail" in {keyword.arg for keyword in node.keywords} for node in raised)


def test_the_module_is_light() -> None:
    imports = [node for node in ast.walk(ast.parse(inspect.getsource(reasons))) if isinstance(node, ast.Import)]
    assert [name.name for node in imports for name in node.names] == ["enum"]
