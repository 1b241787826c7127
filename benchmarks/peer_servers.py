"""MLServer and LitServe as processes in an environment of their own, serving the network of the benchmarks."""

import http.client
import json
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.lab import Skipped
from benchmarks.samples import Samples
from benchmarks.servers import ROOT, serving
from benchmarks.sockets import NotServing
from insitu.v1.plan_pb2 import Plan

PYTHON = ROOT / ".venv-peers" / "bin" / "python"
MODEL_INFER = "/inference.GRPCInferenceService/ModelInfer"
_LOOPBACK = "127.0.0.1"
_START_TIMEOUT_S = 120.0
_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class PeerModel:
    """The network as peers read it, and one digit to predict."""

    folder: Path
    """Holds the graph and the parameters."""
    samples: Path

    @classmethod
    def export(cls, inference: Path, samples: Samples, folder: Path) -> "PeerModel":
        """Raises Skipped where the peers are not installed."""
        if not PYTHON.exists():
            raise Skipped("MLServer and LitServe are not installed", "make bench-peers")
        folder.mkdir()
        plan = Plan.FromString(inference.read_bytes())
        (folder / "graph.tflite").write_bytes(plan.graph.inline)
        (folder / "parameters.safetensors").write_bytes(plan.base_parameters)
        return cls(folder, samples.save(folder / "samples.npz"))


@contextmanager
def mlserver(model: PeerModel) -> Iterator[tuple[str, bytes]]:
    """Yields the address of its gRPC server once the model is served, and a request for one prediction.

    Set for speed: without access logs and metrics, and without worker processes, with which it takes twice as long.
    """
    folder = model.folder / "digits"
    folder.mkdir()
    rest, rpc, metrics = _free_ports(3)
    _write_json(
        folder / "settings.json",
        {"host": _LOOPBACK, "http_port": rest, "grpc_port": rpc, "metrics_port": metrics, "debug": False,
         "metrics_endpoint": None, "parallel_workers": 0},
    )  # fmt: skip
    _write_json(
        folder / "model-settings.json",
        {"name": "digits", "implementation": "benchmarks.peers.mlserver_runtime.DigitsRuntime",
         "parameters": {"uri": str(model.folder)}},
    )  # fmt: skip
    request = folder / "request.pb"
    command = ["-m", "benchmarks.peers.mlserver_request", str(model.samples), str(request)]
    subprocess.run([PYTHON, *command], cwd=ROOT, check=True, stderr=subprocess.DEVNULL)
    start = ["-m", "mlserver.cli.main", "start", str(folder)]
    with serving(start, PYTHON, model.folder) as process:
        _await_http(process, rest, "/v2/models/digits/ready")
        yield f"{_LOOPBACK}:{rpc}", request.read_bytes()


@contextmanager
def litserve(model: PeerModel) -> Iterator["LitServeCaller"]:
    """Yields a client once the model is served."""
    (port,) = _free_ports(1)
    start = ["-m", "benchmarks.peers.litserve_server", str(model.folder), str(port)]
    with serving(start, PYTHON, model.folder) as process:
        _await_http(process, port, "/health")
        caller = LitServeCaller(port, model.samples)
        try:
            yield caller
        finally:
            caller.close()


class LitServeCaller:
    """One connection that is kept, and a request that is serialized beforehand."""

    def __init__(self, port: int, samples: Path) -> None:
        self._connection = http.client.HTTPConnection(_LOOPBACK, port, timeout=30)
        self._request = json.dumps({"pixels": np.load(samples)["pixels"][0].tolist()})

    def __call__(self) -> bytes:
        self._connection.request("POST", "/predict", self._request, {"Content-Type": "application/json"})
        response = self._connection.getresponse()
        body = response.read()
        assert response.status == http.HTTPStatus.OK, body
        return body

    def close(self) -> None:
        self._connection.close()


def _await_http(process: "subprocess.Popen[bytes]", port: int, path: str) -> None:
    """Wait until the server says that the model is ready. Raises NotServing."""
    deadline_s = time.monotonic() + _START_TIMEOUT_S
    while process.poll() is None and time.monotonic() < deadline_s:
        connection = http.client.HTTPConnection(_LOOPBACK, port, timeout=5)
        with closing(connection), suppress(OSError):
            connection.request("GET", path)
            if connection.getresponse().status == http.HTTPStatus.OK:
                return
        time.sleep(_POLL_S)
    raise NotServing(f"nobody answers {path} on port {port} of the loopback interface")


def _free_ports(count: int) -> Sequence[int]:
    """Ports that nobody has at this moment."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind((_LOOPBACK, 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")
