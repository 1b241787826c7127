"""Where settings come from, and what is told of a wrong one."""

from pathlib import Path

import pytest

from platform_daemon.configuration import BadConfiguration, load


def write(home: Path, text: str) -> Path:
    (home / "config").mkdir(exist_ok=True)
    file = home / "config" / "insitu.toml"
    file.write_text(text)
    return file


def test_defaults_need_no_file(tmp_path: Path) -> None:
    configuration = load(home=str(tmp_path), environ={})
    assert configuration.training.run_cap_s == 585.0
    assert configuration.locations.state == tmp_path / "state"
    assert configuration.context.sources == {}


def test_the_environment_wins_over_the_file_and_flags_over_both(tmp_path: Path) -> None:
    write(tmp_path, "[daemon]\nlog_level='error'\n[training]\ngrace_s = 3\nassume=['idle']\n")
    environ = {"INSITU_TRAINING_GRACE_S": "2", "INSITU_DAEMON_LOG_LEVEL": "warning"}
    configuration = load(home=str(tmp_path), environ=environ)
    assert configuration.training.grace_s == 2.0
    assert configuration.training.assume == ("idle",)
    assert configuration.daemon.log_level == "warning"
    assert load(home=str(tmp_path), environ=environ, log_level="debug").daemon.log_level == "debug"


def test_lists_and_tables_come_through_variables(tmp_path: Path) -> None:
    environ = {
        "INSITU_TRAINING_ASSUME": '["idle", "charging"]',
        "INSITU_CONTEXT_SOURCES": '{ power = "scripted" }',
        "INSITU_CONTEXT_SCRIPTED": "true",
        "INSITU_CONTEXT_COUNTRY": "DE",
    }
    configuration = load(home=str(tmp_path), environ=environ)
    assert configuration.training.assume == ("idle", "charging")
    assert configuration.context.sources == {"power": "scripted"}
    assert configuration.context.scripted is True
    assert configuration.context.country == "DE"


def test_a_script_lies_beside_the_file_that_names_it(tmp_path: Path) -> None:
    write(tmp_path, "[context]\nscript = 'device.toml'\n")
    assert load(home=str(tmp_path), environ={}).context.script == str(tmp_path / "config" / "device.toml")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[training", "no TOML"),
        ("[trianing]\n", r"unknown section \[trianing\]; there are: daemon, training"),
        ("[training]\ngraze_s = 1\n", "training.graze_s is unknown"),
        ("[training]\ngrace_s = 'long'\n", "training.grace_s must be a number"),
        ("[training]\ngrace_s = 0\n", "training.grace_s must lie between"),
        ("[training]\ngrace_s = nan\n", "training.grace_s must lie between"),
        ("[training]\nrun_cap_s = inf\n", "training.run_cap_s must lie between"),
        ("[training]\npoll_interval_s = 1e-9\n", "training.poll_interval_s must lie between"),
        ("[limits]\nconnections_per_uid = -5\n", "limits.connections_per_uid must be at least 1"),
        ("[context]\nmetered = { eth0 = 'maybe' }\n", "context.metered.eth0 must be true or false"),
        ("[training]\nassume = ['bored']\n", "'bored' is none of idle, charging, unmetered"),
        ("[daemon]\nlog_level = 'loud'\n", "daemon.log_level must be one of"),
        ("training = 3", r"training must be a section, \[training\]"),
        ("[context]\nscripted = 1\n", "context.scripted must be true or false"),
        ("[limits]\nartifact_bytes = 1.5\n", "limits.artifact_bytes must be a whole number"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, told: str) -> None:
    write(tmp_path, text)
    with pytest.raises(BadConfiguration, match=told):
        load(home=str(tmp_path), environ={})


def test_a_file_that_was_asked_for_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration, match="does not exist"):
        load(home=str(tmp_path), file=tmp_path / "none.toml", environ={})


def test_a_mistyped_variable_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration, match=r"training\.grac_s is unknown"):
        load(home=str(tmp_path), environ={"INSITU_TRAINING_GRAC_S": "2", "INSITU_HOME": "/elsewhere"})
