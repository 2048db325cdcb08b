"""Configuration: what each environment holds, and what is said of a mistake."""

import shutil
from pathlib import Path

import pytest

from market.sessions import BarSize
from resources.database.server import DatabaseServer, find_server
from resources.errors import ConfigError
from resources.gate_settings import load_gate
from resources.paths import CONFIG
from resources.settings import load_settings

pytestmark = pytest.mark.usefixtures("clean_environment")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return Path(shutil.copytree(CONFIG, tmp_path / "config"))


@pytest.mark.parametrize(
    ("environment", "bar_size", "fail"), [("ci", "5min", 0.05), ("staging", "1min", 0.02), ("prod", "1min", 0.01)]
)
def test_environments(monkeypatch, environment, bar_size, fail):
    monkeypatch.setenv("INTRADAY_ENVIRONMENT", environment)
    settings = load_settings()
    assert (settings.environment, settings.bar_size) == (environment, BarSize(bar_size))
    assert settings.symbols == ("NVDA", "MSFT")
    rules = {rule.name: rule for rule in load_gate(environment).rules}
    assert rules["missing_ratio"].fail == fail
    assert rules["timestamp_overlap"].fail == 0.8
    assert rules["ohlc_relations"].fail == 0


def test_an_empty_variable_counts_as_not_set(monkeypatch):
    monkeypatch.setenv("INTRADAY_ENVIRONMENT", "")
    monkeypatch.setenv("INTRADAY_HOME", "")
    monkeypatch.setenv("INTRADAY_BAR_SIZE", "")
    settings = load_settings()
    assert (settings.environment, settings.bar_size, settings.home.name) == ("staging", "1min", ".intraday")


def test_thresholds_can_be_set_by_variables(monkeypatch):
    monkeypatch.setenv("INTRADAY_QUALITY__MISSING_RATIO__FAIL", "0.03")
    rules = {rule.name: rule for rule in load_gate("prod").rules}
    assert (rules["missing_ratio"].fail, rules["missing_ratio"].warn) == (0.03, 0.005)
    load_settings()
    monkeypatch.setenv("INTRADAY_QUALITY__MISSING_RATIO__FAIL", "much")
    with pytest.raises(ConfigError, match=r"fail in the environment\.missing_ratio is 'much'"):
        load_gate("prod")
    monkeypatch.setenv("INTRADAY_QUALITY__MISING_RATIO__FAIL", "0.1")
    with pytest.raises(ConfigError, match=r"INTRADAY_QUALITY__MISING_RATIO__FAIL.*MISSING_RATIO"):
        load_gate("prod")


def test_variables_lie_over_files(monkeypatch):
    monkeypatch.setenv("INTRADAY_SYMBOLS", "amd, intc")
    monkeypatch.setenv("INTRADAY_ALPHA_VANTAGE__ATTEMPTS", "7")
    settings = load_settings()
    assert settings.symbols == ("AMD", "INTC")
    assert (settings.alpha_vantage.attempts, settings.alpha_vantage.timeout_seconds) == (7, 30)


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("INTRADAY_BAR_SIZE", "2min", ["bar_size", "the environment", "'1min' or '5min'"]),
        ("INTRADAY_ALPHA_VANTAGE__ATEMPTS", "3", ["alpha_vantage.atempts", "the environment", "attempts"]),
        ("INTRADAY_SYMBOL", "NVDA", ["INTRADAY_SYMBOL", "INTRADAY_SYMBOLS"]),
        ("INTRADAY_ENVIRONMENT", "production", ["'production'", "ci, prod, staging"]),
        ("INTRADAY_SYMBOLS", "NVDA,nvda", ["symbols", "occurs twice"]),
        ("INTRADAY_SYMBOLS", ",", ["symbols", "at least 1"]),
        ("INTRADAY_ALPHA_VANTAGE", "foo", ["alpha_vantage", "INTRADAY_ALPHA_VANTAGE__ATTEMPTS"]),
        ("INTRADAY_HOME__FOO", "1", ["INTRADAY_HOME__FOO", "INTRADAY_HOME"]),
        ("INTRADAY_SYMBOLS", "NVDA,../x", ["symbols.1", "../x"]),
        ("INTRADAY_FIRST_SESSION", "1999-12-31", ["first_session", "2000-01-01"]),
        ("INTRADAY_ALPHA_VANTAGE__TIMEOUT_SECONDS", "0", ["timeout_seconds", "greater than 0"]),
        ("INTRADAY_FIRST_SESSION", "soon", ["first_session", "date"]),
    ],
)
def test_a_bad_variable_is_named_with_what_is_allowed(monkeypatch, variable, value, said):
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError) as caught:
        load_settings()
    for part in said:
        assert part in caught.value.sentence()


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("base.yaml", "symbols: [NVDA]\ncolour: red\n", ["Unknown key colour", "config/base.yaml", "bar_size"]),
        ("staging.yaml", "bar_size: 3min\n", ["bar_size in config/staging.yaml is '3min'", "'5min'"]),
        ("staging.yaml", "alpha_vantage: {atempts: 3}\n", ["alpha_vantage.atempts", "config/staging.yaml", "attempts"]),
        ("staging.yaml", "environment: prod\n", ["environment cannot be set in config/staging.yaml"]),
        ("staging.yaml", "- 1\n", ["config/staging.yaml must hold keys and values"]),
        ("staging.yaml", "1: 2\n", ["config/staging.yaml must hold keys and values"]),
        ("staging.yaml", "first_session: 2020-13-01\n", ["config/staging.yaml"]),
        ("staging.yaml", "a: [\n", ["config/staging.yaml is not YAML"]),
    ],
)
def test_a_mistake_in_a_file_is_named_with_the_file(config, file, text, said):
    path = config / file
    path.write_text(path.read_text() + text if file == "base.yaml" else text)
    with pytest.raises(ConfigError) as caught:
        load_settings(config)
    for part in said:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rules: {missing_ration: {fail: 1}}", ["Unknown key rules.missing_ration", "missing_ratio", "duplicates"]),
        ("rules: {missing_ratio: {fial: 1}}", ["Unknown key rules.missing_ratio.fial", "warn, fail"]),
        ("rules: {missing_ratio: {fail: 2}}", ["fail in", "rules.missing_ratio", "less than or equal to 1"]),
        ("environments: {prd: {}}", ["Unknown key environments.prd", "ci, prod, staging"]),
        ("rules: {missing_ratio: 5}", ["rules.missing_ratio", "must hold keys and values"]),
        ("rules: []", ["rules", "must hold keys and values"]),
        ("rules: {missing_ratio: {warn: 0.5, fail: 0.1}}", ["warn (0.5) must not lie above fail"]),
        ("symbols:", ["symbols in", "must hold keys and values"]),
        ("environments: {prod: {policy: []}}", ["environments.prod.policy in", "must hold keys and values"]),
        ("rule: {}", ["Unknown key rule", "policy, rules, symbols, environments"]),
        ("environments: {prod: {missing_ratio: {fail: x}}}", ["environments.prod.missing_ratio", "'x'", "number"]),
    ],
)
def test_a_mistake_in_the_gate_is_named(config, text, said):
    (config / "data_quality.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_gate("prod", config)
    for part in [*said, "config/data_quality.yaml"]:
        assert part in str(caught.value)


def test_a_missing_file_is_named(config):
    (config / "data_quality.yaml").unlink()
    with pytest.raises(ConfigError, match=r"config/data_quality\.yaml is missing"):
        load_gate("prod", config)


def test_the_server_comes_from_its_variables(monkeypatch, tmp_path):
    for name, value in {"HOST": "db", "PORT": "5433", "USERNAME": "u@x", "PASSWORD": "p:/w", "DATABASE": "d"}.items():
        monkeypatch.setenv(f"TIMESCALEDB_{name}", value)
    server = find_server(tmp_path)
    assert server.url == "postgresql://u%40x:p%3A%2Fw@db:5433/d"
    assert server.shown == "postgresql://db:5433/d"
    assert "p%3A" not in repr(server)


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"URL": "postgresql://a/b", "HOST": "c"}, "not both"),
        ({"URL": "host=db password=secret"}, "form postgresql://"),
        ({"URL": "me:secret@db/x"}, "form postgresql://"),
        ({"URL": "postgresql+psycopg2://me:secret@db/x"}, "form postgresql://"),
        ({"URL": "postgresql://me:sec/secret@db/x"}, "form postgresql://"),
        ({"URL": "postgresql://me:sec@secret@db/x"}, "form postgresql://"),
        ({"PASSWORD": "secret"}, "TIMESCALEDB_HOST is missing"),
        ({"USER": "x"}, "allowed: .*TIMESCALEDB_USERNAME"),
    ],
)
def test_contradictory_database_variables_are_refused(monkeypatch, tmp_path, variables, said):
    for name, value in variables.items():
        monkeypatch.setenv(f"TIMESCALEDB_{name}", value)
    with pytest.raises(ConfigError, match=said) as caught:
        find_server(tmp_path)
    assert "secret" not in str(caught.value)


def test_a_password_in_a_url_is_not_shown():
    server = DatabaseServer("postgresql://user:hunter2@127.0.0.1:5432/intraday")
    assert server.shown == "postgresql://127.0.0.1:5432/intraday"
    assert "hunter2" not in repr(server)
