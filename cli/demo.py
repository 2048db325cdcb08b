"""`intraday demo`: the main job on recorded bars, with nothing but this checkout."""

from rich.console import Console

from cli.desk import DEMO_FIRST, DEMO_LAST, demonstration
from cli.run import run_sessions, say_changes, sessions_asked_for, show_sessions
from resources.settings import load_settings
from schemas.errors import IntradayError

NEXT = """
[bold]What next[/]
  [cyan]make dev[/]       opens the Dagster UI on these sessions
  [cyan]TimescaleDB[/]    put TIMESCALEDB_URL=postgresql://user:password@host/name into .env
  [cyan]real bars[/]      put ALPHA_VANTAGE_API_KEY=your-key into .env, then run
                 .venv/bin/intraday run 2024-01-02 2024-01-31
"""


def demo(console: Console) -> int:
    """The command: 0 although sessions are blocked, because two are spoiled on purpose."""
    console.print("Recorded NVDA and MSFT minutes of 2020, replayed by an Alpha Vantage stand-in on this machine.")
    with demonstration() as simulator:
        settings = load_settings()
        console.print(f"Stand-in at {simulator.url}; data under {settings.home}; starting the embedded PostgreSQL.")
        result = run_sessions(sessions_asked_for(DEMO_FIRST, DEMO_LAST, settings), settings, console)
        if result.broke:
            raise IntradayError(result.broke)
        show_sessions(result, settings, console)
        say_changes(result, console)
        console.print("Spoiled on purpose, to show the gate at work:")
        for fault in simulator.faults:
            console.print(f"  {fault.describe()}")
    console.print(NEXT, highlight=False)
    return 0
