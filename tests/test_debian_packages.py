"""Programs from Debian's packages in a private folder: apt's sources read, failures explained, a folder found again."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy import debian_packages as install
from deploy.timescaledb.install import BUNDLE

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def test_one_line_sources() -> None:
    text = """
# deb http://mirror.example/commented bookworm main
deb http://mirror.example/debian bookworm main contrib  # the archive
deb-src http://mirror.example/debian bookworm main
  deb [arch=amd64 signed-by=/keys/a.gpg,/keys/b.gpg] https://mirror.example/other stable main
deb [trusted=yes] http://mirror.example/flat ./
"""
    assert install.parse_list(text) == [
        install.Source("http://mirror.example/debian", "bookworm", ("main", "contrib")),
        install.Source("https://mirror.example/other", "stable", ("main",), "/keys/a.gpg,/keys/b.gpg"),
        install.Source("http://mirror.example/flat", "./", ()),
    ]


def test_deb822_sources_one_for_each_uri_and_suite() -> None:
    text = f"""\
Types: deb deb-src
# a comment inside the stanza
URIs: http://mirror.example/debian
 http://second.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: {KEYRING}

Types: deb
URIs: http://mirror.example/debian-security
suites: bookworm-security
Components: main contrib
"""
    assert install.parse_deb822(text) == [
        install.Source("http://mirror.example/debian", "bookworm", ("main",), KEYRING),
        install.Source("http://mirror.example/debian", "bookworm-updates", ("main",), KEYRING),
        install.Source("http://second.example/debian", "bookworm", ("main",), KEYRING),
        install.Source("http://second.example/debian", "bookworm-updates", ("main",), KEYRING),
        install.Source("http://mirror.example/debian-security", "bookworm-security", ("main", "contrib")),
    ]


@pytest.mark.parametrize("line", ["Enabled: no", "Types: deb-src"])
def test_deb822_leaves_out_what_apt_would_not_install_from(line: str) -> None:
    text = f"Types: deb\n{line}\nURIs: http://mirror.example/debian\nSuites: bookworm\nComponents: main\n"
    assert install.parse_deb822(text) == []


def test_deb822_with_the_key_inside_gives_a_keyring_file(tmp_path: Path) -> None:
    text = """\
Types: deb
URIs: http://mirror.example/debian
Suites: bookworm
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mDMEZxExample
 -----END PGP PUBLIC KEY BLOCK-----
"""
    (source,) = install.parse_deb822(text)
    keyring = Path(install.find_keyrings(source.signed_by, tmp_path)[0])
    expected = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDMEZxExample\n-----END PGP PUBLIC KEY BLOCK-----\n"
    assert keyring.read_text() == expected


def test_keyrings_are_the_sources_own_and_then_debians(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own, debian, absent = (str(tmp_path / name) for name in ("own.gpg", "debian.gpg", "absent.gpg"))
    Path(own).touch()
    Path(debian).touch()
    monkeypatch.setattr(install, "KEYRINGS", (absent, debian))
    assert install.find_keyrings(f"{own},{absent}", tmp_path) == [own, debian]
    assert install.find_keyrings(debian, tmp_path) == [debian]
    assert install.find_keyrings("0123456789ABCDEF0123456789ABCDEF01234567", tmp_path) == [debian]


def test_the_main_archive_is_chosen_among_others() -> None:
    others = [
        install.Source("https://vendor.example/apt", "bookworm", ("main",)),
        install.Source("https://vendor.example/debian", "bookworm-pgdg", ("main",)),
        install.Source("http://mirror.example/debian-security", "bookworm-security", ("main",)),
        install.Source("http://mirror.example/debian", "bookworm-backports", ("main",)),
        install.Source("https://vendor.example/linux/debian", "bookworm", ("stable",)),
        install.Source("cdrom:[Debian 12]/", "bookworm", ("main",)),
    ]
    archive = install.Source("http://mirror.example/debian", "bookworm", ("main",))
    updates = install.Source("http://mirror.example/debian", "bookworm-updates", ("main",))
    assert install.choose_archive([*others, archive], "bookworm") == archive
    unusual = install.Source("http://mirror.example/os", "bookworm", ("main",))
    unusual_updates = install.Source("http://mirror.example/os", "bookworm-updates", ("main",))
    assert install.choose_archive([*others, unusual, unusual_updates], "bookworm") == unusual
    assert install.choose_archive([*others, updates, archive], "bookworm") == archive


def test_no_main_archive_is_an_error_that_a_retry_does_not_cure() -> None:
    security = install.Source("http://mirror.example/debian-security", "bookworm-security", ("main",))
    with pytest.raises(install.InstallError, match=r"no mirror of Debian's main archive.*would not help") as caught:
        install.choose_archive([security], "bookworm")
    assert caught.value.retry is False


@pytest.mark.parametrize(
    ("output", "sentence", "retry"),
    [
        ("Err:1\nE: Failed to fetch http://m.example/x  Could not resolve 'm.example'", "cannot be reached", True),
        (
            "W: GPG error: http://m.example InRelease: NO_PUBKEY 6ED0E7B82643E131",
            "debian-archive-keyring",
            False,
        ),
        ("E: The repository 'http://m.example/debian trixie Release' does not have a Release file.", "trixie", False),
        ("E: Failed to fetch http://m.example/a.deb  404  Not Found", "Failed to fetch", True),
        ("E: Unable to locate package postgresql-17", "Unable to locate", False),
        ("", "no output", False),
    ],
)
def test_failures_say_why_and_whether_a_retry_helps(output: str, sentence: str, retry: bool) -> None:
    error = install.explain("apt-get", output)
    assert sentence in str(error)
    assert str(error).endswith("A retry may help." if retry else "A retry would not help.")
    assert error.retry is retry


def test_a_mirrors_password_is_not_repeated() -> None:
    error = install.explain("apt-get", "E: Failed to fetch https://someone:hunter2@mirror.example/debian/x.deb")
    assert "hunter2" not in str(error)
    assert "https://mirror.example/debian/x.deb" in str(error)


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    prefix = tmp_path / "prefix"
    prefix.mkdir()
    (prefix / "precious").touch()
    with pytest.raises(install.InstallError, match=r"holds something else.*would not help"):
        install.install(BUNDLE, prefix)
    assert [path.name for path in prefix.iterdir()] == ["precious"]


def test_a_finished_prefix_is_found_again_unless_it_was_moved_or_lacks_its_programs(tmp_path: Path) -> None:
    prefix = tmp_path / "prefix"
    prefix.mkdir()
    (prefix / BUNDLE.marker).write_text(f'{{"prefix": "{prefix}"}}')
    programs = prefix / "usr/lib/postgresql/17/bin"
    assert not install.is_complete(BUNDLE, prefix)
    programs.mkdir(parents=True)
    (programs / "postgres").touch()
    assert install.install(BUNDLE, prefix) == programs
    moved = prefix.rename(tmp_path / "moved")
    assert not install.is_complete(BUNDLE, moved)
