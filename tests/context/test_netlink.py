"""The sockets of the real kernel, as far as this machine lets them be tried; what it does not is skipped aloud."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from context.sources.netlink import KERNEL_PORT, KernelSocket, is_uevent_of, open_link_changes, open_uevents
from tests.context.kernel import PATIENCE_S

REPOSITORY = Path(__file__).parents[2]
UEVENT_OF_NULL = Path("/sys/class/mem/null/uevent")


def opened(open_socket: Callable[[], KernelSocket]) -> KernelSocket:
    try:
        return open_socket()
    except OSError as error:
        pytest.skip(f"this machine refuses the socket: {error}")


def take_all(kernel: KernelSocket) -> None:
    for _ in range(1000):
        kernel.receive()


def messages_until(kernel: KernelSocket, found: Callable[[bytes, int], bool]) -> None:
    patience = socket.socket(fileno=os.dup(kernel.fileno()))
    with patience:
        for _ in range(1000):
            patience.settimeout(PATIENCE_S)
            patience.recv(1, socket.MSG_PEEK)
            if found(*kernel.receive()):
                return
    raise AssertionError("it never came")


@pytest.mark.parametrize("open_socket", [open_link_changes, open_uevents])
def test_waits_without_blocking_and_is_not_inherited(open_socket: Callable[[], KernelSocket]) -> None:
    kernel = opened(open_socket)
    try:
        assert not os.get_inheritable(kernel.fileno())
        with pytest.raises(BlockingIOError):
            take_all(kernel)
    finally:
        kernel.close()


def test_hears_the_uevents_of_the_kernel() -> None:
    """A write to a device's uevent file has it announced again (Documentation/ABI/testing/sysfs-uevent)."""
    kernel = opened(open_uevents)
    try:
        UEVENT_OF_NULL.write_text("change")
        messages_until(kernel, lambda message, port: port == KERNEL_PORT and is_uevent_of("mem", message))
    except PermissionError as error:
        pytest.skip(f"no uevent can be asked for: {error}")
    finally:
        kernel.close()


def test_tells_a_process_from_the_kernel() -> None:
    kernel = opened(open_uevents)
    with socket.socket(fileno=os.dup(kernel.fileno())) as same:
        port = same.getsockname()[0]
    forged = b"change@/x\0SUBSYSTEM=power_supply\0"
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 15) as forger:
            forger.sendto(forged, (port, 0))
        messages_until(kernel, lambda message, sender: message == forged and sender != KERNEL_PORT)
    except PermissionError as error:
        pytest.skip(f"the kernel lets nobody forge here: {error}")
    finally:
        kernel.close()


def test_a_link_that_goes_up_and_down_is_heard(tmp_path: Path) -> None:
    for program in ("ip", "unshare", "mount"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    namespace = ["unshare", "--net", "--mount", "sh", "-ec", 'mount -t sysfs none "$0" && exec "$@"', str(tmp_path)]
    trial = subprocess.run(
        [*namespace, "ip", "link", "add", "type", "veth"], capture_output=True, text=True, check=False
    )
    if trial.returncode != 0:
        pytest.skip(f"no network namespace with a link can be made: {trial.stderr.strip()}")
    drill = [sys.executable, "-m", "tests.context.link_drill", str(tmp_path)]
    ran = subprocess.run([*namespace, *drill], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert told["connected"] == [False, True, False, True, False]
    assert told["mode"] == "listener"
