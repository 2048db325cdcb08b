"""deploy/: what Docker Compose, systemd and a shell make of it, and that every command in it is one that there is.

Nothing here starts a container or a unit; docs/deployment.md names what was never run for real.
"""

import json
import os
import re
import secrets
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import yaml
from dagster._core.instance.config import dagster_instance_config

from cli.up_children import SERVICES, Wanted, children
from resources.settings import load_settings
from tests.support.understood import COMMANDS, understood

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
ORDER = ("code", "webserver", "daemon", "monitor", "live", "orders")
"""In which they are started."""
OURS = {"migrate", *ORDER}
BIN = "/opt/intraday/.venv/bin"


@pytest.fixture(scope="module")
def composed(docker_compose) -> dict[str, Any]:
    """What Docker Compose makes of the file, with nothing of ours in its environment."""
    return composed_with(docker_compose, os.devnull)


def composed_with(docker_compose: list[str], settings: str | Path) -> dict[str, Any]:
    """The same with a file of settings."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("INTRADAY_", "TIMESCALE"))}
    environment["INTRADAY_SETTINGS_FILE"] = str(settings)
    words = [*docker_compose, "-f", "deploy/compose.yaml", "--profile", "*", "config", "--format", "json"]
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    made: dict[str, Any] = json.loads(done.stdout)
    return made


def test_any_setting_reaches_every_process_of_ours(docker_compose, tmp_path, clean_environment):
    """Those that the document shows, as Docker Compose hands them over and as our settings read them."""
    text = (ROOT / "docs" / "deployment.md").read_text()
    (shown,) = re.findall(r"^```ini\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    (tmp_path / "settings.env").write_text(f"{shown}INTRADAY_OMS__BROKER=ib\nINTRADAY_IB__HOST=ib-gateway\n")
    services = composed_with(docker_compose, tmp_path / "settings.env")["services"]
    for name in OURS:
        given = services[name]["environment"]
        for variable in [variable for variable in given if variable.startswith("INTRADAY_")]:
            clean_environment.setenv(variable, given[variable])
        settings = load_settings()
        assert (settings.environment, settings.oms.broker, settings.ib.host) == ("prod", "ib", "ib-gateway")
        assert (settings.alpha_vantage.plan, settings.alpha_vantage.entitlement) == ("premium_75", "realtime")
        assert settings.alerts.mail.recipients == ("oncall@example.com",)
        assert given["TIMESCALEDB_HOST"] == "timescaledb"


def test_alertmanager_finds_its_secrets_and_speaks_to_a_chat(composed):
    text = (DEPLOY / "alertmanager" / "alertmanager.yml").read_text()
    read = set(re.findall(r"_file: /run/secrets/(\w+)", text))
    assert read == {secret["source"] for secret in composed["services"]["alertmanager"]["secrets"]}
    ours = {secret["source"] for secret in composed["services"]["code"]["secrets"]}
    assert read & ours == {"smtp_password"}  # what we post, and what Alertmanager posts, are not alike
    (pager,) = [one for one in yaml.safe_load(text)["receivers"] if one["name"] == "pager"]
    assert pager.keys() == {"name", "slack_configs", "email_configs"}


def test_compose_has_every_service(composed):
    others = {"timescaledb", "ib-gateway", "prometheus", "alertmanager", "grafana"}
    assert composed["services"].keys() == OURS | others
    of_profiles = {name: one["profiles"] for name, one in composed["services"].items() if "profiles" in one}
    assert of_profiles == {"live": ["live"], "orders": ["orders"], "ib-gateway": ["ib"]}


def test_everything_that_is_published_is_on_loopback(composed):
    published = {
        name: [(port["host_ip"], port["published"]) for port in one.get("ports", ())]
        for name, one in composed["services"].items()
    }
    assert {port for ports in published.values() for port in ports} == {
        ("127.0.0.1", port) for port in ("3000", "3001", "4002", "5432", "8080", "9090", "9093")
    }
    assert published["code"] == []  # whoever reaches it runs what he likes


def test_every_image_is_pinned_and_ours_is_built_once(composed):
    images = {one["image"] for name, one in composed["services"].items() if name not in OURS}
    assert all(re.search(r":v?\d+\.\d+(\.\d+)?[\w.-]*$", image) for image in images)
    assert {composed["services"][name]["image"] for name in OURS} == {"intraday-assets:0.1.0"}
    built = [name for name, one in composed["services"].items() if "build" in one]
    assert built == ["migrate"]
    assert Path(composed["services"]["migrate"]["build"]["context"]) == ROOT


def test_secrets_are_files_and_stand_in_no_environment(composed):
    assert composed["secrets"].keys() == {
        "timescaledb_password",
        "alpha_vantage_api_key",
        "grafana_password",
        "alert_webhook_url",
        "alertmanager_slack_url",
        "smtp_password",
        "tws_password",
    }
    assert all(one.keys() == {"name", "file"} for one in composed["secrets"].values())
    assert {Path(one["file"]).parent for one in composed["secrets"].values()} == {ROOT / "secrets"}
    for one in composed["services"].values():
        for name, value in one.get("environment", {}).items():
            if re.search("PASSWORD|KEY|SECRET|WEBHOOK", name):
                assert (name.endswith("_FILE"), str(value).startswith("/run/secrets/")) == (True, True), name


def test_ours_run_without_rights_on_a_disk_that_is_read_only(composed):
    for name in OURS | {"prometheus", "alertmanager", "grafana"}:
        one = composed["services"][name]
        assert one["read_only"], name
        assert (one["cap_drop"], one["security_opt"]) == (["ALL"], ["no-new-privileges:true"])


def test_services_wait_for_what_they_need(composed):
    needs = {
        name: {other: how["condition"] for other, how in one.get("depends_on", {}).items()}
        for name, one in composed["services"].items()
    }
    assert needs["migrate"] == {"timescaledb": "service_healthy"}
    assert needs["webserver"] == needs["daemon"] == {"code": "service_healthy"}
    for name in ("code", "live", "monitor", "orders"):
        assert needs[name] == {"migrate": "service_completed_successfully"}
    waited_for = {name for one in needs.values() for name, how in one.items() if how == "service_healthy"}
    assert all("healthcheck" in composed["services"][name] for name in waited_for)


def test_every_command_of_compose_is_one_that_there_is(composed):
    commands = [composed["services"][name]["command"] for name in OURS]
    checks = [
        one["healthcheck"]["test"][1:]
        for name, one in composed["services"].items()
        if name in OURS - {"migrate", "orders"}
    ]
    asked = [words for words in (*commands, *checks) if words[0] != "python"]
    assert len(asked) == 10
    assert all(understood(words) for words in asked)
    for words in asked:
        if "-w" in words:
            assert (ROOT / words[words.index("-w") + 1]).is_file()


def test_a_command_that_there_is_not_would_be_noticed():
    with pytest.raises(Exception, match="No such option"):
        understood(["intraday", "live", "run", "--for-ever"])
    with pytest.raises(Exception, match="No such command"):
        understood(["dagster", "api", "serve"])


def test_every_folder_that_compose_mounts_is_there(composed):
    mounted = [
        Path(volume["source"])
        for one in composed["services"].values()
        for volume in one.get("volumes", ())
        if volume["type"] == "bind"
    ]
    assert mounted
    assert [path for path in mounted if not path.exists()] == []


def test_the_services_find_the_code_where_compose_serves_it(composed):
    (location,) = yaml.safe_load((DEPLOY / "workspace.yaml").read_text())["load_from"]
    server, command = location["grpc_server"], composed["services"]["code"]["command"]
    assert server["host"] == "code"
    assert str(server["port"]) == command[command.index("-p") + 1]
    assert server["location_name"] == command[command.index("--location-name") + 1]


def steps() -> list[tuple[str, str]]:
    """The instructions of the container file."""
    text = (DEPLOY / "Containerfile").read_text().replace("\\\n", " ")
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(word, rest) for word, rest in lines]


def test_the_container_file_is_made_of_known_steps_and_ends_as_a_user_without_rights():
    assert {word for word, _ in steps()} == {"FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "ENTRYPOINT", "CMD"}
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-trixie", steps()[0][1])
    words = [word for word, _ in steps()]
    assert words.index("USER") > max(index for index, word in enumerate(words) if word == "RUN")
    for word, rest in steps():
        if word in ("ENTRYPOINT", "CMD"):
            assert isinstance(json.loads(rest), list)
        if word == "RUN":
            subprocess.run(["sh", "-n", "-c", rest], check=True)


def test_what_the_container_file_copies_is_tracked_and_all_that_the_package_needs():
    copied = {name for word, rest in steps() if word == "COPY" for name in rest.split()[:-1]}
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    assert {
        name for name in copied if not any(path == name or path.startswith(f"{name}/") for path in tracked)
    } == set()
    project = (ROOT / "pyproject.toml").read_text()
    packages = re.search(r"^packages = \[(.*)\]", project, flags=re.MULTILINE)
    assert packages
    needed = set(re.findall(r'"(\w+)"', packages.group(1))) | {"config", "sql", "deploy", "workspace.yaml"}
    assert needed <= copied


def entered(command: list[str], **variables: str) -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": os.environ["PATH"], **variables}
    return subprocess.run([str(DEPLOY / "entrypoint"), *command], env=environment, capture_output=True, text=True)


def test_the_entrypoint_hands_secrets_over_and_nothing_else(tmp_path):
    (tmp_path / "key").write_text("p4 $ss'\"w\\ord\n")
    done = entered(["env"], PGPASSWORD_FILE=str(tmp_path / "key"), INTRADAY_HOME="/x")
    assert done.returncode == 0
    given = dict(line.split("=", 1) for line in done.stdout.splitlines())
    assert (given["PGPASSWORD"], given["INTRADAY_HOME"]) == ("p4 $ss'\"w\\ord", "/x")
    assert "PGPASSWORD_FILE" not in given
    assert "ALPHA_VANTAGE_API_KEY" not in given


def test_the_entrypoint_takes_a_line_without_its_end_and_an_empty_file_for_none(tmp_path):
    (tmp_path / "key").write_text("abc")
    (tmp_path / "url").write_text("")
    files = {"ALPHA_VANTAGE_API_KEY_FILE": str(tmp_path / "key"), "ALERT_WEBHOOK_URL_FILE": str(tmp_path / "url")}
    given = entered(["env"], **files).stdout.splitlines()
    assert [line for line in given if line.startswith(("ALPHA", "ALERT"))] == ["ALPHA_VANTAGE_API_KEY=abc"]


def test_the_entrypoint_refuses_a_secret_that_is_not_there(tmp_path):
    done = entered(["true"], ALPHA_VANTAGE_API_KEY_FILE=str(tmp_path / "key"))
    assert done.returncode == 2
    assert f"{tmp_path}/key, which is not there or may not be read" in done.stderr


def test_one_password_in_the_environment_opens_both_databases(own_server, own_url, tmp_path):
    """As the entrypoint hands it over: no address has it in it."""
    role = f"role_{secrets.token_hex(6)}"
    with psycopg.connect(own_server.url(), autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {role} LOGIN SUPERUSER PASSWORD 'p4 $ss/:%'")
        own_server.ask_for_password(role)
        admin.execute("SELECT pg_reload_conf()")
    parts = urlsplit(own_url)
    database, port = parts.path.removeprefix("/"), parts.port
    (tmp_path / "password").write_text("p4 $ss/:%\n")
    done = entered(
        [sys.executable, "-m", "cli", "db", "prepare"],
        PYTHONPATH=str(ROOT),
        PYTHON_DOTENV_DISABLED="1",
        HOME=str(tmp_path),
        INTRADAY_HOME=str(tmp_path / "home"),
        PGPASSWORD_FILE=str(tmp_path / "password"),
        TIMESCALEDB_HOST="127.0.0.1",
        TIMESCALEDB_PORT=str(port),
        TIMESCALEDB_DATABASE=database,
        TIMESCALEDB_USERNAME=role,
        INTRADAY_DAGSTER_URL=f"postgresql+psycopg2://{role}@127.0.0.1:{port}/{database}",
    )
    assert (done.returncode, done.stderr) == (0, "")
    with psycopg.connect(own_url) as connection:
        made = connection.execute("SELECT to_regclass('market_data')::text, to_regclass('event_logs')::text").fetchone()
    assert made == ("market_data", "event_logs")


def units() -> list[Path]:
    return sorted((DEPLOY / "systemd").glob("*.service"))


def test_systemd_finds_nothing_wrong_with_the_units(systemd_analyze, tmp_path):
    """Debian 12's and Debian 13's; the programs are stand-ins, because nothing is installed here."""
    for name in COMMANDS:
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    for path in (DEPLOY / "systemd").rglob("*.*"):
        if path.is_file():
            copy = tmp_path / path.relative_to(DEPLOY / "systemd")
            copy.parent.mkdir(exist_ok=True)
            copy.write_text(path.read_text().replace(BIN, str(tmp_path)))
    files = [str(path) for path in tmp_path.iterdir() if path.suffix in (".service", ".target")]
    words = [*systemd_analyze, "verify", "--man=no", *files]
    environment = {**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("unit", units(), ids=lambda path: path.stem)
def test_every_command_of_a_unit_is_one_that_there_is(unit):
    lines = [line.split("=", 1)[1] for line in unit.read_text().splitlines() if line.startswith("ExecStart=")]
    (words,) = map(shlex.split, lines)
    assert words[0].startswith(f"{BIN}/")
    assert understood([words[0].removeprefix(f"{BIN}/"), *words[1:]])
    if "-w" in words:
        assert (ROOT / words[words.index("-w") + 1]).is_file()


def test_every_service_of_ours_has_a_unit_and_no_unit_holds_a_secret():
    assert {unit.stem.removeprefix("intraday-") for unit in units()} == (OURS - {"migrate"}) | {"prepare", "up"}
    for path in (DEPLOY / "systemd").rglob("*.*"):
        if path.is_file():
            assert not re.search(r"(?i)(password|api_key|secret)\s*=", path.read_text())


def test_dagster_takes_our_instance_file(tmp_path):
    (tmp_path / "dagster.yaml").write_text((DEPLOY / "dagster.yaml").read_text())
    config, _ = dagster_instance_config(str(tmp_path))
    assert config["run_monitoring"]["enabled"]
    assert config["run_launcher"]["class"] == "WatchedRunLauncher"
    assert config["concurrency"]["runs"]["max_concurrent_runs"] == 4


def documented() -> list[list[str]]:
    """The commands that docs/deployment.md shows."""
    blocks = re.findall(
        r"^```sh\n(.*?)^```", (ROOT / "docs" / "deployment.md").read_text(), flags=re.DOTALL | re.MULTILINE
    )
    return [shlex.split(line, comments=True) for block in blocks for line in block.splitlines()]


def test_every_command_of_ours_in_the_document_is_one_that_there_is():
    ours = [["intraday", *words[1:]] for words in documented() if words[0] == ".venv/bin/intraday"]
    ours += [words[words.index("intraday") :] for words in documented() if words[0] == "docker" and "intraday" in words]
    assert len(ours) >= 8
    assert all(understood(words) for words in ours)


def test_the_files_and_units_that_the_document_names_are_there(docker_compose):
    named = {word for words in documented() for word in words if word.startswith("intraday-")}
    assert named
    assert named <= {unit.stem for unit in units()}
    composes = [words[2:] for words in documented() if words[:2] == ["docker", "compose"]]
    assert {words[1] for words in composes} == {"deploy/compose.yaml"}
    for words in composes:  # what needs no engine is run; of the others the program knows the words
        asked = words if "config" in words else [words[2], "--help"]
        done = subprocess.run([*docker_compose, *asked], cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")


def test_the_folder_of_secrets_is_made_as_the_document_says(tmp_path):
    lines = [words for words in documented() if any(word.startswith("secrets") for word in words)]
    text = (ROOT / "docs" / "deployment.md").read_text()
    script = "\n".join(line for line in text.splitlines() if line.startswith(("install -d -m 700 s", "touch", "head")))
    assert len(script.splitlines()) == len(lines)
    subprocess.run(["sh", "-euc", script], cwd=tmp_path, check=True)
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    made = {path.name for path in (tmp_path / "secrets").iterdir()}
    assert made == compose["secrets"].keys()
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    assert len((tmp_path / "secrets" / "timescaledb_password").read_text().strip()) == 32


@pytest.mark.parametrize("reloading", [False, True])
def test_every_command_of_intraday_up_is_one_that_there_is(clean_environment, reloading):
    modules = {"cli": "intraday", "dagster_webserver": "dagster-webserver", "dagster._daemon": "dagster-daemon"}
    found = children(load_settings(), Wanted(3000, 8080, SERVICES, reloading))
    assert [child.name for child in found] == ["database", "prepare", *ORDER]
    for child in found:
        python, option, module, *words = child.command
        assert (python, option) == (sys.executable, "-m")
        assert understood([modules.get(module, module), *words])


def test_intraday_up_holds_no_database_where_both_are_somewhere_else(clean_environment):
    clean_environment.setenv("TIMESCALEDB_HOST", "db")
    clean_environment.setenv("INTRADAY_DAGSTER_URL", "postgresql+psycopg2://db/dagster")
    wanted = Wanted(3000, 8080, (), reloading=False)
    first = children(load_settings(), wanted)[0]
    assert (first.name, first.needs) == ("prepare", ())
    clean_environment.delenv("INTRADAY_DAGSTER_URL")
    assert [child.name for child in children(load_settings(), wanted)][:2] == ["database", "prepare"]
