"""The asset graph: every selected session passes through the selected stages, the sessions of a month together.

One step makes all assets of a session. Were each asset a step, Dagster would record it for every session of a range or
skip everything behind it for all of them. Here a bad session stops only itself, and each asset is recorded for just the
sessions that have it. A run that could not store every session it was asked for fails at its end and names them.

Sessions are made one after the other, because what the gate says of one decides what the next is compared with and
warmed by. Then those of a month are stored together: a transaction costs more than a session's rows.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby
from typing import NamedTuple

import dagster as dg
from pydantic import Field

from intraday_assets.assets import bars, eod_summaries, frames, hypertables, quality_reports, reconciliation
from intraday_assets.failures import failure
from intraday_assets.work import Check, Made, RunDesk, SessionWork
from market.sessions import session
from resources.dagster_resources import DatabaseResource, FeedsResource, GateResource, LandingResource
from resources.end_of_day import DayEnds
from resources.errors import NO_BETTER_ALONE
from resources.market_time import hold_over, utc_now
from resources.settings import Settings
from schemas.errors import ContractBroken, IntradayError
from schemas.words import counted

log = logging.getLogger("intraday.sessions")

BROKE = "ended before every session was seen"
"""Metadata of a run's failure when it is not about single sessions."""

DID_NOT_PASS = "why each did not pass"
TAGGED = 20
"""How many sessions a run's tag names."""

Event = dg.AssetMaterialization | dg.AssetCheckEvaluation


@dataclass(frozen=True)
class Stage:
    """Some assets that are made together, and the assets without which they cannot be."""

    assets: tuple[str, ...]
    needs: frozenset[str]
    make: Callable[[Sequence[SessionWork], frozenset[str]], Iterable[Made]]
    """Makes them of some sessions, of all or of none, as part of the selected assets."""
    waits_its_turn: bool = False
    """Whether one run at a time makes it and what follows: another's report would make this one's an older one."""


ONE_BY_ONE = (
    Stage(("bars",), frozenset(), lambda works, _: bars.make(works[0])),
    Stage(("frames",), frozenset({"bars"}), lambda works, _: frames.make(works[0])),
    Stage(("quality_reports",), frozenset(), lambda works, selected: quality_reports.judge(works[0], selected), True),
)
TOGETHER = (
    Stage(("quality_reports",), frozenset({"quality_reports"}), lambda works, _: quality_reports.make(works)),
    Stage(("market_data", "dual_ticker_bars"), frozenset({"quality_reports"}), hypertables.make),
    Stage(("eod_summaries",), frozenset({"quality_reports"}), lambda works, _: eod_summaries.make(works)),
)
SPECS = [
    bars.SPEC,
    frames.SPEC,
    quality_reports.SPEC,
    hypertables.MARKET_DATA,
    hypertables.DUAL_TICKER_BARS,
    eod_summaries.SPEC,
]
CHECKS = [
    bars.CONTRACT,
    frames.CONTRACT,
    *quality_reports.CHECKS,
    eod_summaries.CONTRACT,
    eod_summaries.END_OF_DAY,
    reconciliation.RECONCILED,
]
CONTRACTS = frozenset(check.asset_key.to_user_string() for check in CHECKS if check.name == "contract")


class BadSession(NamedTuple):
    """What a run remembers of a session that did not pass."""

    why: str
    retry_helps: bool


@dataclass
class Seen:
    """What a run remembers of all its sessions."""

    bad: dict[str, BadSession] = field(default_factory=dict)
    not_primary: list[str] = field(default_factory=list)
    """Those with bars of another feed."""
    accepted: list[str] = field(default_factory=list)
    """Those that passed on a person's word."""

    def note(self, work: SessionWork) -> None:
        """Remember what is to be said of a session at the end."""
        key = work.session.key
        if work.outcome is not None:
            self.bad[key] = BadSession(work.outcome, work.retry_helps)
        if work.not_primary:
            self.not_primary.append(key)
        if work.accepted:
            self.accepted.append(key)


class RunConfig(dg.Config):
    """What a person may ask of a run in the launchpad."""

    refresh: bool = Field(default=False, description="Ask the vendors again, also for what is landed.")
    overviews: bool = Field(default=True, description="Draw the pictures of many sessions with the last one.")


def session_assets(settings: Settings, partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """The assets of the graph, one partition per session."""

    @dg.multi_asset(
        name="sessions",
        specs=SPECS,
        check_specs=CHECKS,
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        can_subset=True,
    )
    def sessions(
        context: dg.AssetExecutionContext,
        config: RunConfig,
        landing: LandingResource,
        feeds: FeedsResource,
        gate: GateResource,
        database: DatabaseResource,
    ) -> Iterator[Event]:
        selected = frozenset(key.to_user_string() for key in context.selected_asset_keys)
        seen = Seen()
        asked = [session(key) for key in context.partition_keys]
        try:
            hold_over(asked, utc_now())  # before anything is judged: live would take that for the session's end
            zone, server, rules = landing.zone(), database.server(), gate.gate()
            feed = feeds.feeds(zone, server).failover(rules, refresh=config.refresh)
            ends = DayEnds(settings, lambda: server)
            desk = RunDesk(settings.symbols, settings.bar_size, rules, zone, server, feed, ends)
            last = asked[-1] if config.overviews else None
            for _, month in groupby(asked, key=lambda one: one.month):
                works = [SessionWork(desk, one, draws_overviews=one == last) for one in month]
                yield from make_sessions(works, selected)
                for work in works:
                    seen.note(work)
                _log_outcomes(context, works)
            if "eod_summaries" in selected:
                check = reconciliation.reconcile(settings, server)
                yield _evaluation("eod_summaries", check, asked[-1].key)
        except IntradayError as error:
            raise failure(error.sentence(), {BROKE: True}, retry_helps=error.retry_helps) from error
        for name, keys in (("intraday/not_primary_feed", seen.not_primary), ("intraday/accepted", seen.accepted)):
            if keys:
                _tag(context, name, keys)
        if seen.bad:
            raise _outcome(context, seen.bad)

    return sessions


def make_sessions(works: Sequence[SessionWork], selected: frozenset[str]) -> Iterator[Event]:
    """Make the selected assets of some sessions, in their order.

    What fails is noted in the session's `problems` and stops what needs it.
    """
    with ExitStack() as held:
        # Taken with the first judgement: what a vendor says of a month has mostly been fetched by then.
        turn = cache(lambda: held.enter_context(works[0].desk.turn(works)))
        for work in works:
            for stage in ONE_BY_ONE:
                yield from _made(stage, [work], selected, turn)
        for stage in TOGETHER:
            yield from _made(stage, works, selected, turn)


def _made(
    stage: Stage, works: Sequence[SessionWork], selected: frozenset[str], turn: Callable[[], None]
) -> Iterator[Event]:
    """What a stage makes of the sessions that have what it needs; where they fail together, each by itself."""
    able = [work for work in works if not work.lacks(stage.needs)]
    if not able or selected.isdisjoint(stage.assets):
        return
    try:
        if stage.waits_its_turn:
            turn()
        made = list(stage.make(able, selected))
    except NO_BETTER_ALONE:
        raise  # no session of the run would fare better
    except Exception as error:
        if len(able) == 1:
            yield from _failed(stage, able[0], selected, error)
        else:
            for work in able:
                yield from _made(stage, [work], selected, turn)
        return
    for one in made:
        yield from _events(one)


def _failed(stage: Stage, work: SessionWork, selected: frozenset[str], error: Exception) -> Iterator[Event]:
    """One bad session must not stop the others; the run names it at its end."""
    together = tuple(asset for asset in stage.assets if asset in selected)
    work.failed(together, error)
    for asset in CONTRACTS.intersection(together) if isinstance(error, ContractBroken) else ():
        yield _evaluation(asset, Check("contract", False, str(error)), work.session.key)
    if not isinstance(error, IntradayError):
        log.error("%s of %s", " and ".join(together), work.session.key, exc_info=error)


def _events(made: Made) -> Iterator[Event]:
    key = made.session.key
    yield dg.AssetMaterialization(made.asset, partition=key, metadata=made.metadata)
    for check in made.checks:
        yield _evaluation(made.asset, check, key)


def _evaluation(asset: str, check: Check, key: str) -> dg.AssetCheckEvaluation:
    severity = dg.AssetCheckSeverity.WARN if check.warning else dg.AssetCheckSeverity.ERROR
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(asset),
        check_name=check.name,
        passed=check.passed,
        metadata={"message": dg.MetadataValue.text(check.message), **check.metadata},
        severity=severity,
        partition=key,
    )


def _log_outcomes(context: dg.AssetExecutionContext, works: Sequence[SessionWork]) -> None:
    """One line of Dagster's log for those that passed, and one for each that did not; each line is a transaction."""
    passed = [work for work in works if work.outcome is None]
    if passed:
        context.log.info("\n".join(f"{work.session.key} passed. {_changed(work)}" for work in passed))
    for work in works:
        if work.outcome is not None:
            context.log.error(f"{work.session.key} did not pass. {work.outcome}")
        log.info("%s", work.session.key, extra={"session": work.session.key, "outcome": work.outcome})


def _changed(work: SessionWork) -> str:
    return "; ".join(
        f"{table}: {c.added} added, {c.revised} revised, {c.removed} removed" for table, c in work.changes.items()
    )


def _tag(context: dg.AssetExecutionContext, name: str, sessions: Sequence[str]) -> None:
    """Name sessions in a tag of the run, which the list of runs shows."""
    named = ", ".join(sessions[:TAGGED]) + (f" and {len(sessions) - TAGGED} more" if len(sessions) > TAGGED else "")
    context.instance.add_run_tags(context.run.run_id, {name: named})


def _outcome(context: dg.AssetExecutionContext, bad: dict[str, BadSession]) -> dg.Failure:
    """The run's failure, which names every session that did not pass; the others did."""
    _tag(context, "intraday/did_not_pass", list(bad))
    why = {key: one.why for key, one in bad.items()}
    lines = [f"{key}: {sentence}" for key, sentence in why.items()]
    return failure(
        f"{len(bad)} of {counted(len(context.partition_keys), 'session')} did not pass. " + " ".join(lines),
        {
            "sessions": dg.MetadataValue.md("\n".join(f"- {line}" for line in lines)),
            DID_NOT_PASS: dg.MetadataValue.json(why),
        },
        retry_helps=all(one.retry_helps for one in bad.values()),
    )
