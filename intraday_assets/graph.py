"""The asset graph: every selected session passes through the selected stages, one session after the other.

One step makes all assets of a session. Were each asset a step, Dagster would record it for every session of a range or
skip everything behind it for all of them. Here a bad session stops only itself, and each asset is recorded for just the
sessions that have it. A run that could not store every session it was asked for fails at its end and names them.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import NamedTuple

import dagster as dg
from pydantic import Field

from intraday_assets.assets import bars, eod_summaries, frames, hypertables, quality_reports
from intraday_assets.work import Check, Desk, Made, SessionWork
from market.sessions import session
from resources.dagster_resources import DatabaseResource, FeedsResource, GateResource, LandingResource
from resources.errors import NO_BETTER_ALONE
from resources.settings import Settings
from schemas.errors import ContractBroken, IntradayError

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
    make: Callable[[SessionWork, frozenset[str]], Iterator[Made]]
    waits_its_turn: bool = False
    """Whether one run at a time makes it and what follows: another's report would make this one's an older one."""


STAGES = (
    Stage(("bars",), frozenset(), lambda work, _: bars.make(work)),
    Stage(("frames",), frozenset({"bars"}), lambda work, _: frames.make(work)),
    Stage(("quality_reports",), frozenset(), lambda work, _: quality_reports.make(work), True),
    Stage(("market_data", "dual_ticker_bars"), frozenset({"quality_reports"}), hypertables.make),
    Stage(("eod_summaries",), frozenset({"quality_reports"}), lambda work, _: eod_summaries.make(work)),
)
SPECS = [
    bars.SPEC,
    frames.SPEC,
    quality_reports.SPEC,
    hypertables.MARKET_DATA,
    hypertables.DUAL_TICKER_BARS,
    eod_summaries.SPEC,
]
CHECKS = [bars.CONTRACT, frames.CONTRACT, *quality_reports.CHECKS, eod_summaries.CONTRACT]
CONTRACTS = frozenset(check.asset_key.to_user_string() for check in CHECKS if check.name == "contract")


class BadSession(NamedTuple):
    """What a run remembers of a session that did not pass."""

    why: str
    retry_helps: bool


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
        bad: dict[str, BadSession] = {}
        others: list[str] = []
        accepted: list[str] = []
        try:
            zone, server, rules = landing.zone(), database.server(), gate.gate()
            feed = feeds.feeds(zone, server).failover(rules, refresh=config.refresh)
            desk = Desk(settings.symbols, settings.bar_size, feed, zone, rules, server)
            for key in context.partition_keys:
                last = config.overviews and key == context.partition_keys[-1]
                work = SessionWork(desk, session(key), draws_overviews=last)
                yield from make_session(work, selected)
                if work.outcome is not None:
                    bad[key] = BadSession(work.outcome, work.retry_helps)
                if work.not_primary:
                    others.append(key)
                if work.accepted:
                    accepted.append(key)
                _log_outcome(context, work)
        except IntradayError as error:
            raise dg.Failure(error.sentence(), {BROKE: True}, allow_retries=error.retry_helps) from error
        for name, keys in (("intraday/not_primary_feed", others), ("intraday/accepted", accepted)):
            if keys:
                _tag(context, name, keys)
        if bad:
            raise _outcome(context, bad)

    return sessions


def make_session(work: SessionWork, selected: frozenset[str]) -> Iterator[Event]:
    """Make the selected assets of one session; what fails is noted in `work.problems` and stops what needs it."""
    with ExitStack() as turn:
        for stage in STAGES:
            wanted = selected.intersection(stage.assets)
            if not wanted or work.lacks(stage.needs):
                continue
            try:
                if stage.waits_its_turn:
                    turn.enter_context(work.desk.sessions.turn(work.session))
                for made in stage.make(work, wanted):
                    yield from _events(made, work.session.key)
            except NO_BETTER_ALONE:
                raise  # no session of the run would fare better
            except Exception as error:  # one bad session must not stop the others; the run names it at its end
                together = tuple(asset for asset in stage.assets if asset in wanted)
                work.problems[together] = error
                for asset in CONTRACTS.intersection(together) if isinstance(error, ContractBroken) else ():
                    yield _evaluation(asset, Check("contract", False, str(error)), work.session.key)
                if not isinstance(error, IntradayError):
                    log.exception("%s of %s", " and ".join(sorted(wanted)), work.session.key)


def _events(made: Made, key: str) -> Iterator[Event]:
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


def _log_outcome(context: dg.AssetExecutionContext, work: SessionWork) -> None:
    if work.outcome is None:
        rows = (
            f"{table}: {c.added} added, {c.revised} revised, {c.removed} removed" for table, c in work.changes.items()
        )
        context.log.info(f"{work.session.key} passed. {'; '.join(rows)}")
    else:
        context.log.error(f"{work.session.key} did not pass. {work.outcome}")
    log.info("%s", work.session.key, extra={"session": work.session.key, "outcome": work.outcome})


def _tag(context: dg.AssetExecutionContext, name: str, sessions: Sequence[str]) -> None:
    """Name sessions in a tag of the run, which the list of runs shows."""
    named = ", ".join(sessions[:TAGGED]) + (f" and {len(sessions) - TAGGED} more" if len(sessions) > TAGGED else "")
    context.instance.add_run_tags(context.run.run_id, {name: named})


def _outcome(context: dg.AssetExecutionContext, bad: dict[str, BadSession]) -> dg.Failure:
    """The run's failure, which names every session that did not pass; the others did."""
    _tag(context, "intraday/did_not_pass", list(bad))
    why = {key: one.why for key, one in bad.items()}
    lines = [f"{key}: {sentence}" for key, sentence in why.items()]
    return dg.Failure(
        description=f"{len(bad)} of {len(context.partition_keys)} sessions did not pass. " + " ".join(lines),
        metadata={
            "sessions": dg.MetadataValue.md("\n".join(f"- {line}" for line in lines)),
            DID_NOT_PASS: dg.MetadataValue.json(why),
        },
        allow_retries=all(one.retry_helps for one in bad.values()),
    )
