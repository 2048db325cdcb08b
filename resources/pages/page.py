"""From a template and what it is to say to HTML: the one environment of all pages.

Every page is one file: no other is loaded, its style is allowed by its digest, and its script where it has one.
"""

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Final

import jinja2

from market.telling import new_york, time_of
from schemas.words import counted

TEMPLATES: Final = Path(__file__).parent

MARKS: Final = {
    "pass": "\N{CHECK MARK}",
    "warn": "!",
    "fail": "\N{MULTIPLICATION SIGN}",
    "error": "?",
    "idle": "\N{EN DASH}",
}
"""What tells states apart beside their colours: the verdicts, and what nobody is asked about now."""


def rendered(template: str, **said: object) -> str:
    """The page.

    Args:
        template: a file of this folder that extends `base.html`.
        said: what it knows; all that it asks for, or rendering fails.

    """
    return _environment().get_template(template).render(said)


def number(value: float | None) -> str:
    """A number for a person: whole ones as they are, others with four digits."""
    if value is None:
        return "\N{EN DASH}"
    return f"{value:,.0f}" if abs(value) < float("inf") and value == round(value) else f"{value:.4g}"


def digest(text: str) -> str:
    """A style or a script, as a Content-Security-Policy names it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,  # what vendors and people wrote never becomes markup
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "new_york": new_york, "stretch": time_of, "counted": counted}
    environment.filters["digest"] = digest
    environment.globals["marks"] = MARKS
    return environment
