"""`insitu plan`: from a source file to plans that keep every rule."""

import json
from pathlib import Path

import pytest

from insitu.v1.plan_pb2 import Plan
from insitu_cli.exits import ExitCode
from tests.cli.conftest import Insitu


def test_new_source_builds_and_keeps_every_rule(insitu: Insitu, tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    source = tmp_path / "digits.py"
    assert f"insitu plan build {source}" in insitu("plan", "new", source).stdout
    insitu("plan", "new", source, expect=ExitCode.FAILED)
    built = json.loads(insitu("plan", "build", source, "--out", tmp_path / "plans", "--json").stdout)
    files = (Path(built["inference"]), Path(built["training"]))
    assert [Plan.FromString(file.read_bytes()).WhichOneof("instructions") for file in files] == [
        "inference",
        "training",
    ]
    linted = json.loads(insitu("plan", "lint", *files, "--json").stdout)
    assert [[finding["severity"] for finding in findings] for findings in linted.values()] == [[], []]
    assert insitu("plan", "lint", files[0]).stdout == f"{files[0]}: keeps every rule\n"


def test_source_without_plan_is_refused(insitu: Insitu, tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    source = tmp_path / "empty.py"
    source.write_text("x = 1\n")
    refused = insitu("plan", "build", source, expect=ExitCode.FAILED)
    assert refused.stderr.startswith(f"Error: {source}: define a function plan()")


@pytest.mark.parametrize("content", [b"", b"\xff", Plan(name="Bad Name", version="1").SerializeToString()])
def test_bad_plan_ends_with_its_findings(insitu: Insitu, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "bad.plan"
    file.write_bytes(content)
    found = insitu("plan", "lint", file, expect=ExitCode.FAILED)
    assert f"{file}: error: " in found.stdout
    (findings,) = json.loads(insitu("plan", "lint", file, "--json", expect=ExitCode.FAILED).stdout).values()
    assert all(finding["problem"] and finding["remedy"] for finding in findings)
