"""Failures of the outside world, as one tree. Each says what happened, to what, and whether a retry would help.

```
IntradayError (schemas.errors)
├── ConfigError               a key or value in config/ or the environment
├── FeedError                 a feed did not give bars
│   ├── Throttled             too many requests just now         retry helps
│   ├── Outage                no answer, or a server's error      retry helps
│   ├── Malformed             an answer nobody can read           retry helps
│   ├── DailyLimitSpent       no requests left today
│   ├── KeyRefused            no key, or not a valid one
│   ├── PlanRefused           the key's plan lacks this
│   ├── RequestRefused        unknown symbol, month or interval
│   ├── NoBars                an answer without bars of that session
│   └── TooEarly              the feed cannot have all of it yet     retry helps, later
├── NotLanded                 a table that no run has made yet
├── DatabaseError             the database
│   ├── DatabaseUnreachable   no connection                       retry helps
│   ├── DatabaseBusy          a lock, a deadlock, a time limit     retry helps
│   ├── MigrationError        a schema that this code cannot use
│   ├── Blocked               the gate keeps the session out
│   └── OtherBarSize          one database holds bars of one length
└── FingerprintMismatch       a table that is not the one the gate judged
```
"""

from typing import ClassVar

from schemas.errors import IntradayError


def first_line(error: BaseException) -> str:
    """What a library's exception says, without the lines of detail behind it; its kind if it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


class ConfigError(IntradayError):
    """A key or value in `config/` or the environment: names the key, where it stands and what is allowed."""


class FeedError(IntradayError):
    """A feed did not give bars."""


class Throttled(FeedError):
    """The feed wants fewer requests just now."""

    retry_helps: ClassVar[bool] = True


class Outage(FeedError):
    """The feed did not answer, or answered with a server's error."""

    retry_helps: ClassVar[bool] = True


class Malformed(FeedError):
    """The feed answered with something that is not bars and not a known refusal."""

    retry_helps: ClassVar[bool] = True


class DailyLimitSpent(FeedError):
    """The key has no requests left today."""


class KeyRefused(FeedError):
    """There is no key, or the feed does not know it."""


class PlanRefused(FeedError):
    """The key's plan does not include what was asked for."""


class RequestRefused(FeedError):
    """The feed does not know the symbol, the month or the interval."""


class NoBars(FeedError):
    """The feed answered, and has no bars of that session."""


class TooEarly(FeedError):
    """The session has not closed, or the feed has not completed it yet."""

    retry_helps: ClassVar[bool] = True


class NotLanded(IntradayError):
    """No run has made that table yet."""


class DatabaseError(IntradayError):
    """The database refused or failed."""


class DatabaseUnreachable(DatabaseError):
    """No connection to the database."""

    retry_helps: ClassVar[bool] = True


class DatabaseBusy(DatabaseError):
    """The statement met a lock, a deadlock or a time limit."""

    retry_helps: ClassVar[bool] = True


class MigrationError(DatabaseError):
    """The schema in the database is not one that this code can use."""


class Blocked(DatabaseError):
    """The gate blocks the session: nothing of it is stored."""


class OtherBarSize(DatabaseError):
    """The database holds bars of another length."""


class FingerprintMismatch(IntradayError):
    """A loader was handed a table other than the one that the gate judged."""
