"""What each side of the children imports: a trainer starts often, and a primary stays small."""

import subprocess
import sys

import pytest

_CHILD_SIDE = (
    "platform_daemon.children.worker, platform_daemon.children.trainer,"
    "platform_daemon.children.worker_loop, platform_daemon.children.trainer_loop, ml_engines.litert"
)
_PRIMARY_SIDE = "platform_daemon.children.spawn, platform_daemon.children.channel, platform_daemon.sandbox"


@pytest.mark.parametrize(
    ("modules", "forbidden"),
    [
        (_CHILD_SIDE, {"grpc", "plyvel", "cryptography", "sqlite3", "tensorflow", "ai_edge_litert", "asyncio"}),
        (_PRIMARY_SIDE, {"numpy", "safetensors", "tensorflow", "ai_edge_litert", "ml_engines"}),
    ],
)
def test_imports_leave_out(modules: str, forbidden: set[str]) -> None:
    code = f"import sys, {modules}; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert not forbidden & set(run.stdout.split())
