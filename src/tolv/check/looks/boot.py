"""What a module does when it is loaded that takes long, or may not come back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tolv.check.look import Look
from tolv.check.source import Call, Source


@dataclass(frozen=True, slots=True)
class Slow:
    """One call at the top of a module."""

    what: str
    kind: str
    """`network`, `download`, `wait`."""
    line: int
    column: int
    guards: tuple[str, ...]


slow_boots: Look[Slow] = Look("slow boots")

_ASKS = tuple(f"requests.{one}" for one in ("get", "post", "put", "request")) + (
    "urllib.request.urlopen",
    "httpx.get",
    "httpx.post",
    "urllib.request.urlretrieve",
)
_DOWNLOADS = (
    *("hf_hub_download", "snapshot_download", "nltk.download", "spacy.cli.download", "gdown.download", "wget.download"),
    *("whisper.load_model", "torch.hub.load", ".from_pretrained", "SentenceTransformer", "download_file"),
)


@slow_boots.reads(
    "python",
    words=(
        *("requests", "urlopen", "urlretrieve", "httpx", "hf_hub_download", "snapshot_download", "nltk", "gdown"),
        *("from_pretrained", "SentenceTransformer", "whisper", "download_file", "sleep", "wget"),
    ),
)
def _python(source: Source) -> Iterator[Slow]:
    for names, kind in ((_ASKS, "network"), (_DOWNLOADS, "download")):
        for call in source.calls(*names):
            if call.scope.at_import:
                yield _slow(call, kind)
    for call in source.calls("time.sleep"):
        if call.name == "time.sleep" and call.scope.at_import:
            yield _slow(call, "wait")


@slow_boots.reads("javascript", words=("await", "execSync", "spawnSync"))
def _javascript(source: Source) -> Iterator[Slow]:
    if {b"window", b"document"} <= source.words:
        return
    for call in source.calls("fetch", "axios", "axios.get", "axios.post", "got", "needle"):
        known = call.name in ("fetch", "axios", "axios.get", "axios.post", "got", "needle")
        if known and call.scope.at_import and re.search(r"\bawait\b", source.lines[call.line - 1]):
            yield _slow(call, "network")
    for call in source.calls("execSync", "spawnSync"):
        text = "\n".join(source.lines[call.line - 1 : call.end_line])
        if call.scope.at_import and re.search(r"npm|yarn|curl|wget|git (clone|pull)|migrate|build", text):
            yield _slow(call, "download")


def _slow(call: Call, kind: str) -> Slow:
    return Slow(call.name, kind, call.line, call.column, call.scope.guards)
