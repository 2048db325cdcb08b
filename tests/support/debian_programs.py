"""Programs that tests run and Python has no package of: promtool, amtool, Docker Compose, systemd-analyze.

Here: the one on PATH where its version is good, else the one from Debian's packages, unpacked on first use (50 MB) and
found again. Each fixture is the command, to which arguments are added.
Not here: unpacking them (deploy/programs/install.py).
"""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from deploy.debian_packages import InstallError, default_prefix, install
from deploy.programs.install import BUNDLE, PROGRAMS, find_version

Command = tuple[str, ...]

# As old as this a program knows what our files say.
AT_LEAST = {
    "promtool": (2, 53),
    "amtool": (0, 28),
    "docker-compose": (2, 26),
    "systemd-analyze": (252,),
}
CALLED: dict[str, tuple[Command, ...]] = {"docker-compose": (("docker", "compose"), ("docker-compose",))}
"""What has more than one name."""


def find(name: str) -> Command:
    """How a program is run; InstallError where it cannot be had."""
    for command in CALLED.get(name, ((name,),)):
        if shutil.which(command[0]) and _version((*command, PROGRAMS[name])) >= AT_LEAST[name]:
            return command
    return (str(install(BUNDLE, default_prefix(BUNDLE).resolve()) / name),)


def _version(question: Command) -> tuple[int, ...]:
    """What a program says, and nothing where it does not say it."""
    done = subprocess.run(question, capture_output=True, text=True, check=False, timeout=60)
    version = find_version(done.stdout) if done.returncode == 0 else None
    return tuple(map(int, version.split("."))) if version else ()


def _found(name: str) -> Command:
    """Skips the test where it cannot be had, but fails in CI."""
    try:
        return find(name)
    except (InstallError, OSError) as error:
        reason = " ".join(f"no {name} to test with: {error}".split())  # one line
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def promtool() -> Command:
    """Checks Prometheus' configuration, rules, metrics, and runs the tests of rules."""
    return _found("promtool")


@pytest.fixture(scope="session")
def amtool() -> Command:
    """Checks Alertmanager's configuration and says which alert goes where."""
    return _found("amtool")


@pytest.fixture(scope="session")
def docker_compose() -> Command:
    """Docker Compose 2: `config` needs no Docker."""
    return _found("docker-compose")


@pytest.fixture(scope="session")
def systemd_analyze() -> Command:
    """`verify` reads units without a systemd that runs."""
    return _found("systemd-analyze")
