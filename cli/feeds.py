"""`intraday feeds` and `intraday quote`: in what state the feeds are, what they went through, a last price."""

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.desk import open_events, open_feeds
from monitoring.metrics import exposition, feed_counters
from resources.database.feed_event_store import FeedEvent, FeedEventStore
from resources.errors import ConfigError
from resources.feeds.breaker import FeedState
from resources.settings import Settings, load_settings

STYLE = {"up": "green", "probing": "yellow", "down": "red"}
EVENTS_SHOWN = 20


def feeds(console: Console, *, prometheus: bool, reset: str | None) -> int:
    """The command: the state of the feeds and the newest events, or the counters in Prometheus' format."""
    settings = load_settings()
    store = open_events(settings)
    if reset is not None:
        _reset(store, reset, settings, console)
    elif prometheus:
        counted = {(row.feed, row.event): row.count for row in store.counts()}
        console.out(exposition(feed_counters(settings.feeds.roles, counted)), highlight=False, end="")
    else:
        _show_states(store, settings, console)
        _show_events(store, console)
    return 0


def quote(symbols: list[str], console: Console) -> int:
    """The command: the last price of each symbol at Alpha Vantage."""
    settings = load_settings()
    wanted = [symbol.strip().upper() for symbol in symbols] or list(settings.symbols)
    for symbol in wanted:
        if symbol not in settings.symbols:
            raise ConfigError(f"{symbol} is not one of the desk's symbols: {', '.join(settings.symbols)}.")
    vendor = open_feeds(settings, open_events(settings)).alpha_vantage_client()
    for symbol in wanted:
        last = vendor.quote(symbol)
        console.print(f"{last.symbol} {last.price} USD on {last.day}, {last.volume:,} shares", highlight=False)
    return 0


def _reset(store: FeedEventStore, feed: str, settings: Settings, console: Console) -> None:
    if feed not in settings.feeds.roles:
        raise ConfigError(f"There is no feed {feed!r}; allowed: {', '.join(settings.feeds.roles)}.")
    store.keep(FeedEvent(feed, FeedState.UP.value, "set by a person"))
    console.print(f"{feed} is up: the next run asks it again.")


def _show_states(store: FeedEventStore, settings: Settings, console: Console) -> None:
    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for column in ("feed", "asked as", "state", "left alone until (UTC)"):
        table.add_column(column, no_wrap=True)
    standings = store.standings()
    for feed, role in settings.feeds.roles.items():
        standing = standings.get(feed)
        state = standing.state if standing else FeedState.UP.value
        until = f"{standing.until:%Y-%m-%d %H:%M:%S}" if standing and standing.until and state == "down" else ""
        table.add_row(feed, role, f"[{STYLE[state]}]{state}[/]", until)
    console.print(table)


def _show_events(store: FeedEventStore, console: Console) -> None:
    events = store.latest(EVENTS_SHOWN)
    if not events:
        console.print("Nothing happened to them yet.")
        return
    for event in events:
        of = f" {event.symbol} {event.session}" if event.symbol else ""
        what = f"{event.at:%Y-%m-%d %H:%M:%S} UTC  {event.feed} [bold]{event.event}[/]{of}: "
        console.print(what + escape(event.why), highlight=False)
