"""What a real daemon counts of what it is made to do."""

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from client_lib import CollectionOptions, InsituError
from platform_daemon.metrics import CONTENT_TYPE
from tests.daemon.harness import Daemon, running
from tests.metrics.test_http import ask

PACKAGE = "com.example.counted"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with running(tmp_path_factory.mktemp("m")) as started:
        yield started


def scraped(daemon: Daemon) -> dict[tuple[str, ...], float]:
    """Values by name and label values."""
    with daemon.control() as control:
        text = control.metrics()
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_calls_examples_and_refusals_are_counted(daemon: Daemon) -> None:
    before = scraped(daemon)
    with daemon.connect(daemon.new_app(PACKAGE)) as learning:
        words = learning.get_collection_client(CollectionOptions("words", max_examples=3))
        words.add_many([{"x": number} for number in range(3)]).result()
        words.add({"x": 4}).result()
        with daemon.control() as control:
            control.set_consent(PACKAGE, given=False)
        with pytest.raises(InsituError):
            words.add({"x": 5}).result()
    after = scraped(daemon)

    def grown(*key: str) -> float:
        return after[key] - before.get(key, 0)

    assert grown("insitu_examples_added_total") == 4
    assert grown("insitu_examples_evicted_total") == 1
    assert grown("insitu_calls_total", "Collections.Add", "PERMISSION_DENIED") == 1
    assert grown("insitu_call_refusals_total", "PERMISSION_DENIED", "NO_CONSENT") == 1
    assert (
        grown("insitu_call_duration_seconds_count", "Collections.Add")
        == grown("insitu_calls_total", "Collections.Add", "OK") + 1
    )
    assert after["insitu_examples", PACKAGE] == 3
    assert after["insitu_state_bytes", "examples"] > 0


def test_the_owner_sees_them_as_text_and_as_json(daemon: Daemon) -> None:
    def run(*arguments: str) -> str:
        command = [sys.executable, "-c", "import insitu_cli; insitu_cli.main()", "daemon", "metrics", *arguments]
        environment = {**os.environ, "INSITU_SOCKET": str(daemon.socket)}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60).stdout

    assert "# TYPE insitu_calls_total counter\n" in run()
    shown = {(one["name"], *one["labels"].values()): one["value"] for one in json.loads(run("--json"))}
    assert shown["insitu_context_known", "device"] == 1
    assert shown["process_resident_memory_bytes",] > 1 << 20


def test_curl_sees_them_on_the_owners_socket_and_not_on_the_apps(daemon: Daemon) -> None:
    control, apps = daemon.socket.with_name("control.sock"), daemon.socket
    status, content_type, text = ask(control)
    assert (status, content_type) == (200, CONTENT_TYPE)
    assert 'insitu_connections{socket="control"} 1\n' in text
    with pytest.raises(http.client.RemoteDisconnected):
        ask(apps)


def test_nothing_of_http_comes_in_for_it() -> None:
    code = "import platform_daemon.app, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout
    assert not {"http.server", "http.client", "prometheus_client"} & set(loaded.split())
