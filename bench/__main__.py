"""Every benchmark after the other, each in its own process: `python -m bench`, or `python -m bench.<name>`."""

import subprocess
import sys

MODULES = (
    "loading",
    "reading",
    "features",
    "parsing",
    "gate",
    "end_to_end",
    "backfill",
    "ledger",
    "live",
    "positions",
    "observations",
    "monitoring",
)

if __name__ == "__main__":
    sys.exit(max(subprocess.run([sys.executable, "-m", f"bench.{name}"], check=False).returncode for name in MODULES))
