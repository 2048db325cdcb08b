"""A fault plan: a small YAML file that says what is wrong with which vendor.

```yaml
alpha_vantage:
  - answer:burst_free_1rps:2
  - drop:NVDA:2020-11-24:10:00-10:44
yahoo:
  - status:500:1
tws:
  - ambiguous_submit:1
```

What belongs here: reading such a file and saying what is wrong in it. What does not: the forms of faults (`faults`,
`tws.faults`), and whether a vendor has the bar that a fault names, which its stand-in says.
"""

from collections.abc import Callable
from pathlib import Path

import yaml

from simulators.faults import Fault, parse_faults
from simulators.recordings import error_bodies, yahoo_error_bodies
from simulators.tws import faults as tws

Plan = dict[str, tuple[Fault | tws.Fault, ...]]

_PARSERS: dict[str, Callable[[str], Fault | tws.Fault]] = {
    "alpha_vantage": lambda entry: parse_faults([entry], error_bodies())[0],
    "yahoo": lambda entry: parse_faults([entry], yahoo_error_bodies())[0],
    "tws": tws.parse_fault,
}


def read_plan(path: Path) -> Plan:
    """The faults of each vendor, in the order of the file; a vendor that is not named has none.

    Raises ValueError that names the file, the vendor, the entry and what is allowed, also where there is no such file.
    """
    try:
        plan = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"the fault plan {path} cannot be read: {error.strerror or error}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"the fault plan {path} is not YAML: {reason}") from None
    if plan is None:
        plan = {}
    if not isinstance(plan, dict):
        raise ValueError(f"the fault plan {path} must be a mapping from a vendor to its faults; {_allowed()}")
    for vendor in plan:
        if vendor not in _PARSERS:
            raise ValueError(f"the fault plan {path} names the vendor {vendor!r}; {_allowed()}")
    return {vendor: _faults(path, vendor, plan.get(vendor)) for vendor in _PARSERS}


def _allowed() -> str:
    *others, last = _PARSERS
    return f"allowed are {', '.join(others)} and {last}"


def _faults(path: Path, vendor: str, entries: object) -> tuple[Fault | tws.Fault, ...]:
    if entries is None:
        return ()
    if not isinstance(entries, list):
        raise ValueError(f"the fault plan {path} must have a list of faults under {vendor}, one in a line after a dash")
    faults: list[Fault | tws.Fault] = []
    for number, entry in enumerate(entries, start=1):
        if not isinstance(entry, str):
            raise ValueError(
                f"the fault plan {path}, {vendor}, entry {number}: {entry!r} is not text such as status:500:1"
            )
        try:
            faults.append(_PARSERS[vendor](entry))
        except ValueError as error:
            raise ValueError(f"the fault plan {path}, {vendor}, entry {number}: {error}") from None
    return tuple(faults)
