"""What each profile takes away, and what goes on working under it; in processes of their own: there is no way back."""

import platform
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.engines.graphs import litert_flatbuffer, saved_model_zip

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
        assert sandbox.confine_child(trainer=trainer, scratch=Path("/nowhere")) == []
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


def test_a_child_reads_its_interpreter_and_writes_its_scratch_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "scratch").mkdir()
    (tmp_path / "key").write_text("secret")
    check(
        """
        folder = Path(sys.argv[1])
        environment = Path(f"/proc/{os.getppid()}/environ")
        environment.read_bytes()
        sandbox.confine_child(trainer=False, scratch=folder / "scratch")
        (folder / "scratch/file").write_text("mine")
        assert (folder / "scratch/file").read_text() == "mine"
        (folder / "scratch/file").unlink()
        import colorsys
        for call in (
            (folder / "key").read_bytes,
            (folder / "key").unlink,
            (folder / "new").touch,
            lambda: os.listdir(folder),
            lambda: os.rename(folder / "key", folder / "scratch/key"),
            lambda: os.truncate(folder / "key", 0),
            environment.read_bytes,
            Path("/etc/passwd").read_bytes,
        ):
            refused(call, errno.EACCES, errno.EXDEV)
        refused(lambda: os.symlink(folder / "key", folder / "scratch/link"), errno.EPERM)
        """,
        str(tmp_path),
    )


def test_a_child_may_abort() -> None:
    assert run("sandbox.confine_child(trainer=False, scratch=Path('/nowhere')); os.abort()").returncode == -6


@pytest.mark.skipif(platform.machine() != "x86_64", reason="another architecture's second one")
def test_foreign_architectures_are_killed() -> None:
    """x32's calls have bit 30 set: another numbering, past the filter if it were let through."""
    assert (
        run("sandbox.confine_child(trainer=False, scratch=Path('/nowhere')); libc.syscall(0x40000000 + 39)").returncode
        == -31
    )


@pytest.mark.parametrize("engine", ["litert", "tensorflow"])
def test_engines_run_in_a_childs_profile(engine: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    graph = tmp_path_factory.mktemp("graph") / "graph"
    graph.write_bytes(litert_flatbuffer() if engine == "litert" else saved_model_zip())
    check(
        """
        content = Path(sys.argv[2]).read_bytes()
        scratch = Path(sys.argv[3])
        os.environ |= {"HOME": sys.argv[3], "TMPDIR": sys.argv[3]}
        sandbox.confine_child(trainer=True, scratch=scratch)
        import numpy
        from insitu.v1.plan_pb2 import EngineRequirement
        from ml_engines.registry import find_engine
        model = find_engine(EngineRequirement(name=sys.argv[1])).load(content, scratch)
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
