"""Every verb against a daemon: what it does, what it prints, and how it ends."""

import json
import stat
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from client_lib import CollectionOptions, TrainerOptions, testing
from insitu.v1 import control_pb2
from insitu_cli import output
from insitu_cli.exits import ExitCode
from tests.cli.conftest import Insitu
from tests.client.devices import Device, InMemory

PACKAGE = "com.example.keyboard"
Json = Callable[..., Any]


@pytest.fixture
def collecting(at_home: Device) -> Device:
    """A device with one app that has stored three examples."""
    with at_home.connect(at_home.approved_app(PACKAGE), PACKAGE) as learning:
        words = learning.get_collection_client(CollectionOptions("words"))
        words.add_many([{"x": 1.0}] * 3).result()
    return at_home


def test_first_steps_of_an_app(at_home: Device, insitu: Insitu, insitu_json: Json) -> None:
    file = at_home.home / "keyboard.json"
    made = insitu("app", "new", PACKAGE, "--out", file, "--context", "power", "--context", "network")
    assert made.stdout.splitlines() == [
        f"wrote {file}",
        f"approve the app with: insitu app approve {PACKAGE}",
    ]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    (app,) = insitu_json("app", "list")
    assert (app["package"], app["state"], app["consent"]) == (PACKAGE, "requested", False)
    assert app["wished_context"] == ["network", "power"]

    approved = insitu("app", "approve", PACKAGE)
    assert approved.stdout.splitlines() == [
        f"{PACKAGE} is approved",
        f"let it collect with: insitu consent give {PACKAGE}",
        f"it would like context; grant it with: insitu permissions grant {PACKAGE} network power",
    ]
    assert insitu("consent", "give", PACKAGE).stdout == f"{PACKAGE} may collect\n"
    insitu("permissions", "grant", PACKAGE, "power", "network.connected")
    at_home.connect(file, PACKAGE).close()
    (app,) = insitu_json("app", "list")
    assert (app["state"], app["consent"]) == ("registered", True)
    permissions = {entry["type"]: entry for entry in insitu_json("permissions", "list", PACKAGE)}
    assert permissions["network"]["features"] == ["connected"]
    assert "charging" in permissions["power"]["features"]
    assert permissions["power"]["wished"] is True


def test_existing_credentials_are_kept(at_home: Device, insitu: Insitu) -> None:
    file = at_home.home / "keyboard.json"
    insitu("app", "new", PACKAGE, "--out", file)
    before = file.read_bytes()
    refused = insitu("app", "new", PACKAGE, "--out", file, expect=ExitCode.FAILED)
    assert refused.stderr.startswith(f"Error: {file} exists")
    assert file.read_bytes() == before


def test_app_made_without_a_daemon_is_approved_from_its_file(
    at_home: Device, insitu: Insitu, insitu_json: Json
) -> None:
    file = at_home.home / "keyboard.json"
    at_home.daemon.stop()
    made = insitu_json("app", "new", PACKAGE, "--out", file)
    assert made == {"package": PACKAGE, "file": str(file), "handed_in": False, "next": f"insitu app approve {file}"}
    at_home.daemon.start()
    assert insitu_json("app", "approve", file)["state"] == "approved"


def test_removing_asks_first(collecting: Device, insitu: Insitu, insitu_json: Json) -> None:
    insitu("app", "remove", PACKAGE, input="n\n", expect=ExitCode.FAILED)
    assert len(insitu_json("app", "list")) == 1
    insitu("app", "remove", PACKAGE, input="y\n")
    assert insitu("app", "list").stdout == "no app is known; make one with: insitu app new PACKAGE --out FILE\n"


def test_token_is_a_session(collecting: Device, insitu: Insitu) -> None:
    from client_lib.collection import STATS
    from client_lib.lane_transport import LaneTransport
    from insitu.v1.collection_pb2 import CollectionStatsRequest

    session = insitu("app", "token", PACKAGE).stdout.strip()
    transport = LaneTransport(collecting.daemon.socket)
    request = CollectionStatsRequest(collection="words")
    assert transport.call(STATS, request, session=session, timeout_s=5).examples == 3
    transport.close()


def test_data(collecting: Device, insitu: Insitu, insitu_json: Json) -> None:
    (app,) = insitu_json("data", "show", PACKAGE)
    (words,) = app["collections"]
    assert (app["package"], words["collection"], words["examples"]) == (PACKAGE, "words", 3)
    assert "words" in insitu("data", "show").stdout
    insitu("data", "clear", PACKAGE, "--collection", "none", "--yes", expect=ExitCode.NOT_FOUND)
    assert insitu("data", "clear", PACKAGE, "--yes").stdout == "deleted 3 examples\n"


def test_consent_withdrawn(collecting: Device, insitu: Insitu, insitu_json: Json) -> None:
    assert f"insitu data clear {PACKAGE}" in insitu("consent", "withdraw", PACKAGE).stdout
    (app,) = insitu_json("app", "list")
    assert app["consent"] is False


def test_revoking(collecting: Device, insitu: Insitu) -> None:
    insitu("permissions", "grant", PACKAGE, "power")
    assert "may be given of power: nothing" in insitu("permissions", "revoke", PACKAGE, "power").stdout
    unknown = insitu("permissions", "grant", PACKAGE, "wether", expect=ExitCode.FAILED)
    assert "wether" in unknown.stderr


def test_status(at_home: Device, insitu: Insitu, insitu_json: Json) -> None:
    assert insitu_json("daemon", "status")["socket"] == str(at_home.daemon.socket)
    shown = insitu("daemon", "status").stdout
    assert str(at_home.daemon.socket) in shown
    assert "insitu.toml" in shown


def test_help_names_the_configuration_file(insitu: Insitu) -> None:
    assert "config/insitu.toml" in insitu("daemon", "run", "--help").stdout


def test_counts_agree_with_their_nouns() -> None:
    assert [output.count(number, "version") for number in (0, 1, 2)] == ["0 versions", "1 version", "2 versions"]


@pytest.mark.parametrize(
    "command",
    [
        ("daemon", "status"),
        ("app", "list"),
        ("app", "approve", PACKAGE),
        ("consent", "give", PACKAGE),
        ("permissions", "list"),
        ("data", "show"),
        ("context", "show"),
        ("train", "list"),
        ("models", "list"),
    ],
)
def test_without_a_daemon_each_says_how_to_start_it(
    insitu: Insitu, command: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSITU_HOME", "/tmp/insitu-nobody")
    refused = insitu(*command, expect=ExitCode.DAEMON_NOT_RUNNING)
    assert refused.stderr.startswith("Error: no daemon listens on /tmp/insitu-nobody/run/control.sock")
    assert refused.stderr.endswith("start it with: insitu daemon run\n")
    assert refused.stdout == ""


def test_unknown_names_are_not_found(at_home: Device, insitu: Insitu) -> None:
    for command in (
        ("app", "approve", PACKAGE),
        ("app", "remove", PACKAGE, "--yes"),
        ("app", "token", PACKAGE),
        ("consent", "give", PACKAGE),
        ("permissions", "grant", PACKAGE, "power"),
        ("data", "clear", PACKAGE, "--yes"),
        ("train", "explain", "words-session"),
        ("train", "stop", "words-session"),
        ("models", "rollback", PACKAGE, "artifact:/words-session/params"),
    ):
        assert insitu(*command, expect=ExitCode.NOT_FOUND).stderr.startswith("Error: "), command


@pytest.mark.parametrize(
    "command",
    [
        ("no-such-command",),
        ("app", "new", PACKAGE),
        ("permissions", "grant", PACKAGE),
        ("context", "set", "power"),
        ("context", "set", "power", "charging"),
        ("context", "set", "power", "charging=yes", "--unknown"),
        ("plan", "lint", "/no/such/file"),
    ],
)
def test_wrong_usage(insitu: Insitu, command: tuple[str, ...]) -> None:
    insitu(*command, expect=ExitCode.USAGE)


def test_scripted_context(served: InMemory, insitu: Insitu, insitu_json: Json, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSITU_HOME", str(served.home))
    insitu("context", "set", "power", "charging=yes", "battery_level=0.5")
    insitu("context", "set", "network", "connected=no", "kind=wifi")
    readings = {reading["type"]: reading["features"] for reading in insitu_json("context", "show")}
    assert readings["power"] == {"battery_level": 0.5, "charging": 1}
    assert readings["network"] == {"connected": 0, "kind": "wifi"}
    assert "battery_level=0.5, charging=1" in insitu("context", "show").stdout
    insitu("context", "set", "power", "--unknown")
    assert insitu_json("context", "show")[0]["features"] == {}
    assert "no feature" in insitu("context", "set", "power", "colour=red", expect=ExitCode.FAILED).stderr


def test_models(served: InMemory, insitu: Insitu, insitu_json: Json, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSITU_HOME", str(served.home))
    uri = "artifact:/words-session/params"
    plan = testing.training_plan("words", collection="words", context=["power"])
    learning = served.memory.connect(PACKAGE, context=["power"])
    learning.get_collection_client(CollectionOptions("words")).add({"x": 1.0}).result()
    served.memory.idle_and_charging()
    learning.get_trainer_client(TrainerOptions("words-session", plan, uri)).schedule()
    for accuracy in (0.5, 0.75):
        served.memory.run(PACKAGE, "words-session", testing.Commit({"accuracy": (0.5, accuracy)}))
        served.memory.advance(timedelta(days=1))
    shown = insitu("models", "list").stdout
    assert "accuracy 0.5 to 0.75" in shown
    assert "power" in shown
    assert insitu_json("models", "rollback", PACKAGE, uri)["version_in_use"] == 1
    nothing_left = insitu("models", "rollback", PACKAGE, uri, expect=ExitCode.FAILED)
    assert "no earlier version" in nothing_left.stderr


def test_json_of_a_refusal_leaves_standard_output_empty(at_home: Device, insitu: Insitu) -> None:
    assert insitu("consent", "give", PACKAGE, "--json", expect=ExitCode.NOT_FOUND).stdout == ""


def test_json_shows_every_field(at_home: Device, insitu: Insitu) -> None:
    shown = json.loads(insitu("daemon", "status", "--json").stdout)
    assert set(shown) == {field.name for field in control_pb2.DaemonStatus.DESCRIPTOR.fields}
