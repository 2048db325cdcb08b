"""`intraday dev`: the Dagster UI and its daemon over workspace.yaml, on this desk's data."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from rich.console import Console

from cli.desk import demonstration
from cli.instance import open_instance
from resources.errors import ConfigError
from resources.feeds.alpha_vantage_answers import KEY_VARIABLE
from resources.paths import FILES
from resources.settings import load_settings

STOP_SECONDS = 20


def dev(console: Console, port: int) -> int:
    """The command: where the key of the primary feed is missing it opens the demonstration's desk.

    Ends with Ctrl-C or SIGTERM.
    """
    if os.environ.get(KEY_VARIABLE) or load_settings().feeds.primary != "alpha_vantage":
        return _serve(console, port)
    console.print(f"No {KEY_VARIABLE}: this is the demonstration's desk, with recorded bars from a stand-in.")
    with demonstration():
        return _serve(console, port)


def _serve(console: Console, port: int) -> int:
    _refuse_taken(port)
    open_instance(load_settings())
    console.print(f"Dagster UI: http://127.0.0.1:{port} (Ctrl-C ends it)")
    command = [str(Path(sys.executable).with_name("dagster")), "dev", "-w", "workspace.yaml"]
    with _supervised([*command, "-h", "127.0.0.1", "-p", str(port)]) as process:
        process.wait()
    return max(process.returncode, 0)  # ended by a signal is how it is meant to end


def _refuse_taken(port: int) -> None:
    """Dagster would go on without its UI."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ConfigError(f"Port {port} cannot be used ({error.strerror}): name another one with --port.") from None


@contextmanager
def _supervised(command: list[str]) -> Iterator["subprocess.Popen[bytes]"]:
    """Dagster in a process group of its own, ended from here: started by a script, it ignores SIGINT."""
    process = subprocess.Popen(command, cwd=FILES, start_new_session=True)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {how: signal.signal(how, stop) for how in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield process
    except KeyboardInterrupt:
        pass
    finally:
        for how, handler in before.items():
            signal.signal(how, handler)
        _end_group(process)


def _end_group(process: "subprocess.Popen[bytes]") -> None:
    for how in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, how)
            process.wait(timeout=STOP_SECONDS)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
