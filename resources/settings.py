"""Configuration: config/base.yaml, then config/<environment>.yaml, then environment variables, checked as one.

An unknown key or a bad value is a `ConfigError` that names the key, where it stands and what is allowed. Secrets are
not configuration: the feeds and the database read theirs from the environment themselves.
"""

import os
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, field_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, NoDecode, SettingsConfigDict, SettingsError

from market.sessions import EARLIEST, BarSize
from resources.configuration import ENVIRONMENT, PREFIX, checked_model, read_yaml
from resources.errors import ConfigError
from resources.paths import CONFIG, default_home
from resources.settings_sections import (
    AlertsSettings,
    AlphaVantageSettings,
    AutomationSettings,
    BreakerSettings,
    EodSettings,
    FeedsSettings,
    FilesSettings,
    IBSettings,
    LiveSettings,
    MonitoringSettings,
    OmsSettings,
    RepairSettings,
    StorageSettings,
    Symbol,
    YahooSettings,
)

THRESHOLDS = f"{PREFIX}QUALITY__"
"""Variables that `resources.gate_settings` reads."""
DEFAULT_ENVIRONMENT = "staging"
NO_ENVIRONMENTS = ("base", "data_quality", "splits")
"""Files of `config/` that are none."""
NOT_SETTINGS = frozenset(
    {
        "INTRADAY_ALLOW_LIVE_TRADING",
        "INTRADAY_DAGSTER_URL",
        "INTRADAY_PROGRAMS_PREFIX",
        "INTRADAY_TIMESCALEDB_PREFIX",
    }
)
"""Variables with the prefix that are read elsewhere."""


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
    monitoring: MonitoringSettings
    eod: EodSettings
    alerts: AlertsSettings
    automation: AutomationSettings
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
