"""The committed stubs are those that the .proto files give."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GENERATOR = ROOT / ".venv-oldest" / "bin" / "python"


def test_stubs_are_fresh(tmp_path: Path) -> None:
    if not GENERATOR.exists():
        pytest.fail("run `make .venv-oldest/ready` first: the generator lives in an environment of its own")
    sources = sorted((ROOT / "proto" / "insitu" / "v1").glob("*.proto"))
    assert sources
    outputs = [f"--{kind}_out={tmp_path}" for kind in ("python", "pyi", "grpc_python")]
    subprocess.run(
        [GENERATOR, "-m", "grpc_tools.protoc", f"-I{ROOT / 'proto'}", *outputs, *sources], check=True, timeout=120
    )
    generated = sorted((tmp_path / "insitu" / "v1").iterdir())
    assert len(generated) == 4 * len(sources) - len(sources)
    for fresh in generated:
        committed = ROOT / "proto" / "insitu" / "v1" / fresh.name
        assert committed.read_text() == fresh.read_text(), f"{fresh.name} is stale: run make proto"
