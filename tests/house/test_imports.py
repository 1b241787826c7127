"""Imports point one way, and the primary stays free of what interprets graphs."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = {"numpy", "safetensors", "tensorflow", "keras", "ai_edge_litert", "sklearn", "matplotlib"}


def _modules_after(statement: str) -> set[str]:
    script = f"import sys\n{statement}\nprint(' '.join(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    return set(result.stdout.split())


def test_layers() -> None:
    command = [Path(sys.executable).parent / "lint-imports"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stdout


def test_the_primary_imports_no_engine_and_no_numpy() -> None:
    loaded = _modules_after("import platform_daemon.app")
    assert "plyvel" in loaded
    assert not loaded & HEAVY


@pytest.mark.parametrize("child", ["worker", "trainer"])
def test_children_import_no_store_no_network_no_keys(child: str) -> None:
    loaded = _modules_after(f"import platform_daemon.children.{child}")
    assert not loaded & {"plyvel", "grpc", "cryptography", "sqlite3", "tensorflow"}


def test_an_app_links_three_libraries() -> None:
    loaded = _modules_after("import client_lib")
    assert not loaded & (HEAVY | {"click", "rich", "plyvel", "apscheduler", "platform_daemon"})
