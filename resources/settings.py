"""Configuration: config/base.yaml, then config/<environment>.yaml, then environment variables, checked as one.

An unknown key or a bad value is a `ConfigError` that names the key, where it stands and what is allowed. Secrets are
not configuration: the feeds and the database read theirs from the environment themselves.
"""

import os
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    SettingsConfigDict,
    SettingsError,
    YamlConfigSettingsSource,
)

from market.quality.gate import Gate
from market.quality.rules import RULES
from market.sessions import EARLIEST, BarSize
from resources.errors import ConfigError
from resources.paths import CONFIG, default_home

PREFIX = "INTRADAY_"
THRESHOLDS = f"{PREFIX}QUALITY__"
DEFAULT_ENVIRONMENT = "staging"
NESTED = frozenset({"INTRADAY_ALPHA_VANTAGE", "INTRADAY_STORAGE"})
"""Settings that have parts of their own."""
NOT_SETTINGS = frozenset({"INTRADAY_DAGSTER_URL", "INTRADAY_TIMESCALEDB_PREFIX"})
"""Variables with the prefix that are read elsewhere."""

Symbol = Annotated[
    str, StringConstraints(strip_whitespace=True, to_upper=True, pattern=r"^[A-Za-z][A-Za-z0-9.-]{0,9}$")
]
Layer = tuple[str, Mapping[str, Any]]


class AlphaVantageSettings(BaseModel):
    """How to reach Alpha Vantage."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: str = Field(pattern=r"^https?://")
    timeout_seconds: float = Field(gt=0, le=600)
    attempts: int = Field(ge=1, le=10)
    wait_seconds: float = Field(ge=0, le=600)
    extended_hours: bool


class StorageSettings(BaseModel):
    """Where files are kept."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    landing: str


class Settings(BaseSettings):
    """Everything that can be configured."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, env_prefix=PREFIX, env_nested_delimiter="__")

    environment: str
    home: Path
    symbols: Annotated[tuple[Symbol, ...], NoDecode] = Field(min_length=1)
    bar_size: BarSize
    first_session: date = Field(ge=EARLIEST)
    alpha_vantage: AlphaVantageSettings
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
    _refuse_unknown_environment(environment, config)
    names = ("base.yaml", f"{environment}.yaml")
    layers: list[Layer] = [(f"config/{name}", _yaml_layer(config / name)) for name in names]
    layers.append(("the environment", _variables()))
    defaults: dict[str, Any] = {"environment": environment, "home": default_home()}
    for where, data in layers[:-1]:
        for key in defaults.keys() & data.keys():
            raise ConfigError(f"{key} cannot be set in {where}; set {PREFIX}{key.upper()}.")
    merged = _laid_over([defaults, *(data for _, data in layers)])
    try:
        return Settings.model_validate(merged)
    except ValidationError as error:
        raise ConfigError(_sentences(error, layers, Settings)) from None


def load_gate(environment: str, config: Path = CONFIG) -> Gate:
    """Read the quality gate of an environment from `data_quality.yaml`, and variables laid over it.

    Raises:
        ConfigError: naming the rule, the key and what is allowed.

    """
    where = "config/data_quality.yaml"
    content = _read_yaml(config / "data_quality.yaml", where)
    _only(content, ("rules", "environments"), where, "")
    by_environment = content.get("environments", {})
    known = _environments(config)
    _only(by_environment, known, where, "environments.")
    _refuse_unknown_environment(environment, config)
    names = [rule.name for rule in RULES]
    layers: list[Layer] = []
    for prefix, layer in (
        ("rules", content.get("rules", {})),
        (f"environments.{environment}", by_environment.get(environment, {})),
    ):
        _only(layer, names, where, f"{prefix}.")
        for rule in RULES:
            _only(layer.get(rule.name, {}), [*rule.model_fields], where, f"{prefix}.{rule.name}.")
        layers.append((f"{where}, {prefix}", layer))
    layers.append(("the environment", _threshold_variables(names)))
    rules = []
    for rule in RULES:
        own: list[Layer] = [(f"{place}.{rule.name}", layer.get(rule.name) or {}) for place, layer in layers]
        try:
            rules.append(rule.model_validate(_laid_over([data for _, data in own])))
        except ValidationError as error:
            raise ConfigError(_sentences(error, own, rule)) from None
    return Gate(environment, rules)


def _laid_over(layers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The layers as one mapping: later ones win, nested mappings are merged."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
            merged[key] = _laid_over([merged[key], value]) if both else value
    return merged


def _variables() -> Mapping[str, Any]:
    try:
        return EnvSettingsSource(Settings, env_ignore_empty=True)()
    except SettingsError as error:
        raise ConfigError(
            f"{error} of the environment: set its parts, as in {PREFIX}ALPHA_VANTAGE__ATTEMPTS."
        ) from None


def _threshold_variables(names: Sequence[str]) -> dict[str, dict[str, str]]:
    """Thresholds from variables: `INTRADAY_QUALITY__MISSING_RATIO__FAIL=0.03`."""
    layer: dict[str, dict[str, str]] = {}
    for variable, value in os.environ.items():
        if variable.startswith(THRESHOLDS):
            rule, _, key = variable.removeprefix(THRESHOLDS).lower().partition("__")
            if rule not in names or not key:
                raise ConfigError(
                    f"Unknown environment variable {variable}; allowed: {THRESHOLDS}RULE__KEY with the "
                    f"rules {', '.join(name.upper() for name in names)}."
                )
            layer.setdefault(rule, {})[key] = value
    return layer


def _environments(config: Path) -> list[str]:
    return sorted(path.stem for path in config.glob("*.yaml") if path.stem not in ("base", "data_quality"))


def _refuse_unknown_environment(environment: str, config: Path) -> None:
    known = _environments(config)
    if environment not in known:
        raise ConfigError(f"INTRADAY_ENVIRONMENT is {environment!r}; allowed: {', '.join(known)}.")


def _refuse_unknown_variables() -> None:
    fields = [f"{PREFIX}{name.upper()}" for name in Settings.model_fields]
    for name in os.environ:
        field, _, part = name.partition("__")
        setting = field in fields and (not part or field in NESTED)
        known = setting or name in NOT_SETTINGS or name.startswith(THRESHOLDS)
        if name.startswith(PREFIX) and not known:
            raise ConfigError(
                f"Unknown environment variable {name}; allowed: {', '.join(fields)} (and their parts, as in "
                f"{PREFIX}ALPHA_VANTAGE__ATTEMPTS)."
            )


def _yaml_layer(path: Path) -> Mapping[str, Any]:
    _read_yaml(path, f"config/{path.name}")
    return YamlConfigSettingsSource(Settings, yaml_file=path)()


def _read_yaml(path: Path, where: str) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        raise ConfigError(f"{where} is missing.") from None
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{where} is not YAML: {' '.join(str(error).split())}.") from None
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise ConfigError(f"{where} must hold keys and values.")
    return content


def _only(keys: object, allowed: list[str] | tuple[str, ...], where: str, prefix: str) -> None:
    if not isinstance(keys, dict):
        raise ConfigError(
            f"{prefix.rstrip('.')} in {where} must hold keys and values; allowed keys: {', '.join(allowed)}."
        )
    for key in keys:
        if key not in allowed:
            raise ConfigError(f"Unknown key {prefix}{key} in {where}; allowed: {', '.join(allowed)}.")


def _sentences(error: ValidationError, layers: list[Layer], model: type[BaseModel]) -> str:
    """One sentence per fault: the key, the layer that set it last, and what is allowed."""
    return " ".join(_sentence(dict(fault), layers, model) for fault in error.errors(include_url=False))


def _sentence(fault: dict[str, Any], layers: list[Layer], model: type[BaseModel]) -> str:
    path = tuple(str(part) for part in fault["loc"])
    key = ".".join(path) or "a value"
    where = next((name for name, data in reversed(layers) if data and _holds(data, path)), layers[0][0])
    if fault["type"] == "extra_forbidden":
        return f"Unknown key {key} in {where}; allowed: {', '.join(_fields_at(model, path[:-1]))}."
    if fault["type"] == "missing":
        return f"{key} is missing; set it in {where}."
    return f"{key} in {where} is {fault['input']!r}: {fault['msg'][0].lower()}{fault['msg'][1:]}."


def _holds(data: object, path: tuple[str, ...]) -> bool:
    for part in path:
        if isinstance(data, (list, tuple)):
            return True
        if not isinstance(data, Mapping) or part not in data:
            return False
        data = data[part]
    return True


def _fields_at(model: type[BaseModel], path: tuple[str, ...]) -> list[str]:
    for part in path:
        annotation = model.model_fields[part].annotation
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        model = annotation
    return list(model.model_fields)
