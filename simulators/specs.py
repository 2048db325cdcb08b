"""How any stand-in's fault is said on a command line: its name, a colon, and what its form asks for.

What belongs here: reading one by a stand-in's table of kinds. What does not: the tables (`faults`, `tws.faults`), what
a fault does.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

Made = TypeVar("Made")
Kind = tuple[str, str, Callable[[re.Match[str]], Made]]
"""The form shown to people, what the text after the name must look like, what it makes."""


def forms_of(kinds: Iterable[Kind[Made]]) -> tuple[str, ...]:
    """The allowed forms."""
    return tuple(form for form, _, _ in kinds)


def parse_spec(spec: str, kinds: Mapping[str, Kind[Made]]) -> Made:
    """The fault that a command-line spec names.

    Raises ValueError naming the spec, what is wrong with it and the allowed forms.
    """
    name, _, rest = spec.partition(":")
    try:
        if name not in kinds:
            raise ValueError(f"there is no fault {name!r}")
        form, pattern, make = kinds[name]
        match = re.fullmatch(pattern, rest, flags=re.ASCII)
        if match is None:
            raise ValueError(f"it does not have the form {form}")
        return make(match)
    except ValueError as error:
        allowed = ", ".join(forms_of(kinds.values()))
        raise ValueError(f"bad fault {spec!r}: {error}. Allowed forms: {allowed}") from None
