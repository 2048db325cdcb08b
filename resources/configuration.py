"""How configuration is read: layers laid over each other, checked by a model, every mistake named with its place.

What can be configured is in `resources.settings` and `resources.gate_settings`.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from resources.errors import ConfigError

PREFIX = "INTRADAY_"
ENVIRONMENT = "the environment"
"""The place of a value that a variable gave."""

ModelT = TypeVar("ModelT", bound=BaseModel)
Layer = tuple[str, Mapping[str, Any]]
"""A place and what it says."""


def checked_model(model: type[ModelT], layers: Sequence[Layer]) -> ModelT:
    """The model that the layers make when later ones are laid over earlier ones.

    Raises:
        ConfigError: a sentence per fault, with the key, the place that set it last, and what is allowed.

    """
    try:
        return model.model_validate(_laid_over([data for _, data in layers]))
    except ValidationError as error:
        faults = error.errors(include_url=False)
        raise ConfigError(" ".join(_sentence(dict(fault), layers, model) for fault in faults)) from None


def read_yaml(path: Path) -> Layer:
    """A file of `config/` as a layer.

    Raises:
        ConfigError: it is missing, no YAML, or something else than keys and values.

    """
    where = f"config/{path.name}"
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        raise ConfigError(f"{where} is missing.") from None
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{where} is not YAML: {' '.join(str(error).split())}.") from None
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise ConfigError(f"{where} must hold keys and values.")
    return where, content


def hold_keys(keys: object, allowed: Iterable[str], where: str, prefix: str = "") -> None:
    """Refuse what is no mapping, and keys that are not allowed."""
    known = list(allowed)
    names = ", ".join(known)
    if not isinstance(keys, dict):
        raise ConfigError(f"{prefix.rstrip('.') or 'It'} in {where} must hold keys and values; allowed keys: {names}.")
    for key in keys:
        if key not in known:
            raise ConfigError(f"Unknown key {prefix}{key} in {where}; allowed: {names}.")


def _laid_over(layers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The layers as one mapping: later ones win, nested mappings are merged."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
            merged[key] = _laid_over([merged[key], value]) if both else value
    return merged


def _sentence(fault: dict[str, Any], layers: Sequence[Layer], model: type[BaseModel]) -> str:
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
