"""Failures of the outside world, as one tree. Each says what happened, to what, and whether a retry would help.

```
IntradayError (schemas.errors)
├── ConfigError               a key or value in config/ or the environment
├── FeedError                 a feed did not give bars
│   ├── Throttled             too many requests just now         retry helps
│   ├── Outage                no answer, or a server's error      retry helps
│   │   └── MayNotRead        a file or a folder that this user may not read
│   ├── MalformedPayload      an answer nobody can read           retry helps
│   ├── NotAsked              for the limit's sake                 retry helps, later
│   │   └── FeedPaused        it failed again and again
│   ├── DailyLimitSpent       no requests left today
│   ├── NoBars                an answer without bars of that session
│   ├── BarsFailedGate        bars that the gate would block
│   ├── OutOfReach            older than what the feed keeps
│   ├── FileNotUnderstood     a file that is not bars, named with line and column
│   ├── TooEarly              the feed cannot have all of it yet     retry helps, later
│   ├── NoFeedAnswered        neither the primary nor the fallback    retry helps where it would help one of them
│   └── FeedRefused           a person has to do something: no other feed is asked
│       ├── KeyRefused        no key, or not a valid one
│       ├── PlanRefused       the key's plan lacks this
│       └── RequestRefused    unknown symbol, month or interval
├── RequestNotUnderstood      bars asked for in a way that makes no sense
├── ExtraMissing              a library that only some need is not installed
├── NotLanded                 a table or a report that no run has made yet
├── LandingFailed             a file that the landing zone did not take
├── NotWritten                a file that could not be written where a person wants it
├── ReportUnreadable          a landed report that is not one of this code's
├── NotAcceptable             a session that no person can let pass, or not like this
├── AlertNotSent              a channel did not take a message       retry helps
├── DatabaseError             the database
│   ├── DatabaseUnreachable   no connection                       retry helps
│   ├── DatabaseBusy          a lock, a deadlock, a time limit     retry helps
│   ├── DatabaseFull          no room left on the server's disk
│   ├── MigrationError        a schema that this code cannot use
│   ├── BackupFailed          a backup that was not written or not restored
│   ├── BackupUnsound         a file that is not what was backed up
│   ├── NotEmpty              nothing is restored over what is there
│   ├── ToolMissing           no pg_dump or pg_restore that fits the server
│   ├── Blocked               the gate keeps the session out
│   ├── SessionFinal          the gate has judged it: live bars come too late
│   ├── NotAlone              another live process works on the database
│   ├── OtherBarSize          one database holds bars of one length
│   ├── UnknownSymbol         a symbol of which the database holds no bar
│   └── NothingToObserve      no stored minute of the two symbols that may be served
├── BrokerError               a broker
│   ├── BrokerUnreachable     no answer, nothing was sent          retry helps
│   ├── SubmitUnclear         whether an order arrived is not known
│   └── BrokerRefused         a person has to mend something
│       └── NotPaper          a port or an account of real money
├── OrderRefused              an order that a limit of ours stops
├── UnknownOrder              no order of that id
├── FingerprintMismatch       a table that is not the one the gate judged
├── NotJudged                 a session of which no judgement is kept
└── OtherJudgement            a report that is not the newest judgement
```
"""

from schemas.errors import ContractBroken, IntradayError, LabelSideUnclear


def first_line(error: BaseException) -> str:
    """What a library's exception says, without the lines of detail behind it; its kind if it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


class ConfigError(IntradayError):
    """A key or value in `config/` or the environment: names the key, where it stands and what is allowed."""


class FeedError(IntradayError):
    """A feed did not give bars.

    Args:
        message: what happened, to what.
        pause_seconds: how long the feed wants to be left alone, where it said so.

    """

    def __init__(self, message: str, *, pause_seconds: float | None = None) -> None:
        super().__init__(message)
        self.pause_seconds = pause_seconds


class Throttled(FeedError):
    """The feed wants fewer requests just now."""

    retry_helps: bool = True


class Outage(FeedError):
    """The feed did not answer, or answered with a server's error."""

    retry_helps: bool = True


class MayNotRead(Outage):
    """A file or a folder that is there, and that this user may not read: a person has to allow it."""

    retry_helps: bool = False


class MalformedPayload(FeedError):
    """The feed answered with something that is not bars and not a known refusal."""

    retry_helps: bool = True


class NotAsked(FeedError):
    """The feed was not asked: its limit is spent, or it wanted to be left alone."""

    retry_helps: bool = True


class FeedPaused(NotAsked):
    """The feed was not asked, because it failed again and again a moment ago."""


class DailyLimitSpent(FeedError):
    """The key has no requests left today."""


class NoBars(FeedError):
    """The feed answered, and has no bars of that session."""


class BarsFailedGate(FeedError):
    """The feed gave bars that the gate would block."""


class OutOfReach(FeedError):
    """The session is older than what the feed keeps; it was not asked."""


class FileNotUnderstood(FeedError):
    """A file that cannot be read as bars: names the file, the line and the column."""


class TooEarly(FeedError):
    """The session has not closed, or the feed has not completed it yet."""

    retry_helps: bool = True


class NoFeedAnswered(FeedError):
    """Neither feed gave bars: names the reasons of both.

    Args:
        message: both reasons.
        primary: the primary feed's.
        fallback: the fallback feed's.

    """

    def __init__(self, message: str, primary: IntradayError, fallback: IntradayError) -> None:
        super().__init__(message)
        self.primary = primary
        self.retry_helps = primary.retry_helps or fallback.retry_helps


class FeedRefused(FeedError):
    """The request is at fault: a person has to mend it, and another feed would only hide that."""


class KeyRefused(FeedRefused):
    """There is no key, or the feed does not know it."""


class PlanRefused(FeedRefused):
    """The key's plan does not include what was asked for."""


class RequestRefused(FeedRefused):
    """The feed does not know the symbol, the month or the interval."""


class RequestNotUnderstood(IntradayError):
    """Bars were asked for in a way that makes no sense: names what was given and what is allowed."""


class ExtraMissing(IntradayError):
    """A library is not installed that only some need: names the extra to install."""


class NotLanded(IntradayError):
    """No run has made that table or report yet."""


class LandingFailed(IntradayError):
    """The landing zone did not take a file: its disk is full, or may not be written to. A person has to look."""


class NotWritten(IntradayError):
    """A file could not be written where a person wants it: no room, no right. There is none, or the old one."""


class ReportUnreadable(IntradayError):
    """A landed report that this code did not write: cut, altered, or of another version."""


class NotAcceptable(IntradayError):
    """A session that no person can let pass, or not like this."""


class AlertNotSent(IntradayError):
    """A webhook or a mail server did not take a message; it is kept, and sent again."""

    retry_helps: bool = True


class DatabaseError(IntradayError):
    """The database refused or failed."""


class DatabaseUnreachable(DatabaseError):
    """No connection to the database."""

    retry_helps: bool = True


class DatabaseBusy(DatabaseError):
    """The statement met a lock, a deadlock or a time limit."""

    retry_helps: bool = True


class DatabaseFull(DatabaseError):
    """The server's disk has no room left; a person has to make some."""


class MigrationError(DatabaseError):
    """The schema in the database is not one that this code can use."""


class BackupFailed(DatabaseError):
    """A backup was not written, or not restored: PostgreSQL's programs say why."""


class BackupUnsound(DatabaseError):
    """A file that is no backup of ours, or not what was backed up: cut short, altered, damaged."""


class NotEmpty(DatabaseError):
    """Nothing is restored into a database that holds something."""


class ToolMissing(DatabaseError):
    """None of PostgreSQL's programs on this machine fits the server."""


class Blocked(DatabaseError):
    """The gate blocks the session: nothing of it is stored."""


class SessionFinal(DatabaseError):
    """The gate has judged the session: what is stored of it is the batch run's, and live bars come too late."""


class NotAlone(DatabaseError):
    """Another live process takes in bars on this database; there is one at a time."""


class OtherBarSize(DatabaseError):
    """The database holds bars of another length."""


NO_BETTER_ALONE = (DatabaseUnreachable, DatabaseFull, OtherBarSize)
"""What keeps one session out of the database keeps out the others."""


class UnknownSymbol(DatabaseError):
    """A symbol of which the database holds no bar: names those of which it holds some."""


class NothingToObserve(DatabaseError):
    """No minute of the two symbols is stored that the gate has let pass or live has published."""


class BrokerError(IntradayError):
    """A broker did not do what was asked."""


class BrokerUnreachable(BrokerError):
    """The broker did not answer; what was to be sent was not."""

    retry_helps: bool = True


class SubmitUnclear(BrokerError):
    """An order was handed over and the connection broke: the broker has to be asked, and is never sent it again."""


class BrokerRefused(BrokerError):
    """The broker refuses the connection or a request, and will until a person has mended something."""


class NotPaper(BrokerRefused):
    """A port or an account of real money, which nothing here trades unless two switches say so."""


class OrderRefused(IntradayError):
    """A limit of ours stops an order before any broker hears of it: names the limit, the value and the bound."""


class UnknownOrder(IntradayError):
    """There is no order of that id."""


class FingerprintMismatch(IntradayError):
    """A loader was handed a table other than the one that the gate judged."""


class NotJudged(IntradayError):
    """A loader was handed a report of a session of which no judgement is kept."""


class OtherJudgement(IntradayError):
    """A loader was handed a report that is not the newest judgement that is kept: an older or an edited one."""


UNUSABLE = (FeedError, LabelSideUnclear, ContractBroken)
"""Why a feed's bars of one session cannot be had or read; another feed, or another session of it, may be sound."""
