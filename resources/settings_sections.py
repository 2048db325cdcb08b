"""The sections of the settings, and what each of their values may be. Where values come from is not here."""

from decimal import Decimal
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from market.sessions import BarSize

LIVE_FEEDS = ("alpha_vantage", "yahoo", "interactive_brokers")
"""Those that have bars of a session that goes on."""

Symbol = Annotated[
    str, StringConstraints(strip_whitespace=True, to_upper=True, pattern=r"^[A-Za-z][A-Za-z0-9.-]{0,9}$")
]


class Section(BaseModel):
    """A part of the settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class RetrySettings(Section):
    """How long an answer is waited for, and how often it is asked for."""

    timeout_seconds: float = Field(gt=0, le=600)
    attempts: int = Field(ge=1, le=10)
    wait_seconds: float = Field(ge=0, le=600)


class VendorSettings(RetrySettings):
    """How to reach a vendor."""

    base_url: str = Field(pattern=r"^https?://[^/\s]+")

    @property
    def host(self) -> str:
        """Who is asked."""
        return urlsplit(self.base_url).hostname or self.base_url


class AlphaVantageSettings(VendorSettings):
    """How to reach Alpha Vantage, and what the key's plan allows."""

    plan: Literal["free", "premium_75", "premium_150", "premium_300", "premium_600", "premium_1200"]
    entitlement: Literal["none", "delayed", "realtime"]
    datatype: Literal["csv", "json"]
    extended_hours: bool


class YahooSettings(VendorSettings):
    """How to reach Yahoo, and how far back it has bars."""

    days_back: dict[BarSize, Annotated[int, Field(ge=1, le=100_000)]] = Field(min_length=len(BarSize))


class FilesSettings(Section):
    """Where the files of the feed `files` lie."""

    folder: str = Field(min_length=1)


class FeedsSettings(Section):
    """Which feed is asked, and which when it fails."""

    primary: Literal["alpha_vantage", "yahoo", "interactive_brokers", "files"]
    fallback: Literal["alpha_vantage", "yahoo", "interactive_brokers", "files", "none"]

    @property
    def second(self) -> str | None:
        """The fallback, if there is one: a feed does not stand in for itself."""
        return None if self.fallback in ("none", self.primary) else self.fallback

    @property
    def roles(self) -> dict[str, str]:
        """The feeds that are asked, and as what: `primary` or `fallback`."""
        return {self.primary: "primary"} | ({} if self.second is None else {self.second: "fallback"})


class IBSettings(RetrySettings):
    """Where Interactive Brokers is reached, and as whom."""

    host: str | None = Field(min_length=1)
    port: int = Field(ge=1, le=65_535)
    client_id: int = Field(ge=0, le=1_000_000)
    account: str | None = Field(pattern=r"^[A-Z]{1,4}[0-9]{3,12}$")
    allow_live: bool
    primary_exchanges: dict[Symbol, str]
    volume_unit: Literal["detect", "shares", "lots"]


class RepairSettings(Section):
    """Whether missing bars are taken from the second feed, and how far the two may differ where both have bars."""

    enabled: bool
    tolerance: float = Field(gt=0, le=0.01)


class BreakerSettings(Section):
    """When a failing feed is left alone, for how long, and what it takes to trust it again."""

    failures: int = Field(ge=1, le=100)
    successes: int = Field(ge=1, le=100)
    pause_seconds: float = Field(ge=0, le=86_400)


class LiveSettings(Section):
    """How bars are taken in while a session goes on."""

    settle_seconds: dict[str, Annotated[float, Field(ge=0, le=600)]]
    poll_seconds: float = Field(gt=0, le=60)
    fallback_after_seconds: float = Field(gt=0, le=3_600)
    missing_after_seconds: float = Field(gt=0, le=3_600)
    pause_seconds: float = Field(gt=0, le=3_600)
    gate_bars: int = Field(ge=5, le=390)
    publish_degraded: bool
    report_every_bars: int = Field(ge=1, le=390)

    @model_validator(mode="after")
    def _fallback_first(self) -> Self:
        if self.missing_after_seconds <= self.fallback_after_seconds:
            raise ValueError(
                "missing_after_seconds must be above fallback_after_seconds: nobody would ask the fallback"
            )
        return self

    @field_validator("settle_seconds")
    @classmethod
    def _each_feed(cls, value: dict[str, float]) -> dict[str, float]:
        if value.keys() != set(LIVE_FEEDS):
            raise ValueError(f"allowed: {', '.join(LIVE_FEEDS)}, each of them")
        return value


class RiskLimits(Section):
    """What an order may do to an account; a refusal names one of these."""

    position_shares: Decimal = Field(gt=0)
    symbol_notional: Decimal = Field(gt=0)
    total_notional: Decimal = Field(gt=0)
    price_collar: Decimal = Field(gt=0, lt=1)
    orders_per_minute: int = Field(ge=1, le=10_000)
    data_age_seconds: int = Field(ge=1)
    repeat_seconds: int = Field(ge=0, le=86_400)


class SimulationSettings(Section):
    """How the simulated broker fills orders from stored bars."""

    seed: int = Field(ge=0)
    cash: Decimal = Field(ge=0)
    slippage_bps: Decimal = Field(ge=0, le=1_000)
    participation: Decimal = Field(gt=0, le=1)
    commission_per_share: Decimal = Field(ge=0)
    commission_minimum: Decimal = Field(ge=0)


class OmsSettings(Section):
    """Which broker orders go to, and what holds them back."""

    broker: Literal["simulated", "ib"]
    account: str = Field(pattern=r"^SIM[A-Z0-9_-]{0,20}$")
    intent_seconds: int = Field(ge=1, le=3_600)
    limits: RiskLimits
    simulation: SimulationSettings


class StorageSettings(Section):
    """Where files are kept, and for how long bars are."""

    landing: str
    retention_days: int | None = Field(ge=7, le=100_000)


class MonitoringSettings(Section):
    """Where the monitoring service listens, and how often it looks."""

    host: str = Field(min_length=1)
    port: int = Field(ge=0, le=65_535)
    refresh_seconds: float = Field(gt=0, le=600)
    probe_seconds: float = Field(gt=0, le=60)
    dagster_url: str | None = Field(pattern=r"^https?://[^/\s]+")
    sessions: int = Field(ge=1, le=250)
    drawdown_limit: Decimal = Field(gt=0)


class EodSettings(Section):
    """From where on an end of day is good."""

    completeness: float = Field(gt=0, le=1)
    gate_passed: float = Field(gt=0, le=1)
    gate_sessions: int = Field(ge=1, le=250)
    freshness_seconds: int = Field(ge=60, le=604_800)
    free_bytes: int = Field(ge=0)
    errors: int = Field(ge=1)
    backup_folder: str | None = Field(min_length=1)
    backup_age_hours: float = Field(gt=0)


class MailSettings(Section):
    """Who is written to, and over which server."""

    host: str | None = Field(min_length=1)
    port: int = Field(ge=1, le=65_535)
    encryption: Literal["none", "starttls", "tls"]
    username: str | None = Field(min_length=1)
    sender: str
    recipients: tuple[str, ...]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.host is not None and not (self.sender and self.recipients):
            raise ValueError("a host is set, so sender and recipients are needed")
        return self


class AlertsSettings(Section):
    """How people are told of what went wrong."""

    mail: MailSettings
    timeout_seconds: float = Field(gt=0, le=60)
    repeat_hours: float = Field(gt=0, le=720)
    messages_per_hour: int = Field(ge=1, le=1_000)
    stale_sessions: int = Field(ge=1, le=250)
    stale_after_hours: float = Field(ge=0, le=720)


class AutomationSettings(Section):
    """What Dagster's daemon does by itself."""

    running: bool
    catch_up_sessions: int = Field(ge=1, le=250)
    refetch_sessions: int = Field(ge=1, le=20)
