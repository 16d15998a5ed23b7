"""Files that code writes, and what the function around it does with them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tolv.check.look import Look
from tolv.check.source import Call, Function, Source, Value


@dataclass(frozen=True, slots=True)
class Written:
    """One place that writes a file."""

    name: str
    """The function that writes, resolved: `open`, `fs.writeFile`."""
    path: str
    """What is known of the file's path: literal text and names."""
    line: int
    column: int
    function: str | None
    owner: str | None
    at_import: bool
    temporary: bool
    """The path is a temporary one, or a device."""
    uploaded: bool
    """The function around it takes an upload."""
    stored: bool
    """… and hands something to an object store."""
    generated: bool
    """… and makes up random values."""
    script: bool
    """The file is a program for the command line."""
    removed: bool
    """The function around it deletes files too."""
    secret: bool = False
    """The function around it makes up a value that is called a secret or key."""
    of_work: bool = False
    """Its path is a field of what is worked on (`job.log_file`), not of a setting."""


writes_of_files: Look[Written] = Look("written files")

_TEMPORARY = re.compile(
    r"temp(file|dir|orary|nam)?\b|tmp|php://|mkstemp|mkdtemp|gettempdir|/dev/|stdout|stderr|devnull|BytesIO|StringIO|os\.tmpdir",
    re.IGNORECASE,
)
_UPLOADED = re.compile(
    r"UploadFile|move_uploaded_file|FormFile\(|MultipartFile|request\.files|request\.FILES|cleaned_data\[|\.multipart\(|req\.files?\b|request\.file\b|\.save_file\("
)
_STORED = re.compile(
    r"upload_file|upload_fileobj|put_object|putObject|PutObject|upload_blob|upload_from|\.uploadFile|S3Client|boto3|"
    r"[bB]ucket|BUCKET|blob_client|cloudinary|[mM]inio|default_storage|send_file|FileResponse|sendFile|\.download\("
)
_GENERATED = re.compile(
    r"token_(hex|bytes|urlsafe)|urandom|generate_key|get_random_secret_key|randomBytes|generateKeyPair|SecureRandom|"
    r"generate_private_key|uuid4|randomUUID"
)
#: `secret_key = generateId(32)`, `"SECRET_KEY_BASE" => SecureRandom.hex(64)`.
_MADE_UP = re.compile(
    r"(?i)\b\w*(?:secret_?key|signing_?key|session_?(?:key|secret)|jwt_?(?:key|secret)|app_?key|encryption_?key)\w*[\"']?\s*"
    r"(?:=>|:=|=(?!=)|:)[^\n]{0,80}(?:random|generat|uuid|unique_?id|nanoid|token_hex|token_urlsafe)\w*"
)
_SCRIPT = (
    *("argparse", "click", "typer", "fire", "docopt", "commander", "yargs", "minimist", "inquirer", "optparse"),
    *("BaseCommand", "setuptools", "cyclopts"),
)
_PYTHON = ("open", "write_text", "write_bytes", "save", "copyfileobj")
_WRITING = re.compile(r"[wax+]")


@writes_of_files.reads("python", words=(*_PYTHON, "FileSystemStorage"))
def _python(source: Source) -> Iterator[Written]:
    functions = source.functions()
    for call in source.calls("open", ".open"):
        mode = call.argument(0 if call.written.endswith(".open") and _is_path_object(call) else 1, "mode")
        if mode is not None and mode.is_text and _WRITING.search(mode.text or "") and len(mode.text or "") < 5:
            of_path = call.written.endswith(".open") and _is_path_object(call)
            origin = _origin(source, functions, call) if of_path or not call.written.endswith(".open") else ""
            yield _written(source, functions, call, None if of_path else call.argument(0, "file"), origin=origin)
    for call in source.calls(".write_text", ".write_bytes"):
        yield _written(source, functions, call, None, origin=_origin(source, functions, call))
    for call in source.calls(".save"):
        if _saves_upload(source, call):
            yield _written(source, functions, call, call.argument(0, "dst"), uploaded=True)


def _is_path_object(call: Call) -> bool:
    return not call.name.startswith(("io.", "aiofiles.", "codecs.", "gzip.", "os.", "tarfile.", "zipfile.", "bz2."))


def _saves_upload(source: Source, call: Call) -> bool:
    """`request.files["f"].save(path)`, `form.photo.data.save(path)`: what Werkzeug gives saves itself."""
    if len(call.arguments) != 1 or call.keywords.keys() - {"buffer_size"}:
        return False
    if "request.files" in call.name or call.name.endswith("files.getlist.save"):
        return True
    if b"FileField" in source.words and call.written.endswith(".data.save"):
        return True
    receiver = call.written.rpartition(".")[0].rpartition(".")[2].lower()
    return (
        b"files" in source.words and b"flask" in source.words and receiver in ("file", "f", "upload", "image", "photo")
    )


@writes_of_files.reads(
    "javascript",
    words=(
        *("writeFile", "writeFileSync", "appendFile", "appendFileSync", "createWriteStream", "outputFile"),
        *("outputFileSync", "mv", "outputJson", "writeJson", "openSync"),
    ),
)
def _javascript(source: Source) -> Iterator[Written]:
    functions = source.functions()
    names = ("writeFile", "writeFileSync", "appendFile", "appendFileSync", "createWriteStream")
    for call in source.calls(*names, "outputFile", "outputFileSync", "writeJson", "outputJson"):
        receiver = call.name.rpartition(".")[0]
        if receiver == "" or re.search(r"\bfs\b|fs-extra|fs/promises|graceful-fs|^node:fs", receiver):
            yield _written(source, functions, call, call.argument(0))
    for call in source.calls("open", "openSync"):
        mode = call.argument(1)
        opened = re.search(r"\bfs\b|fs-extra|graceful-fs|^node:fs", call.name.rpartition(".")[0])
        if opened and mode is not None and mode.is_text and _WRITING.search(mode.text or ""):
            yield _written(source, functions, call, call.argument(0))
    for call in source.calls(".mv"):
        if "files" in call.written or b"fileupload" in source.words:
            yield _written(source, functions, call, call.argument(0), uploaded=True)


@writes_of_files.reads("php", words=("file_put_contents", "fopen", "move_uploaded_file"))
def _php(source: Source) -> Iterator[Written]:
    functions = source.functions()
    for call in source.calls("file_put_contents"):
        yield _written(source, functions, call, call.argument(0))
    for call in source.calls("fopen"):
        mode = call.argument(1)
        if mode is not None and mode.is_text and _WRITING.search(mode.text or ""):
            yield _written(source, functions, call, call.argument(0))
    for call in source.calls("move_uploaded_file"):
        yield _written(source, functions, call, call.argument(1), uploaded=True)


@writes_of_files.reads("go", words=("WriteFile", "Create", "OpenFile", "SaveUploadedFile", "SaveFile"))
def _go(source: Source) -> Iterator[Written]:
    functions = source.functions()
    for call in source.calls("os.WriteFile", "os.Create", "ioutil.WriteFile", "io/ioutil.WriteFile"):
        yield _written(source, functions, call, call.argument(0))
    for call in source.calls(".SaveUploadedFile", ".SaveFile"):
        if re.search(r"gin|fiber|echo", call.name):
            yield _written(source, functions, call, call.argument(1), uploaded=True)


@writes_of_files.reads("ruby", words=("write", "binwrite", "open"))
def _ruby(source: Source) -> Iterator[Written]:
    functions = source.functions()
    for call in source.calls("File.write", "File.binwrite", "IO.write", "File.open", "FileUtils.cp", "FileUtils.mv"):
        mode = call.argument(1)
        if call.last != "open" or (mode is not None and mode.is_text and _WRITING.search(mode.text or "")):
            yield _written(source, functions, call, call.argument(1 if call.last in ("cp", "mv") else 0))


@writes_of_files.reads("java", words=("transferTo", "FileWriter", "FileOutputStream", "Files"))
def _java(source: Source) -> Iterator[Written]:
    functions = source.functions()
    for call in source.calls("FileWriter", "FileOutputStream", "Files.write", "Files.writeString", "Files.copy"):
        if call.last != "copy" or b"MultipartFile" in source.words:
            yield _written(source, functions, call, call.argument(1 if call.last == "copy" else 0))
    if b"MultipartFile" in source.words:
        for call in source.calls(".transferTo"):
            yield _written(source, functions, call, call.argument(0), uploaded=True)


def _written(
    source: Source,
    functions: Sequence[Function],
    call: Call,
    path: Value | None,
    *,
    uploaded: bool = False,
    origin: str = "",
) -> Written:
    around = _around(source, functions, call.line, call.end_line)
    described = described_path(path) if path is not None else call.written
    text = "\n".join(source.lines[call.line - 1 : call.end_line])
    temporary = bool(_TEMPORARY.search(described) or (path is not None and _TEMPORARY.search(text)))
    temporary = temporary or _OF_TEMPORARY.search(origin) is not None
    last = _last_name(text, around) if path is not None else None
    if last is not None:
        described, temporary = last, bool(_TEMPORARY.search(last))
    names = [n for n, k in zip(call.scope.names, call.scope.kinds, strict=True) if k == "function"]
    script = any(one.encode() in source.words for one in _SCRIPT) or source.data.startswith(b"#!")
    return Written(
        call.name,
        described,
        call.line,
        call.column,
        names[-1] if names else None,
        call.scope.owner,
        call.scope.at_import,
        temporary,
        uploaded or bool(_UPLOADED.search(around)),
        bool(_STORED.search(around)),
        bool(_GENERATED.search(around)),
        script,
        bool(re.search(r"\b(os\.(remove|unlink)|\.unlink|rmtree|unlinkSync|rmSync)\(", around)),
        _MADE_UP.search(around) is not None,
        _is_of_work(source, functions, call, path),
    )


#: What Python code calls places for temporary files.
_OF_TEMPORARY = re.compile(r"(?i)temp_?(?:file|dir|orary|path|folder|nam)|\btmp|_tmp|scratch|mkdtemp|mkstemp|BytesIO")
_NAME = re.compile(r"[A-Za-z_][\w.]*")
#: Names that a path is made of, one after another.
_HOPS = 3


def _origin(source: Source, functions: Sequence[Function], call: Call) -> str:
    """What the path of a file is made of, as far as the function around tells: the texts of its names' assignments."""
    line = source.lines[call.line - 1][call.column - 1 :]
    around = [one for one in functions if one.line <= call.line <= one.end_line]
    first = min((one.line for one in around), default=1)
    above = source.lines[first - 1 : call.line]
    if call.written.endswith((".write_text", ".write_bytes", ".open")):
        found = call.written.rpartition(".")[0]
    else:
        opened = re.match(r"open\(\s*([^,)]{1,120})", line)
        found = opened[1] if opened else ""
    wanted: list[str] = _NAME.findall(found)
    known: set[str] = set()
    for _ in range(_HOPS):
        names, wanted = wanted, []
        for name in names:
            if name in known or len(known) > 20:
                continue
            known.add(name)
            for number, text in enumerate(above):
                made = re.match(rf"\s*{re.escape(name)}\s*(?::[^=]+)?=\s*(.*)", text)
                if made is not None:
                    right = made[1] + (" ".join(above[number + 1 : number + 3]) if made[1].endswith(("(", ",")) else "")
                    found += f" {right}"
                    wanted += _NAME.findall(right)
    return found[:2000]


#: What is renamed, and to what: the second half of a write that others see whole or not at all.
_RENAMED = re.compile(
    r"(?:\brename(?:Sync)?|\bos\.(?:replace|rename)|\bos\.Rename|\bshutil\.move|\bmoveSync|\bFile\.rename|\bFileUtils\.mv"
    r"|\bFiles\.move)\(\s*([^,\n]{1,120}?)\s*,\s*([\w.$]+)"
)


def _last_name(text: str, around: str) -> str | None:
    """What a file that is renamed at once is called in the end, as far as the function around tells."""
    for renamed in _RENAMED.finditer(around):
        if renamed[1] in text:
            made = re.search(rf"\b{re.escape(renamed[2].rpartition('.')[2])}\s*:?=\s*([^\n]+)", around)
            return f"{renamed[2]} {made[1] if made else ''}"
    return None


#: Owners of paths that are settings, or the process's own.
_SETTINGS = re.compile(
    r"(?i)this|self|cls|that|exports|module|\w*(?:config|conf|settings?|options?|opts|args|argv|params|env|environ|app"
    r"|application|server|logger|log|logging|ctx|context|constants|paths?|process|cfg|program|flags)"
)


def _is_of_work(source: Source, functions: Sequence[Function], call: Call, path: Value | None) -> bool:
    """`appendFile(job.log_file, …)`, where the job is a parameter or comes with a call."""
    text = "\n".join(source.lines[call.line - 1 : call.end_line])
    given = re.search(rf"{re.escape(call.written.rpartition('.')[2])}\(\s*(\w+)\.\w+", text)
    if path is None or given is None or _SETTINGS.fullmatch(given[1]):
        return False
    within = [one for one in functions if one.line <= call.line <= one.end_line]
    if any(given[1] in one.parameters for one in within):
        return True
    taken = re.compile(rf"\b{re.escape(given[1])}\s*=\s*[\w.$]+\[|\b{re.escape(given[1])}\s+(?:of|in)\s")
    return any(taken.search(line) for one in within for line in source.lines[one.line - 1 : call.line])


def _around(source: Source, functions: Sequence[Function], line: int, end: int) -> str:
    """The text of the innermost function around a call, or of some lines about it."""
    spans = [(one.end_line - one.line, one.line, one.end_line) for one in functions if one.line <= line <= one.end_line]
    first, last = min(spans)[1:] if spans else (max(1, line - 12), end + 6)
    return "\n".join(source.lines[first - 1 : last])


def described_path(value: Value) -> str:
    """All text and names of an expression."""
    own = [part for part in (value.text, value.name if value.kind != "literal" else None, value.via) if part]
    return " ".join([*own, *(described_path(part) for part in value.parts[:8])])[:300]
