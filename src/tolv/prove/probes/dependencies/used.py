"""What is used: the programs that the app starts and the packages that it loads are those that it declares."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from tolv.codebase.declared import Packages
from tolv.codebase.inference.files import Files
from tolv.codebase.modules import is_standard, pulled_in_by
from tolv.codebase.requirements import normalise
from tolv.prove.client import NoAnswer
from tolv.prove.harness.instance import Instance
from tolv.prove.harness.stand import Stand
from tolv.prove.harness.trial import Trial
from tolv.prove.harness.tripwires import Call, Tripwires
from tolv.prove.model import Outcome
from tolv.prove.probe import CannotProve, Mutation, advisory, probe, proved, refuted
from tolv.prove.probes.dependencies.installed import declared_by
from tolv.prove.watch.imports import Imports, Loaded

_ROUNDS = 6
#: What any image has (a shell, coreutils and what else POSIX asks for), and what a language's own library looks for
#: when it tells where it is, such as `ctypes.util.find_library` and `uuid.getnode` of Python.
_EVERYWHERE = frozenset(
    "[ arch awk base32 base64 basename bash busybox cat chgrp chmod chown chroot cksum clear cmp comm cp cut dash "
    "date dd df diff dir dircolors dirname du echo egrep env expand expr factor false fgrep find fmt fold getconf "
    "getent getopt grep groups gunzip gzip head hostid hostname id install join kill ldconfig ldd link ln locale "
    "logname ls md5sum mkdir mkfifo mknod mktemp more mv nice nl nohup nproc numfmt od paste pathchk pinky pr "
    "printenv printf ps ptx pwd readlink realpath rm rmdir run-parts sed seq setsid sh sha1sum sha224sum "
    "sha256sum sha384sum sha512sum shred shuf sleep sort split stat stdbuf stty sum sync tac tail tar tee "
    "tempfile test timeout touch tput tr true truncate tsort tty uname unexpand uniq unlink uptime users vdir wc "
    "which who whoami xargs yes zcat"
    "arp file ifconfig ip ld lsb_release netstat objdump".split()
)
#: Programs that apps are known to need, whether this machine has them or not.
_WANTED = (
    "convert magick identify gm ffmpeg ffprobe wkhtmltopdf wkhtmltoimage pdftotext pdftoppm gs qpdf pandoc "
    "libreoffice soffice inkscape rsvg-convert dot exiftool jpegoptim optipng pngquant curl wget git hg svn ssh "
    "scp rsync psql pg_dump pg_restore mysql mysqldump redis-cli mongodump sqlite3 sendmail openssl gpg zip unzip "
    "7z xz bzip2 jq docker kubectl aws node npm npx java php ruby perl python python2 python3 chromium "
    "google-chrome tesseract sox espeak gcc g++ make systemctl service crontab sudo su mail at nmap ping dig "
    "nslookup host traceroute youtube-dl yt-dlp"
).split()
#: Packages of distributions that bring a program of another name.
_BROUGHT_BY = {
    **dict.fromkeys(("convert", "magick", "identify"), ("imagemagick",)),
    **dict.fromkeys(("psql", "pg_dump", "pg_restore"), ("postgresql", "libpq", "postgres")),
    **dict.fromkeys(("pdftotext", "pdftoppm"), ("poppler",)),
    **dict.fromkeys(("ssh", "scp"), ("openssh",)),
    **dict.fromkeys(("mysql", "mysqldump"), ("mysql", "mariadb")),
    **dict.fromkeys(("node", "npm", "npx"), ("nodejs",)),
    "gs": ("ghostscript",),
    "dot": ("graphviz",),
    "ffprobe": ("ffmpeg",),
    "redis-cli": ("redis",),
    "rsvg-convert": ("librsvg",),
    "soffice": ("libreoffice",),
    "exiftool": ("libimage-exiftool", "perl-image-exiftool"),
    "java": ("jre", "jdk", "openjdk"),
    "7z": ("p7zip", "7zip"),
    "xz": ("xz-utils",),
    "gpg": ("gnupg",),
    "google-chrome": ("chrome", "chromium"),
    "gm": ("graphicsmagick",),
}
#: Files that say what is to be installed beside the packages of a language.
_DECLARES = re.compile(
    r"(?:^|/)(?:(?:\w+[.-])?(?:Dockerfile|Containerfile)(?:[.-]\w+)?|Aptfile|apt\.txt|packages\.txt|nixpacks\.toml|flake\.nix|"
    r"shell\.nix|default\.nix|devbox\.json|project\.toml|environment\.ya?ml|\.buildpacks|app\.json|tolv\.toml)$"
)
_SEARCH = re.compile(r"-Wl,-t\b")
_LANGUAGES = {"python": "python", "node": "javascript"}
#: What interpreters are called, of the language that an app is built with.
_INTERPRETERS = {
    "python": re.compile(r"python(?:3(?:\.\d+)?)?"),
    "node": re.compile(r"node|npm|npx|corepack|yarn|pnpm"),
}


@probe(
    "II-P3",
    title="starts only declared programs",
    tier=1,
    needs=("web",),
    does="Uses the app with a wire before each program of the system, which notes who calls it.",
    proved="It starts no program of the system, or only such as its manifests declare or any image has.",
    refuted="It starts a program that nothing declares: where that is not installed by chance, it fails.",
    fix="Declare the program (Dockerfile, Aptfile), or use a package of the language instead.",
    rules=("II-06",),
    mutation=Mutation(
        "starts git for each note",
        {"app.py": (
            ('    return Answer(201, {"id": note, "text": text}, {"Location": f"/notes/{note}"})',
             '    __import__("subprocess").run(["git", "--version"], stdout=-3, stderr=-3)\n'
             '    return Answer(201, {"id": note, "text": text}, {"Location": f"/notes/{note}"})'),
        )},
    ),
)  # fmt: skip
async def starts_declared_programs(trial: Trial) -> Outcome:
    runnable = trial.subject.runnable
    own = _INTERPRETERS.get(trial.subject.build.runtime.partition(" ")[0])
    names = {one for one in (*_programs(runnable.path), *_WANTED) if one not in _EVERYWHERE}
    names = {one for one in names if own is None or not own.fullmatch(one)}
    wires = Tripwires(trial.harness.place(f"{trial.id}-wires"), runnable, names)
    await _use_all(trial, Stand(writes=wires.writes), wires)
    declares = _declarations(trial)
    undeclared: dict[str, Call] = {}
    declared: set[str] = set()
    for call in wires.calls:
        if _SEARCH.search(call.arguments) and call.name in ("gcc", "cc"):
            continue
        if _is_declared(call.name, declares):
            declared.add(call.name)
        else:
            undeclared.setdefault(call.name, call)
    for call in undeclared.values():
        trial.saw("saw", f"it ran: {call}")
    if undeclared:
        return refuted(f"it starts {', '.join(sorted(undeclared))}, which nothing declares")
    if declared:
        return proved(f"it starts {', '.join(sorted(declared))}, as declared, and no other program of the system")
    return proved(f"none of {len(names)} programs of the system is started by its name")


async def _use_all(trial: Trial, stand: Stand, watch: Tripwires | Imports) -> None:
    """Start every process type and do all that [prove] names. What goes wrong is another probe's to say."""
    web = await trial.start(stand=stand, runnable=watch.runnable)
    for other in trial.subject.others:
        await trial.start(other.name, stand=stand, runnable=watch.runnable)
    await trial.traffic.some([web], _ROUNDS)
    for recipe in ("upload", "login", "job"):
        if trial.subject.recipes.has(recipe):
            try:
                await _once(trial, recipe, web)
            except (CannotProve, NoAnswer) as error:
                trial.saw("saw", f"the {recipe} of [prove] could not be done: {error}")


async def _once(trial: Trial, recipe: str, web: Instance) -> None:
    if recipe == "upload":
        uploaded = await trial.traffic.upload(web)
        if trial.subject.recipes.has("download"):
            await trial.traffic.download(web, uploaded)
    elif recipe == "login":
        await trial.traffic.login(web)
    else:
        await trial.traffic.job(web)


def _programs(path: Iterable[str]) -> Iterator[str]:
    """The names of all programs of the system's directories."""
    for directory in path:
        if directory.startswith(("/usr/", "/bin", "/sbin")) and os.path.isdir(directory):
            with os.scandir(directory) as entries:
                yield from (one.name for one in entries if re.fullmatch(r"[\w.+-]+", one.name))


def _declarations(trial: Trial) -> str:
    """The text of all files that declare programs."""
    files = Files(Path(trial.subject.runnable.directory))
    return "\n".join(files.text(path) or "" for path in files.near(3) if _DECLARES.search(path))


def _is_declared(name: str, declares: str) -> bool:
    return any(
        re.search(rf"(?<![\w/-]){re.escape(one)}(?![\w])", declares) for one in (name, *_BROUGHT_BY.get(name, ()))
    )


@probe(
    "II-P4",
    title="loads only declared packages",
    tier=1,
    needs=("web",),
    does="Uses the app with a hook in its Python or Node that notes which package each of its own files loads.",
    proved="Each package that its files load is one that its manifest names.",
    refuted="A file of the app loads a package that no manifest names: it is there only as what another one needs.",
    fix="Declare the package in the manifest, with its version.",
    rules=("II-04",),
    mutation=Mutation(
        "loads a package that only another one needs",
        {"app.py": (("import telemetry\n", "import telemetry\nimport typing_extensions as _extensions\n"),)},
    ),
)
async def loads_declared_packages(trial: Trial) -> Outcome:
    runtime = trial.subject.build.runtime.partition(" ")[0]
    language = _LANGUAGES.get(runtime)
    if language is None:
        raise CannotProve("only Python and Node say what they load; of others tolv check reads the imports (II-04)")
    packages = declared_by(trial.subject)
    if not packages.manifests_of(language):
        raise CannotProve("there is no manifest that could name its packages")
    dynamic = [path for path in packages.dynamic if packages.languages.get(path) == language]
    if dynamic:
        raise CannotProve(f"{dynamic[0]} computes what it declares")
    hooks = Imports(trial.harness.place(f"{trial.id}-hooks"), trial.subject.runnable)
    await _use_all(trial, Stand(writes=hooks.writes), hooks)
    loaded = hooks.loaded
    if not loaded:
        raise CannotProve(f"the hook in its {runtime} noted nothing")
    found = _python(trial, loaded, packages) if language == "python" else _javascript(loaded, packages)
    missing, companions, used = found
    for name, one in {**missing, **companions}.items():
        trial.saw("saw", f"{one.file} loads {one.module}, which is of {name}, and no manifest names that")
    if missing:
        return refuted(f"{', '.join(sorted(missing))} is loaded, and not declared")
    if companions:
        return advisory(f"{', '.join(sorted(companions))} is loaded, and only comes along with what is declared")
    named = f": {', '.join(sorted(used)[:4])}" if used else ""
    return proved(f"{len(used)} package{'' if len(used) == 1 else 's'} loaded, all declared{named}")


_Judged = tuple[dict[str, Loaded], dict[str, Loaded], set[str]]


def _python(trial: Trial, loaded: Iterable[Loaded], packages: Packages) -> _Judged:
    """Distributions that are not declared, those that come along with a well-known one, and the declared that are
    used."""
    root = Path(trial.subject.runnable.directory)
    owners = _owners(root.parent / "opt" / "venv")
    declared = {normalise(one.name) for one in packages.of("python", "main", "optional") if not one.indirect}
    along = {normalise(other) for one in declared for other in pulled_in_by(one)}
    missing: dict[str, Loaded] = {}
    companions: dict[str, Loaded] = {}
    used: set[str] = set()
    for one in loaded:
        if not one.origin or is_standard("python", one.module) or "/site-packages/" not in one.origin:
            if "/dist-packages/" in one.origin:
                missing.setdefault(f"the machine's own {one.module.split('.')[0]}", one)
            continue
        names = owners.get(one.origin.rpartition("/site-packages/")[2], set())
        if not names:
            continue
        if names & declared:
            used |= names & declared
        elif names & along:
            companions.setdefault(min(names), one)
        else:
            missing.setdefault(min(names), one)
    return missing, companions, used


def _owners(environment: Path) -> dict[str, set[str]]:
    """By file below site-packages, the distributions that have installed it."""
    found: dict[str, set[str]] = {}
    for record in environment.glob("lib/python*/site-packages/*.dist-info/RECORD"):
        name = normalise(record.parent.name.removesuffix(".dist-info").rpartition("-")[0])
        for line in record.read_text(errors="replace").splitlines():
            found.setdefault(line.rpartition(",")[0].rpartition(",")[0].strip('"'), set()).add(name)
    return found


def _javascript(loaded: Iterable[Loaded], packages: Packages) -> _Judged:
    declared = {one.name for one in packages.of("javascript", "main", "optional")}
    own = {one.name for one in packages.own if one.language == "javascript"}
    missing: dict[str, Loaded] = {}
    used: set[str] = set()
    for one in loaded:
        name = "/".join(one.module.split("/")[: 2 if one.module.startswith("@") else 1])
        if name in own or is_standard("javascript", one.module):
            continue
        if name in declared:
            used.add(name)
        else:
            missing.setdefault(name, one)
    return missing, {}, used
