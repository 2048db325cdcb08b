"""The embedded PostgreSQL, asked for by many at once: none is refused, none is forgotten, and it ends with the last."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from resources.database.embedded_users import EmbeddedUsers
from resources.database.server import embedded_server, running_server
from resources.errors import DatabaseUnreachable

ROOT = Path(__file__).parents[1]
AT_ONCE = 8
DEAD = range(5_000_000, 5_000_100)
"""Numbers that no process has: they are above the largest that Linux gives."""
PROCESS = """
import sys
from pathlib import Path
from resources.database.embedded_users import EmbeddedUsers
from resources.database.server import embedded_folder, embedded_server
print("loaded", flush=True)
sys.stdin.readline()
embedded_server(embedded_folder(Path(sys.argv[1])), "intraday")
print("attached", flush=True)
sys.stdin.readline()
"""
THREADS = """
import sys, threading
from concurrent.futures import ThreadPoolExecutor
from resources.dagster_resources import DatabaseResource
resource = DatabaseResource(home=sys.argv[1])
at_once = threading.Barrier(int(sys.argv[2]))
def ask(_):
    at_once.wait()
    return resource.server()
print("loaded", flush=True)
sys.stdin.readline()
with ThreadPoolExecutor(int(sys.argv[2])) as pool:
    assert len(set(pool.map(ask, range(int(sys.argv[2]))))) == 1
print("attached", flush=True)
sys.stdin.readline()
"""


@contextmanager
def asking(home: Path, script: str = PROCESS) -> Iterator["subprocess.Popen[str]"]:
    """A process that opens the home's database when it is told to, and holds it until it is told again."""
    words = [sys.executable, "-c", script, str(home), str(AT_ONCE)]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.communicate(timeout=60)  # its input ends, and so does it


def tell(process: "subprocess.Popen[str]") -> None:
    assert process.stdin
    process.stdin.write("\n")
    process.stdin.flush()


def heard(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def listed(home: Path) -> list[int]:
    found: list[int] = json.loads((home / "postgres" / ".handle_pids.json").read_text())
    return found


def test_threads_and_processes_may_ask_for_it_at_once(tmp_path):
    with asking(tmp_path, THREADS) as first:
        assert heard(first) == "loaded"
        tell(first)
        assert heard(first) == "attached"
        assert listed(tmp_path) == [first.pid]

        (tmp_path / "postgres" / ".handle_pids.json").write_text(json.dumps([first.pid, *DEAD]))
        with ExitStack() as stack:
            others = [stack.enter_context(asking(tmp_path)) for _ in range(AT_ONCE)]
            assert [heard(other) for other in others] == ["loaded"] * AT_ONCE
            for other in others:
                tell(other)
            assert [heard(other) for other in others] == ["attached"] * AT_ONCE
            assert sorted(listed(tmp_path)) == sorted([first.pid, *(other.pid for other in others)])
        assert listed(tmp_path) == [first.pid]
        assert running_server(tmp_path / "postgres", "intraday").embedded
    with pytest.raises(DatabaseUnreachable, match="does not run"):
        running_server(tmp_path / "postgres", "intraday")


@pytest.mark.parametrize("torn", ["", "[12, 345]45]", "[12, 3", '{"a": 1}', "12", "[[1]]", "[null]", "\0\0\0\0"])
def test_a_list_that_was_torn_is_begun_anew(tmp_path, torn):
    path = tmp_path / "users.json"
    path.write_text(torn)
    users = EmbeddedUsers(path)
    assert users.get_and_add(os.getpid()) == []
    assert users.get_and_add(os.getppid()) == [os.getpid()]
    assert users.get_and_remove(os.getpid()) == sorted([os.getpid(), os.getppid()])
    assert json.loads(path.read_text()) == [os.getppid()]


def test_a_server_whose_list_was_torn_can_be_asked_for(embedded_url):
    folder = Path(embedded_url.split("host=")[1].split("&")[0])
    (folder / ".handle_pids.json").write_text(f"[{os.getpid()}]23]")
    assert embedded_server(folder, "intraday").embedded
    assert os.getpid() in json.loads((folder / ".handle_pids.json").read_text())
