"""`intraday monitor` and `intraday status`: what the commands do. What they tell is made in `monitoring`."""

from contextlib import closing

from rich.console import Console

from cli.made import hold_made
from monitoring.app import monitoring_app
from monitoring.health import health
from monitoring.sampling import Sampler
from monitoring.serving import MonitoringServer, address_of, hold_host, is_loopback, listening
from monitoring.text import status_text
from resources.clock import utc_now
from resources.database.server import EMBEDDED, attached_server, named_server
from resources.settings import Settings, load_settings
from schemas.monitoring import Level


def monitor(console: Console, host: str | None, port: int | None) -> int:
    """The command: look and answer until it is interrupted, which is how it is meant to end."""
    settings = load_settings()
    where = settings.monitoring.host if host is None else host
    hold_host(where, settings.monitoring)
    with closing(listening(where, settings.monitoring.port if port is None else port)) as listener:
        sampler = _sampler(settings)
        url = f"{address_of(listener)}/monitoring/"

        def ready() -> None:
            console.print(f"Monitoring at {url} (Ctrl-C ends it)", highlight=False, soft_wrap=True)

        sampler.start()
        try:
            app = monitoring_app(sampler, for_others=not is_loopback(where))
            MonitoringServer(app, ready).run([listener])
        except KeyboardInterrupt:
            pass
        finally:
            sampler.stop()
    return 0


def status(console: Console, *, as_json: bool) -> int:
    """The command: what a monitor would tell now: 1 where somebody must act."""
    settings = load_settings()
    sample, now = _sampler(settings).take(), utc_now()
    found = health(sample, now)
    text = f"{found.model_dump_json(indent=2)}\n" if as_json else status_text(sample, now)
    console.out(text, highlight=False, end="")
    return int(found.status is Level.UNHEALTHY)


def _sampler(settings: Settings) -> Sampler:
    """Looks at the desk's database, and neither makes nor starts one."""
    hold_made(settings.home)
    named = named_server()
    return Sampler(settings, lambda: attached_server(settings.home), EMBEDDED if named is None else named.shown)
