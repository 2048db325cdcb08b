"""The checkout itself: what may not be in it, and that what its documents say is so."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]


def tracked() -> list[Path]:
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\n")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def test_the_lock_pins_every_dependency_with_hashes_and_names_no_index():
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock
    assert not re.search(r"--(extra-)?index-url|--find-links", lock)
    pinned = re.findall(r"^([A-Za-z0-9_.-]+)==\S+.*\\\n(    --hash=sha256:[0-9a-f]{64})", lock, flags=re.MULTILINE)
    requirements = [line for line in lock.splitlines() if line and line[0] not in "# "]
    assert len(pinned) == len(requirements)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    declared = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    names = {re.match(r"[A-Za-z0-9_-]+", line).group().lower() for line in declared}
    assert names <= {name.lower() for name, _ in pinned}


def test_every_make_target_in_the_documents_exists():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    for document in ("README.md", "CONTRIBUTING.md"):
        named = set(re.findall(r"`make ([a-z]+)", (ROOT / document).read_text()))
        assert named
        assert named <= targets


def test_relative_links_in_the_documents_lead_somewhere():
    for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]:
        for link in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
            if "://" not in link:
                assert (document.parent / link).exists(), f"{document.name}: {link}"


def test_every_folder_of_the_map_exists_and_every_room_is_on_it():
    readme = (ROOT / "README.md").read_text()
    on_the_map = set(re.findall(r"^\| `([a-z_./]+)/` \|", readme, flags=re.MULTILINE))
    rooms = {path.relative_to(ROOT).parts[0] for path in tracked() if len(path.relative_to(ROOT).parts) > 1}
    assert on_the_map == {room for room in rooms if not room.startswith(".")}


def test_every_key_of_the_example_environment_is_known():
    from resources.alerting import mail, webhook
    from resources.settings import NOT_SETTINGS, Settings

    names = re.findall(r"^# ([A-Z_]+)=", (ROOT / ".env.example").read_text(), flags=re.MULTILINE)
    known = {f"INTRADAY_{name.upper()}" for name in Settings.model_fields} | NOT_SETTINGS | {"INTRADAY_QUALITY"}
    known |= {webhook.URL_VARIABLE, mail.PASSWORD_VARIABLE}
    for name in names:
        assert name.startswith(("ALPHA_VANTAGE_API_KEY", "TIMESCALEDB_")) or name.split("__")[0] in known


def test_no_module_is_long():
    modules = [path for path in tracked() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] != "tests"]
    assert {path.name for path in modules if len(path.read_text().splitlines()) > 350} == set()


def test_workspace_points_at_the_definitions():
    (location,) = yaml.safe_load((ROOT / "workspace.yaml").read_text())["load_from"]
    assert location["python_module"]["module_name"] == "intraday_assets.definitions"


@pytest.mark.parametrize("ignored", [".intraday/demo/postgres/PG_VERSION", ".env", ".venv/bin/python"])
def test_data_and_secrets_are_ignored_by_git(ignored):
    assert subprocess.run(["git", "check-ignore", "-q", ignored], cwd=ROOT).returncode == 0
