"""What each profile takes away, and what goes on working under it; in processes of their own: there is no way back."""

import asyncio
import platform
import subprocess
import sys
import sysconfig
import textwrap
from pathlib import Path

import psutil
import pytest

from context import SystemClock
from platform_daemon import sandbox
from platform_daemon.children.spawn import Spawner
from platform_daemon.configuration import LimitsSection
from platform_daemon.errors import FailedPrecondition
from platform_daemon.storage import Storage
from tests.engines.graphs import litert_flatbuffer, saved_model_zip
from tests.engines.prying import prying_zip

_PREAMBLE = """
import ctypes, errno, os, socket, sys, threading
from pathlib import Path
from platform_daemon import sandbox

def refused(call, *numbers):
    try:
        result = call()
    except OSError as error:
        assert error.errno in numbers, error
    else:
        raise AssertionError(f"went through: {result}")

libc = ctypes.CDLL(None, use_errno=True)

def syscall(name, *arguments):
    import pyseccomp
    number = pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name)
    if libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), "refused")
"""


def run(code: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", _PREAMBLE + textwrap.dedent(code), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def check(code: str, *arguments: str) -> None:
    result = run(code, *arguments)
    assert result.returncode == 0, result.stderr


def test_the_primary_opens_no_internet_socket() -> None:
    check(
        """
        assert sandbox.confine_primary() == []
        for family in (socket.AF_INET, socket.AF_INET6, socket.AF_PACKET, socket.AF_VSOCK, 63, 64, 1 << 20):
            refused(lambda: syscall("socket", family, socket.SOCK_STREAM, 0), errno.EAFNOSUPPORT)
        refused(lambda: socket.create_connection(("127.0.0.1", 1)), errno.EAFNOSUPPORT)
        socket.socket(socket.AF_UNIX).close()
        socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close()
        threading.Thread(target=refused, args=(socket.socket, errno.EAFNOSUPPORT)).start()
        refused(lambda: syscall("io_uring_setup", 4, None), errno.EPERM)
        """
    )


def test_what_the_primary_starts_is_confined_too() -> None:
    check(
        """
        import subprocess
        sandbox.confine_primary()
        child = subprocess.run([sys.executable, "-c", "import socket; socket.socket()"], capture_output=True)
        assert b"not supported" in child.stderr, child.stderr
        """
    )


def test_grpc_serves_on_a_unix_socket_in_the_primarys_profile() -> None:
    check(
        """
        import asyncio, tempfile
        sandbox.confine_primary()
        import grpc

        async def main(address):
            async def echo(request, context):
                return request
            server = grpc.aio.server()
            method = grpc.unary_unary_rpc_method_handler(echo)
            server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("test.Echo", {"Call": method})])
            server.add_insecure_port(address)
            await server.start()
            async with grpc.aio.insecure_channel(address) as channel:
                assert await channel.unary_unary("/test.Echo/Call")(b"hello") == b"hello"
            await server.stop(0)

        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(main(f"unix:{folder}/socket"))
        """
    )


@pytest.mark.parametrize("trainer", ["", "yes"])
def test_a_child_has_no_sockets_no_programs_no_processes_and_no_reach(trainer: str) -> None:
    check(
        """
        import resource, signal
        ours, theirs = socket.socketpair()
        trainer = bool(sys.argv[1])
        assert sandbox.confine_child(trainer=trainer) == []
        for family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX, socket.AF_NETLINK):
            refused(lambda: socket.socket(family), errno.EAFNOSUPPORT)
        refused(socket.socketpair, errno.EAFNOSUPPORT)
        for call in (
            lambda: os.execv("/bin/true", ["true"]),
            lambda: os.posix_spawn("/bin/true", ["true"], {}),
            os.fork,
            lambda: os.kill(os.getppid(), 0),
            lambda: os.kill(-1, 0),
            lambda: syscall("ptrace", 16, os.getppid(), 0, 0),
            lambda: syscall("process_vm_readv", os.getppid(), 0, 0, 0, 0, 0),
            lambda: syscall("io_uring_setup", 4, None),
            lambda: resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE),
        ):
            refused(call, errno.EPERM)
        ours.sendall(b"the inherited socket works")
        assert theirs.recv(100) == b"the inherited socket works"
        thread = threading.Thread(target=os.getpid)
        thread.start()
        thread.join()
        assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)
        assert resource.getrlimit(resource.RLIMIT_AS)[1] <= sandbox.MAX_ADDRESS_SPACE_BYTES
        assert (os.sched_getscheduler(0) == os.SCHED_IDLE) is trainer
        assert (os.getpriority(os.PRIO_PROCESS, 0) == 19) is trainer
        """,
        trainer,
    )


def test_a_child_reads_software_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("secret")
    check(
        """
        folder = Path(sys.argv[1])
        environment = Path(f"/proc/{os.getppid()}/environ")
        environment.read_bytes()
        sandbox.confine_child(trainer=False)
        import colorsys
        for call in (
            (folder / "key").read_bytes,
            (folder / "key").unlink,
            (folder / "new").touch,
            lambda: os.listdir(folder),
            lambda: os.rename(folder / "key", folder / "other"),
            lambda: os.truncate(folder / "key", 0),
            environment.read_bytes,
            Path("/proc/self/environ").read_bytes,
            Path("/etc/passwd").read_bytes,
        ):
            refused(call, errno.EACCES)
        refused(lambda: os.symlink(folder / "key", folder / "link"), errno.EPERM)
        """,
        str(tmp_path),
    )


def test_a_folder_of_the_module_path_is_not_software(tmp_path: Path) -> None:
    """As an editable installation leaves it: a checkout on the path, with anything beneath."""
    (tmp_path / "some.key").write_text("secret")
    check(
        """
        sys.path.append(sys.argv[1])
        checkout = Path(sandbox.__file__).parents[1]
        sandbox.confine_child(trainer=False)
        refused((Path(sys.argv[1]) / "some.key").read_bytes, errno.EACCES)
        refused((checkout / "pyproject.toml").read_bytes, errno.EACCES)
        refused(lambda: os.listdir(checkout), errno.EACCES)
        Path(sandbox.__file__).read_bytes()
        import ml_engines
        """,
        str(tmp_path),
    )


def test_a_child_writes_nothing_even_without_landlock(tmp_path: Path) -> None:
    check(
        """
        def absent(readable, writable):
            raise OSError(errno.ENOSYS, "no Landlock")
        sandbox.restrict_files = absent
        assert len(sandbox.confine_child(trainer=False)) == 1
        file = os.open(Path(sys.argv[1]) / "file", os.O_CREAT | os.O_WRONLY)
        refused(lambda: os.write(file, b"x"), errno.EFBIG)
        """,
        str(tmp_path),
    )


@pytest.mark.parametrize("place", [Path(sysconfig.get_path("purelib")), Path(sandbox.__file__).parent])
def test_the_state_folder_may_not_lie_where_graphs_read(place: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(place)
    for folder in (place / "home/state", tmp_path / "link/home/state"):
        with pytest.raises(FailedPrecondition, match="move it elsewhere"):
            Storage(folder, SystemClock(), LimitsSection())
    assert not (place / "home").exists()


def test_a_daemons_keys_are_not_where_graphs_read(tmp_path: Path) -> None:
    """The start that a user sees."""
    home = Path(sysconfig.get_path("purelib")) / "insitu-home"
    command = [sys.executable, "-m", "platform_daemon", "--home", str(home)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 1
    assert "which every graph may read: move it elsewhere" in result.stderr
    assert not home.exists()


def test_a_graph_reads_and_writes_no_files(tmp_path: Path) -> None:
    state, checkout = tmp_path / "state", Path(sandbox.__file__).parents[1]
    Storage(state, SystemClock(), LimitsSection()).close()
    read = {
        "master_key": state / "examples/master.key",
        "checkout": checkout / "pyproject.toml",
        "environment": Path("/proc/self/environ"),
        "software": Path(sandbox.__file__),
    }
    assert all(path.stat() for path in read.values())
    (tmp_path / "graph").write_bytes(prying_zip(read, {"scratch": tmp_path / "scratch/file"}))
    (tmp_path / "scratch").mkdir()
    check(
        """
        content = Path(sys.argv[1]).read_bytes()
        os.chdir(sys.argv[2])
        os.environ |= {"HOME": sys.argv[2], "TMPDIR": sys.argv[2]}
        sandbox.confine_child(trainer=False)
        from ml_engines.errors import GraphRejected
        from ml_engines.tensorflow import TensorFlowEngine
        model = TensorFlowEngine().load(content)
        for name in ("master_key", "checkout", "environment", "scratch"):
            try:
                model.runner(name)({})
            except GraphRejected as error:
                assert "ermission denied" in str(error), error
            else:
                raise AssertionError(f"{name} went through")
        assert len(model.runner("software")({})["bytes"])
        """,
        str(tmp_path / "graph"),
        str(tmp_path / "scratch"),
    )
    assert not list((tmp_path / "scratch").iterdir())


def test_a_childs_environment_holds_nothing_of_the_daemons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSITU_SECRET", "canary")

    async def environment() -> dict[str, str]:
        worker = await Spawner().worker()
        try:
            return psutil.Process(worker.pid).environ()
        finally:
            await worker.end()

    found = asyncio.run(environment())
    assert "PATH" in found
    assert "INSITU_SECRET" not in found


def test_a_child_may_abort() -> None:
    assert run("sandbox.confine_child(trainer=False); os.abort()").returncode == -6


@pytest.mark.skipif(platform.machine() != "x86_64", reason="another architecture's second one")
def test_foreign_architectures_are_killed() -> None:
    """x32's calls have bit 30 set: another numbering, past the filter if it were let through."""
    assert run("sandbox.confine_child(trainer=False); libc.syscall(0x40000000 + 39)").returncode == -31


@pytest.mark.parametrize("engine", ["litert", "tensorflow"])
def test_engines_run_in_a_childs_profile(engine: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    graph = tmp_path_factory.mktemp("graph") / "graph"
    graph.write_bytes(litert_flatbuffer() if engine == "litert" else saved_model_zip())
    check(
        """
        content = Path(sys.argv[2]).read_bytes()
        os.environ |= {"HOME": sys.argv[3], "TMPDIR": sys.argv[3]}
        sandbox.confine_child(trainer=True)
        import numpy
        from insitu.v1.plan_pb2 import EngineRequirement
        from ml_engines.registry import find_engine
        model = find_engine(EngineRequirement(name=sys.argv[1])).load(content)
        outputs = model.runner("infer")({"x": numpy.ones((2, 4), "f4")})
        assert outputs["probabilities"].shape == (2, 3)
        """,
        engine,
        str(graph),
        str(tmp_path_factory.mktemp("scratch")),
    )


def test_what_could_not_be_switched_on_is_reported() -> None:
    result = run(
        """
        sys.modules["pyseccomp"] = None
        assert [loss.split(":")[0] for loss in sandbox.confine_primary()] == ["seccomp"]
        """
    )
    assert result.returncode == 0, result.stderr
