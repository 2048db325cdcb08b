"""Where the monitor listens, and how it ends. What it answers is `monitoring.app`'s matter."""

import ipaddress
import socket
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

from resources.errors import ConfigError
from resources.settings_sections import MonitoringSettings

ENDING_SECONDS = 3
"""An answer that is on its way when the process is to end has so long."""


def hold_host(host: str, settings: MonitoringSettings) -> None:
    """Refuse to listen where other machines reach it, unless the configuration says so: nothing asks for a password.

    Raises:
        ConfigError: saying what to configure.

    """
    if host != settings.host and not is_loopback(host):
        raise ConfigError(
            f"--host {host} is not this machine's loopback, and whoever reaches it sees positions: allowed: 127.0.0.1,"
            f" ::1 and monitoring.host, which is {settings.host} (INTRADAY_MONITORING__HOST)."
        )


def is_loopback(host: str) -> bool:
    """Whether a name or an address is this machine's own."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listening(host: str, port: int) -> socket.socket:
    """A socket there; connections wait in it until they are served.

    Raises:
        ConfigError: the port is taken, or the address is none of this machine's.

    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, reuse_port=False)
    except OSError as error:
        raise ConfigError(
            f"Port {port} on {host} cannot be had ({error.strerror or error}): give another to --port "
            "(INTRADAY_MONITORING__PORT), or 0 for any free one."
        ) from None


def address_of(listener: socket.socket) -> str:
    """The address as a browser has it."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class MonitoringServer(uvicorn.Server):
    """uvicorn, which says once when it is ready. SIGINT and SIGTERM end it.

    Args:
        app: what answers.
        ready: is called when the first request can be answered.

    """

    def __init__(self, app: ASGIApp, ready: Callable[[], None]) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            ws="none",
            proxy_headers=False,
            timeout_graceful_shutdown=ENDING_SECONDS,
        )
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As of any server."""
        await super().startup(sockets)
        self._ready()
