"""The quality gate of an environment: `config/data_quality.yaml`, with variables laid over it."""

import os
from collections.abc import Sequence
from pathlib import Path

from market.quality.gate import Gate
from market.quality.rule import Rule
from market.quality.rules import RULES
from market.quality.rules.provenance import SyntheticBars
from resources.configuration import ENVIRONMENT, Layer, checked_model, hold_keys, read_yaml
from resources.errors import ConfigError
from resources.paths import CONFIG
from resources.settings import THRESHOLDS, environments, hold_environment

PRODUCTION = "prod"


def load_gate(environment: str, config: Path = CONFIG) -> Gate:
    """Read the quality gate of an environment from `data_quality.yaml`, and variables laid over it.

    Raises:
        ConfigError: naming the rule, the key and what is allowed.

    """
    where, content = read_yaml(config / "data_quality.yaml")
    hold_keys(content, ("rules", "environments"), where)
    by_environment = content.get("environments", {})
    hold_keys(by_environment, environments(config), where, "environments.")
    hold_environment(environment, config)
    names = [rule.name for rule in RULES]
    layers: list[Layer] = []
    for prefix, layer in (
        ("rules", content.get("rules", {})),
        (f"environments.{environment}", by_environment.get(environment, {})),
    ):
        hold_keys(layer, names, where, f"{prefix}.")
        for rule in RULES:
            hold_keys(layer.get(rule.name, {}), rule.model_fields, where, f"{prefix}.{rule.name}.")
        layers.append((f"{where}, {prefix}", layer))
    layers.append((ENVIRONMENT, _threshold_variables(names)))
    rules = [_rule(rule, layers) for rule in RULES]
    if environment == PRODUCTION and any(isinstance(rule, SyntheticBars) and rule.allowed for rule in rules):
        raise ConfigError(f"synthetic_bars.allowed cannot be true in {PRODUCTION}.")
    return Gate(environment, rules)


def _rule(rule: type[Rule], layers: Sequence[Layer]) -> Rule:
    return checked_model(rule, [(f"{where}.{rule.name}", layer.get(rule.name, {})) for where, layer in layers])


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
