"""`intraday demo`: the main job on recorded bars, with nothing but this checkout."""

from collections.abc import Sequence

from rich.console import Console

from cli.desk import DEMO_FAULTS, DEMO_FIRST, DEMO_LAST, SPOILED, demonstration
from cli.run import RUN_ENDED_EARLY, run_and_show
from resources.settings import load_settings

NEXT = """
[bold]What next[/]
  [cyan]make dev[/]       opens the Dagster UI on these sessions
  [cyan]TimescaleDB[/]    TIMESCALEDB_URL=postgresql://user:password@host/name in .env
  [cyan]real bars[/]      ALPHA_VANTAGE_API_KEY=your-key in .env, then
                 .venv/bin/intraday run 2024-01-02 2024-01-31
"""


def demo(console: Console, faults: Sequence[str] = DEMO_FAULTS) -> int:
    """The command: 0 when exactly the sessions that are spoiled on purpose were blocked."""
    console.print("Recorded NVDA and MSFT minutes of 2020, replayed by an Alpha Vantage stand-in.")
    with demonstration(faults) as simulator:
        settings = load_settings()
        console.print(f"Stand-in at {simulator.url}, starting the embedded PostgreSQL, data under")
        console.print(f"{settings.home}")
        result = run_and_show(settings, DEMO_FIRST, DEMO_LAST, console)
        if result.broke or set(result.did_not_pass) != SPOILED:
            console.print(
                f"This is not what the demonstration should show: only {', '.join(sorted(SPOILED))} are spoiled."
            )
            return RUN_ENDED_EARLY
        console.print("Spoiled on purpose, to show the gate at work:")
        for fault in simulator.faults:
            console.print(f"  {fault.describe()}")
    console.print(NEXT, highlight=False)
    return 0
