"""VI Processes: files that requests leave on the local disk (VI-04, VI-05)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tolv.check.facts.copies_run import worse_in_several
from tolv.check.look import Seen
from tolv.check.looks.executed import executed
from tolv.check.looks.files_written import Written, writes_of_files
from tolv.check.looks.of_names import bindings_look, calls_look
from tolv.check.looks.reach import Requests, Way, requests_of, unfollowed
from tolv.check.looks.routes import routes
from tolv.check.looks.stage import for_development
from tolv.check.model import CannotTell, Finding, NotApplicable, Outcome, Severity, Witness
from tolv.check.rule import rule
from tolv.check.rules.processes_state import without_handlers
from tolv.check.unit import Unit

_PRODUCTION = ("prod", "admin")

#: Functions that run at a start, a build or a command, whatever calls them.
_NO_REQUEST = re.compile(
    r"^(main|build|generate|setup|install|migrate|export|dump|init|create_app|configure|compile|load|backup|seed|"
    r"write_pid|render_template_to|scaffold|cli|run|log|bootstrap)(_|$|[A-Z])",
)
#: Files of other rules: logs are XI's, pid files VIII's.
_OTHERS = re.compile(r"\.log\b|\.pid\b|log_?(file|dir|path)|pid_?file", re.IGNORECASE)
_SCRIPT_PATH = re.compile(
    r"(^|/)(bin|scripts?|tools?|commands?|management|cli|tasks|build|hack)(/|\.|_)|setup\.py$|manage\.py$"
)
_STORAGE = re.compile(r"stor(e|age)|upload|persist|save|document|attachment", re.IGNORECASE)
_STORES = re.compile(r"stor(?:e|age)s?(?:/|$)", re.IGNORECASE)

storage_settings = bindings_look(
    "file storages", {"python": ("media_root", "default_file_storage", "storages", "file_upload_storage")}
)
storage_calls = calls_look(
    "upload libraries",
    {
        "python": ("FileSystemStorage", "models.FileField", "models.ImageField", "flask_uploads.UploadSet"),
        "javascript": ("multer", "multer.diskStorage", "multer.default", "formidable.IncomingForm"),
        "ruby": ("has_one_attached", "has_many_attached", "storage"),
    },
)


def _is_scripted(path: str, written: Written) -> bool:
    return bool(
        written.script
        or written.at_import
        or _SCRIPT_PATH.search(path)
        or (written.function and _NO_REQUEST.search(written.function))
    )


def _started_by_code(unit: Unit) -> set[str]:
    """The app's own programs that its server starts, to work on what requests ask for."""
    asked = {one.what.argv[0].removeprefix("./") for one in unit.seen(executed, "prod")
             if one.what.in_function and one.what.argv and not _SCRIPT_PATH.search(one.path)}  # fmt: skip
    root = f"{unit.root}/" if unit.root else ""
    return {file.path for file in unit.files if file.path.removeprefix(root) in asked}


def local_writes(unit: Unit, requests: Requests) -> Iterator[tuple[Seen[Written], Way | None]]:
    """What production code writes to the local disk for good, and how a request gets there."""
    started = _started_by_code(unit)
    for seen in unit.seen(writes_of_files, "prod"):
        one = seen.what
        if one.temporary or (_OTHERS.search(one.path) and not one.of_work):
            continue
        way = requests.way_to(seen.path, one.line, one.function, one.owner)
        if way is None and seen.path not in started and _is_scripted(seen.path, one):
            continue
        yield seen, way


@rule(
    "VI-04",
    severity="warning",
    materials=("python", "javascript", "go", "java", "ruby", "php"),
    looks=(writes_of_files, storage_settings, storage_calls, routes),
    title="Uploads are kept on the local disk",
    why="Other processes do not see the file, and it is gone with the container: users lose what they uploaded.",
    fix="Put it in an object store (S3 and its like) and keep its key; a temporary file on the way is fine.",
    bad='request.files["photo"].save(os.path.join("uploads", name))',
    good='s3.upload_fileobj(request.files["photo"], os.environ["BUCKET"], name)',
    source="https://12factor.net/processes",
    probe="VI-P5",
)
def uploads_on_disk(unit: Unit) -> Iterator[Outcome]:
    """An error where several copies are deployed: one alone may have a volume, which nothing here tells."""
    yield from worse_in_several(unit, _uploads(unit))


def _uploads(unit: Unit) -> Iterator[Outcome]:
    requests = requests_of(unit)
    found = False
    for seen, way in local_writes(unit, requests) if requests or "php" in unit.languages else ():
        if seen.what.uploaded and not seen.what.stored and not seen.what.removed:
            found = True
            level: Severity | None = None if way or seen.what.name == "move_uploaded_file" else "warning"
            yield Finding(
                "an upload is saved on the local disk" + (f" by {way}" if way else ""),
                unit.place(seen.path, seen.what.line, seen.what.column),
                level,
                subject="upload",
            )
    for outcome in (*_django_uploads(unit), *_upload_libraries(unit), *_rails_uploads(unit)):
        found = True
        yield outcome
    if not found:
        yield NotApplicable("nothing that keeps uploads was found")


def _django_uploads(unit: Unit) -> Iterator[Outcome]:
    """MEDIA_ROOT with a field that holds files, and no storage but the default one."""
    fields = [one for one in unit.seen(storage_calls, *_PRODUCTION, "migrations") if "models." in one.what.name]
    settings = [one for one in unit.seen(storage_settings, "prod") if not for_development(one.what.scope)]
    stores = [one for one in settings if one.what.name in ("DEFAULT_FILE_STORAGE", "STORAGES")]
    remote = [one for one in stores if "FileSystemStorage" not in str(one.what.value)]
    own = [one for one in fields if "storage" in one.what.keywords]
    for seen in settings:
        if seen.what.name != "MEDIA_ROOT" or not fields or not unit.uses("django"):
            continue
        place = unit.place(seen.path, seen.what.line, seen.what.column)
        also = tuple(unit.place(one.path, one.what.line) for one in fields[:3])
        if not remote and len(own) < len(fields) and not unit.uses("storages", "django-storages"):
            yield Finding("uploads are kept in MEDIA_ROOT on the local disk", place, also=also, subject="MEDIA_ROOT")
        elif any(one.what.scope.guards for one in remote) or not remote:
            message = "uploads are kept in MEDIA_ROOT on the local disk unless another storage is configured"
            yield Finding(message, place, "warning", also=also, subject="MEDIA_ROOT")
        else:
            yield Witness("uploads go to the configured storage", unit.place(remote[0].path, remote[0].what.line))
        return


_RAILS_SERVICE = re.compile(r"^\s*config\.active_storage\.service\s*=\s*:(\w+)", re.MULTILINE)


def _rails_uploads(unit: Unit) -> Iterator[Outcome]:
    """Active Storage on the disk of production, where a model attaches something; CarrierWave's `storage :file`."""
    for seen in unit.seen(storage_calls, "prod"):
        if (
            seen.what.last == "storage"
            and seen.what.arguments
            and (seen.what.arguments[0].text or "").strip(":") == "file"
        ):
            place = unit.place(seen.path, seen.what.line, seen.what.column)
            yield Finding("uploads are kept in files on the local disk", place, subject="CarrierWave")
    attached = next((one for one in unit.seen(storage_calls, "prod") if "attached" in one.what.last), None)
    if attached is None:
        return
    disks = {
        name
        for file in unit.named("storage.yml")
        for name, body in re.findall(r"^(\w+):\n((?:[ \t]+.*\n?|\n)*)", unit.text(file.path) or "", re.MULTILINE)
        if re.search(r"service:\s*[\"']?Disk", body)
    }
    for file in unit.named("config/environments/production.rb", "*/config/environments/production.rb"):
        match = _RAILS_SERVICE.search(unit.text(file.path) or "")
        if match is not None:
            line = (unit.text(file.path) or "").count("\n", 0, match.start(1)) + 1
            place = unit.place(file.path, line)
            if match[1] in disks:
                also = (unit.place(attached.path, attached.what.line),)
                yield Finding(
                    "production keeps attachments on the local disk", place, also=also, subject="ActiveStorage"
                )
            else:
                yield Witness(f"attachments go to {match[1]}", place)


def _upload_libraries(unit: Unit) -> Iterator[Outcome]:
    stored = unit.uses("multer-s3", "@aws-sdk/client-s3", "aws-sdk", "@google-cloud/storage", "cloudinary", "minio")
    for seen in unit.seen(storage_calls, "prod"):
        call, place = seen.what, unit.place(seen.path, seen.what.line, seen.what.column)
        on_disk = call.name.endswith(".diskStorage") or (call.name.startswith("multer") and "dest" in call.keywords)
        if on_disk and not re.search(r"tmp|temp", str(call.keywords.get("dest")), re.IGNORECASE):
            level: Severity | None = "note" if _takes_away(unit) else "warning" if stored else None
            yield Finding("multer keeps uploads on the local disk", place, level, subject="multer")
        elif call.name.endswith("UploadSet"):
            yield Finding("an upload set keeps uploads on the local disk", place, subject="UploadSet")
        elif call.name.endswith("FileSystemStorage") and not call.scope.at_import and "location" not in call.keywords:
            yield Finding("a storage on the local disk is made in a function", place, "warning", subject="storage")


_TAKEN_AWAY = re.compile(
    rb"\b(?:unlink|rm|remove|readFile|createReadStream)(?:Sync)?\(\s*(?:\w+\??\.)*(?:file\w*|opts|options|upload\w*|image|req\.file)\??\.path\b"
)


def _takes_away(unit: Unit) -> bool:
    """Whether code of JavaScript reads or removes an upload by its path: where it lay was a stop on its way."""
    sources = (unit.source(one.path) for one in unit.files if one.language == "javascript" and one.context == "prod")
    return any(b"path" in one.words and _TAKEN_AWAY.search(one.data) for one in sources if one is not None)


#: Modules that keep things elsewhere than in files of the machine.
_ELSEWHERE = re.compile(
    r"(?i)(?:^|[-_.])(?:s3|minio|gcs|gcp|google|azure|aws|bolt|mongo(?:db)?|redis|postgres(?:ql)?|pg|mysql|sql|database|db|swift|oss|"
    r"cloud|object|remote|rpc|b2|ftp|webdav|memcached?|rethinkdb)(?:$|[-_.])"
)
_FILES = re.compile(r"(?i)(?:^|[-_.])(?:fs|files?|filesystem|file_?system|disk|local)(?:$|[-_.])")


def _is_one_of_several(unit: Unit, path: str) -> bool:
    """Whether a module is called for files, and beside it are modules of other stores: `fs_store.go`, `s3_store.go`."""
    directory, _, name = path.rpartition("/")
    names = [_CAMEL.sub("_", one.partition(".")[0]) for one in (name, directory.rpartition("/")[2])]
    suffix = name.rpartition(".")[2]
    if _FILES.search(names[0]):
        beside = (file.name for file in unit.files if file.directory == directory and file.name.endswith(suffix))
    elif _FILES.search(names[1]):
        above = directory.rpartition("/")[0]
        beside = (
            file.directory.rpartition("/")[2] for file in unit.files if file.directory.rpartition("/")[0] == above
        )
    else:
        return False
    return any(_ELSEWHERE.search(_CAMEL.sub("_", one.partition(".")[0])) for one in beside)


_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z][a-z])")


@rule(
    "VI-05",
    severity="warning",
    materials=("python", "javascript", "go", "java", "ruby", "php"),
    looks=(writes_of_files, routes),
    title="A request writes to the local disk",
    why="The file is on one machine until the container is replaced: what reads it later may not find it.",
    fix="Keep the data in a backing service; write to a temporary file what the request alone needs.",
    bad='with open("data/report.json", "w") as file:\n    json.dump(report, file)',
    good="reports.insert(id=id, body=json.dumps(report))",
    source="https://12factor.net/processes",
    probe="VI-P4",
)
def files_of_requests(unit: Unit) -> Iterator[Outcome]:
    requests = requests_of(unit)
    if not requests:
        yield without_handlers(unit)
        return
    found = False
    same: set[tuple[str, str | None, str]] = set()
    for seen, way in local_writes(unit, requests):
        one = seen.what
        if one.uploaded or (one.removed and one.stored) or (way is None and one.generated):
            continue
        directory, _, name = seen.path.rpartition("/")
        stores = bool(_STORAGE.search(f"{name} {one.owner} {one.function}") or _STORES.search(directory))
        if way is None and not stores and re.fullmatch(r"[$\w]*", one.path):
            continue  # whoever calls names the file
        found = True
        if way is None and one.path and one.function and (seen.path, one.function, one.path) in same:
            continue  # the same file, written step by step
        same.add((seen.path, one.function, one.path))
        chosen = one.stored or _is_one_of_several(unit, seen.path)
        message = f"{way} writes a file on the local disk" if way else "a file is written on the local disk"
        yield Finding(
            f"{message}, where no other store is chosen" if chosen else message,
            unit.place(seen.path, one.line, one.column),
            None if (way or stores) and not chosen else "note",
            subject="write",
        )
    if not found and (language := unfollowed(unit, writes_of_files)):
        yield CannotTell(f"what handlers in {language.capitalize()} write is not followed")
    elif not found:
        first = next(iter(unit.seen(routes, *_PRODUCTION)), None)
        place = unit.place(first.path, first.what.line) if first else None
        yield Witness("no request handler writes a file outside of temporary storage", place)
