"""Configuration: config/base.yaml, then config/<environment>.yaml, then environment variables, checked as one.

An unknown key or a bad value is a `ConfigError` that names the key, where it stands and what is allowed. Secrets are
not configuration: the feeds and the database read theirs from the environment themselves.
"""

import os
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, NoDecode, SettingsConfigDict, SettingsError

from market.sessions import EARLIEST, BarSize
from resources.configuration import ENVIRONMENT, PREFIX, checked_model, read_yaml
from resources.errors import ConfigError
from resources.paths import CONFIG, default_home

THRESHOLDS = f"{PREFIX}QUALITY__"
"""Variables that `resources.gate_settings` reads."""
DEFAULT_ENVIRONMENT = "staging"
NO_ENVIRONMENTS = ("base", "data_quality", "splits")
"""Files of `config/` that are none."""
NOT_SETTINGS = frozenset({"INTRADAY_ALLOW_LIVE_TRADING", "INTRADAY_DAGSTER_URL", "INTRADAY_TIMESCALEDB_PREFIX"})
"""Variables with the prefix that are read elsewhere."""

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


class Settings(BaseSettings):
    """Everything that can be configured."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, env_prefix=PREFIX, env_nested_delimiter="__")

    environment: str
    home: Path
    symbols: Annotated[tuple[Symbol, ...], NoDecode] = Field(min_length=1)
    bar_size: BarSize
    first_session: date = Field(ge=EARLIEST)
    feeds: FeedsSettings
    alpha_vantage: AlphaVantageSettings
    yahoo: YahooSettings
    files: FilesSettings
    ib: IBSettings
    repair: RepairSettings
    breaker: BreakerSettings
    oms: OmsSettings
    live: LiveSettings
    storage: StorageSettings

    @field_validator("symbols", mode="before")
    @classmethod
    def _comma_separated(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("symbols")
    @classmethod
    def _once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            raise ValueError("a symbol occurs twice")
        return value

    @field_validator("home")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().resolve()

    @property
    def files_url(self) -> str:
        """The folder of the feed `files` as an absolute path or an fsspec URL."""
        folder = self.files.folder
        return folder if "://" in folder or folder.startswith("/") else f"{self.landing_url}/{folder}"

    @property
    def landing_url(self) -> str:
        """The landing zone as an absolute path or an fsspec URL."""
        if "://" in self.storage.landing:
            return self.storage.landing
        return str(self.home / self.storage.landing)


def load_settings(config: Path = CONFIG) -> Settings:
    """Read the configuration of the environment that `INTRADAY_ENVIRONMENT` names.

    Raises:
        ConfigError: naming the key, the file or variable, and what is allowed.

    """
    environment = os.environ.get(f"{PREFIX}ENVIRONMENT") or DEFAULT_ENVIRONMENT
    _refuse_unknown_variables()
    hold_environment(environment, config)
    files = [read_yaml(config / "base.yaml"), read_yaml(config / f"{environment}.yaml")]
    defaults = {"environment": environment, "home": default_home()}
    for where, data in files:
        for key in defaults.keys() & data.keys():
            raise ConfigError(f"{key} cannot be set in {where}; set {PREFIX}{key.upper()}.")
    return checked_model(Settings, [("the defaults", defaults), *files, (ENVIRONMENT, _variables())])


def environments(config: Path) -> list[str]:
    """The environments that have a file."""
    return sorted(path.stem for path in config.glob("*.yaml") if path.stem not in NO_ENVIRONMENTS)


def hold_environment(environment: str, config: Path) -> None:
    """Refuse an environment that has no file."""
    known = environments(config)
    if environment not in known:
        raise ConfigError(f"INTRADAY_ENVIRONMENT is {environment!r}; allowed: {', '.join(known)}.")


def _variables() -> Mapping[str, Any]:
    try:
        return EnvSettingsSource(Settings, env_ignore_empty=True)()
    except SettingsError as error:
        raise ConfigError(
            f"{error} of the environment: set its parts, as in {PREFIX}ALPHA_VANTAGE__ATTEMPTS."
        ) from None


def _refuse_unknown_variables() -> None:
    fields = {f"{PREFIX}{name.upper()}": field.annotation for name, field in Settings.model_fields.items()}
    for name in os.environ:
        field, _, part = name.partition("__")
        kind = fields.get(field)
        has_parts = isinstance(kind, type) and issubclass(kind, BaseModel)
        setting = field in fields and (has_parts or not part)
        known = setting or name in NOT_SETTINGS or name.startswith(THRESHOLDS)
        if name.startswith(PREFIX) and not known:
            raise ConfigError(
                f"Unknown environment variable {name}; allowed: {', '.join(fields)} (and their parts, as in "
                f"{PREFIX}ALPHA_VANTAGE__ATTEMPTS)."
            )
