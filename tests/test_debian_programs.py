"""Programs for the tests: a good one on PATH is used, an old one is not."""

import subprocess
from pathlib import Path

import pytest

from deploy.debian_packages import InstallError
from deploy.programs.install import find_version
from tests.support import debian_programs
from tests.support.debian_programs import Command


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on PATH; an install is refused by a cache that is a file."""
    monkeypatch.setenv("PATH", str(tmp_path))
    blocked = tmp_path / "cache"
    blocked.touch()
    monkeypatch.setenv("INTRADAY_PROGRAMS_PREFIX", str(blocked / "programs"))
    return tmp_path


def put(path: Path, name: str, says: str) -> None:
    program = path / name
    program.write_text(f"#!/bin/sh\n{says}\n")
    program.chmod(0o755)


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("promtool, version 2.53.3+ds1 (branch: debian/sid, revision: 2.53.3+ds1-2)", "2.53.3"),
        ("docker-compose version 1.29.2, build unknown", "1.29.2"),
        ("Docker Compose version v2.26.1-4", "2.26.1"),
        ("systemd 252 (252.39-1~deb12u2)", "252"),
        ("no such option", None),
    ],
)
def test_versions_as_programs_say_them(said: str, version: str | None) -> None:
    assert find_version(said) == version


def test_a_good_program_on_path_is_used(path: Path) -> None:
    put(path, "promtool", "echo promtool, version 2.60.0")
    assert debian_programs.find("promtool") == ("promtool",)


@pytest.mark.parametrize("says", ["echo docker-compose version 1.29.2", "exit 1", "echo hello"])
def test_an_old_or_broken_program_on_path_is_not_used(path: Path, says: str) -> None:
    put(path, "docker-compose", says)
    with pytest.raises((InstallError, OSError)):
        debian_programs.find("docker-compose")


def test_the_plugin_of_docker_is_compose_too(path: Path) -> None:
    put(path, "docker", '[ "$1 $2" = "compose version" ] && echo Docker Compose version v2.39.0')
    assert debian_programs.find("docker-compose") == ("docker", "compose")


def test_the_programs_run(
    promtool: Command, amtool: Command, docker_compose: Command, systemd_analyze: Command, tmp_path: Path
) -> None:
    rules = tmp_path / "rules.yml"
    rules.write_text("groups: [{name: a, rules: [{record: 'a:b', expr: up == 1}]}]")
    compose = tmp_path / "compose.yaml"
    compose.write_text("services: {a: {image: b}}")
    unit = tmp_path / "a.service"
    unit.write_text("[Service]\nExecStart=/bin/true\n")
    alertmanager = tmp_path / "alertmanager.yml"
    alertmanager.write_text("route: {receiver: a}\nreceivers: [{name: a}]")
    for command in (
        [*promtool, "check", "rules", rules],
        [*amtool, "check-config", alertmanager],
        [*docker_compose, "-f", compose, "config", "-q"],
        [*systemd_analyze, "verify", "--man=no", unit],
    ):
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
