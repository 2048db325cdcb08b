"""promtool, amtool, Docker Compose and systemd-analyze, from Debian 13's own packages, unpacked into a private folder.

Here: which packages, and what of them runs. How they are got is in deploy/debian_packages.py.
Not here: running them; Prometheus and Alertmanager themselves, which look for their pages and texts in the system.

`python deploy/programs/install.py [--prefix DIR]` prints the folder of `promtool`, `amtool`, `docker-compose` and
`systemd-analyze` on stdout. A complete prefix is found again and costs nothing. Exit status: 0 done, 75 a retry may
help, 1 it would not.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # a script's own folder is all that Python knows

from deploy.debian_packages import Bundle, Command, InstallError, main, run

FOLDER = Path("usr/bin")
PROGRAMS = {  # and how each is asked for its version
    "promtool": "--version",
    "amtool": "--version",
    "docker-compose": "version",
    "systemd-analyze": "--version",
}


def find_version(said: str) -> str | None:
    """The version in what a program says of itself, `2.53.3` or `257`."""
    number = re.search(r"\bv?(\d+(?:\.\d+)+|(?<=systemd )\d+)", said)
    return number[1] if number else None


def versions(tree: Path, command: Command) -> dict[str, str]:
    """What was got, as the programs say."""
    got = {}
    for name, argument in PROGRAMS.items():
        said = run([*command, tree / FOLDER / name, argument])
        version = find_version(said)
        if version is None:
            raise InstallError(f"{name} does not say its version but {said.strip()!r}.", retry=False)
        got[name] = version
    return got


BUNDLE = Bundle(
    name="programs",
    packages=("promtool", "prometheus-alertmanager", "docker-compose", "systemd"),
    # Wanted by install scripts, by a server of Alertmanager's, and by a systemd that runs a machine.
    not_needed="adduser debconf init-system-helpers libaudit-common mount openssl-provider-legacy tzdata",
    folder=FOLDER,
    programs=(*(f"{FOLDER}/{name}" for name in PROGRAMS), "usr/libexec/docker/cli-plugins/docker-compose"),
    modules=("usr/lib/*/systemd/libsystemd-*.so",),
    elsewhere="install them as your system does",
    versions=versions,
)

if __name__ == "__main__":
    sys.exit(main(BUNDLE, "Install what tests and watches a deployment into a private folder (Debian)."))
