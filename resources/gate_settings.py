"""The quality gate of an environment: `config/data_quality.yaml`, with variables laid over it, and the known splits."""

import os
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from market.quality.gate import Gate, Policy
from market.quality.rule import PairRule, Rule
from market.quality.rules import RULES
from market.quality.rules.provenance import SyntheticBars
from market.splits import Split, SplitTable
from resources.configuration import ENVIRONMENT, Layer, checked_model, hold_keys, read_yaml
from resources.errors import ConfigError
from resources.paths import CONFIG
from resources.settings import THRESHOLDS, environments, hold_environment

PRODUCTION = "prod"
NAMES = tuple(rule.name for rule in RULES)
NAMES_OF_A_SYMBOL = tuple(rule.name for rule in RULES if not issubclass(rule, PairRule))
"""Of the rules whose thresholds may differ from symbol to symbol."""


def load_gate(environment: str, config: Path = CONFIG, overrides: Layer | None = None) -> Gate:
    """Read the quality gate of an environment from `data_quality.yaml`, and variables laid over it.

    Args:
        environment: whose thresholds.
        config: the folder.
        overrides: where they are from, and thresholds by rule, laid over everything else.

    Raises:
        ConfigError: naming the rule, the key and what is allowed.

    """
    where, content = read_yaml(config / "data_quality.yaml")
    hold_keys(content, ("policy", "rules", "symbols", "environments"), where)
    by_environment = content.get("environments", {})
    hold_keys(by_environment, environments(config), where, "environments.")
    hold_environment(environment, config)
    mine = by_environment.get(environment, {})
    prefix = f"environments.{environment}"
    hold_keys(mine, ("policy", "symbols", *NAMES), where, f"{prefix}.")
    symbols = {
        "symbols": _mapping(content.get("symbols", {}), where, "symbols"),
        f"{prefix}.symbols": _mapping(mine.get("symbols", {}), where, f"{prefix}.symbols"),
    }
    general = [
        _layer(where, "rules", content.get("rules", {})),
        _layer(where, prefix, {name: value for name, value in mine.items() if name in NAMES}),
    ]
    last = [(ENVIRONMENT, _threshold_variables()), *([overrides] if overrides else [])]
    own = {
        symbol: [
            _layer(where, f"{at}.{symbol}", thresholds[symbol], NAMES_OF_A_SYMBOL)
            for at, thresholds in symbols.items()
            if symbol in thresholds
        ]
        for symbol in dict.fromkeys(symbol for thresholds in symbols.values() for symbol in thresholds)
    }
    policies = (("policy", content.get("policy", {})), (f"{prefix}.policy", mine.get("policy", {})))
    policy = checked_model(Policy, [(f"{where}, {at}", _mapping(layer, where, at)) for at, layer in policies])
    return Gate(
        environment,
        _rules(environment, [*general, *last]),
        {symbol: _rules(environment, [*general, *layers, *last]) for symbol, layers in own.items()},
        policy,
        load_splits(config),
    )


def load_splits(config: Path = CONFIG) -> SplitTable:
    """Read `splits.yaml`.

    Raises:
        ConfigError: naming the symbol and the line that is no split.

    """
    where, content = read_yaml(config / "splits.yaml")
    hold_keys(content, ("splits",), where)
    found: list[Split] = []
    for symbol, days in _mapping(content.get("splits", {}), where, "splits").items():
        for day, ratio in _mapping(days, where, f"splits.{symbol}").items():
            if not isinstance(day, date) or isinstance(ratio, bool) or not isinstance(ratio, int | float) or ratio <= 0:
                said = f"splits.{symbol} in {where} has {day}: {ratio}"
                raise ConfigError(f"{said}; allowed: a date and a ratio above 0.")
            found.append(Split(str(symbol), day, float(ratio)))
    return SplitTable(tuple(sorted(found, key=lambda split: (split.symbol, split.day))))


def _mapping(content: Any, where: str, key: str) -> Mapping[Any, Any]:
    if not isinstance(content, dict):
        raise ConfigError(f"{key} in {where} must hold keys and values.")
    return content


def _layer(where: str, prefix: str, layer: Any, allowed: Sequence[str] = NAMES) -> Layer:
    """Thresholds by rule, their names checked."""
    hold_keys(layer, allowed, where, f"{prefix}.")
    for rule in RULES:
        hold_keys(layer.get(rule.name, {}), rule.model_fields, where, f"{prefix}.{rule.name}.")
    return f"{where}, {prefix}", layer


def _rules(environment: str, layers: Sequence[Layer]) -> list[Rule]:
    rules = [_rule(rule, layers) for rule in RULES]
    for rule in rules:
        if rule.final and rule.severity != "block":
            raise ConfigError(f"{rule.name}.severity must be block: what it finds cannot be stored.")
    if environment == PRODUCTION and any(isinstance(rule, SyntheticBars) and _lets_pass(rule) for rule in rules):
        raise ConfigError(f"synthetic_bars must block in {PRODUCTION}: allowed false, severity block.")
    return rules


def _lets_pass(rule: SyntheticBars) -> bool:
    return rule.allowed or rule.severity != "block"


def _rule(rule: type[Rule], layers: Sequence[Layer]) -> Rule:
    return checked_model(rule, [(f"{where}.{rule.name}", layer.get(rule.name, {})) for where, layer in layers])


def _threshold_variables() -> dict[str, dict[str, str]]:
    """Thresholds from variables: `INTRADAY_QUALITY__MISSING_RATIO__FAIL=0.03`."""
    layer: dict[str, dict[str, str]] = {}
    for variable, value in os.environ.items():
        if variable.startswith(THRESHOLDS):
            rule, _, key = variable.removeprefix(THRESHOLDS).lower().partition("__")
            if rule not in NAMES or not key:
                raise ConfigError(
                    f"Unknown environment variable {variable}; allowed: {THRESHOLDS}RULE__KEY with the "
                    f"rules {', '.join(name.upper() for name in NAMES)}."
                )
            layer.setdefault(rule, {})[key] = value
    return layer
