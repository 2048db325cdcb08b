"""TimescaleDB 2.19 on PostgreSQL 17, from Debian 13's own packages, unpacked into a private folder.

Here: which packages, and what of them runs. How they are got is in deploy/debian_packages.py.
Not here: creating, starting or stopping a database.

`python deploy/timescaledb/install.py [--prefix DIR]` prints the folder of `postgres`, `initdb`, `pg_ctl` and `psql` on
stdout. A complete prefix is found again and costs nothing; one that was moved is made anew, as programs remember where
they lie. Exit status: 0 done, 75 a retry may help, 1 it would not. PostgreSQL's JIT compiler is left out: its LLVM
would double the download.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # a script's own folder is all that Python knows

from deploy.debian_packages import Bundle, Command, InstallError, main, run

POSTGRES = Path("usr/lib/postgresql/17")
CONTROL_FILE = Path("usr/share/postgresql/17/extension/timescaledb.control")


def versions(tree: Path, command: Command) -> dict[str, str]:
    """What was got: PostgreSQL as the program says, TimescaleDB as its control file says."""
    said, control = run([*command, tree / POSTGRES / "bin/postgres", "--version"]), (tree / CONTROL_FILE).read_text()
    postgresql, timescaledb = re.search(r"\b17\.\d+", said), re.search(r"default_version = '(.*)'", control)
    if not postgresql or not timescaledb or not timescaledb[1].startswith("2.19."):
        got = f"{said.strip()} with TimescaleDB {timescaledb[1] if timescaledb else 'unknown'}"
        raise InstallError(f"Wanted PostgreSQL 17 with TimescaleDB 2.19, got {got}.", retry=False)
    return {"postgresql": postgresql[0], "timescaledb": timescaledb[1]}


BUNDLE = Bundle(
    name="timescaledb",
    packages=("postgresql-17", "postgresql-client-17", "postgresql-17-timescaledb"),
    # Wanted by install scripts, wrappers and the JIT compiler, none of which run here, with the perl and LLVM behind.
    not_needed="debconf libaudit-common libllvm19 libsasl2-modules-db locales openssl-provider-legacy "
    "postgresql-client-common postgresql-common readline-common sensible-utils ssl-cert tzdata",
    folder=POSTGRES / "bin",
    programs=(f"{POSTGRES}/bin/*",),
    modules=(f"{POSTGRES}/lib/*.so",),
    left_out=(f"{POSTGRES}/lib/bitcode", f"{POSTGRES}/lib/llvmjit.so"),  # without them it knows that it has no JIT
    versions=versions,
    elsewhere="TimescaleDB's Docker image is the other way",
)

if __name__ == "__main__":
    sys.exit(main(BUNDLE, "Install TimescaleDB on PostgreSQL 17 into a private folder (Debian)."))
