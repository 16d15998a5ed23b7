"""The clean environment that a build's tools see: nothing of the host's but the way to the package indexes."""

from __future__ import annotations

import os
import re
from pathlib import Path

SYSTEM_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")

#: 1980-01-01, the first instant that a zip file can hold: the clock of everything that has no commit's.
EPOCH = 315532800

#: What is taken over from whoever runs Tolv: how to reach package indexes. None of it reaches the image.
_PASSED = re.compile(
    r"(?:HTTP|HTTPS|NO|ALL|http|https|no|all)_(?:PROXY|proxy)"
    r"|SSL_CERT_FILE|SSL_CERT_DIR|NODE_EXTRA_CA_CERTS|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|GIT_SSL_CAINFO|PIP_CERT"
    r"|UV_[A-Z0-9_]*INDEX[A-Z0-9_]*|UV_FIND_LINKS|UV_KEYRING_PROVIDER|UV_INSECURE_HOST|UV_NATIVE_TLS|UV_SYSTEM_CERTS"
    r"|UV_HTTP_TIMEOUT|UV_OFFLINE|NETRC|COREPACK_NPM_REGISTRY"
    r"|(?:NPM_CONFIG|npm_config)_(?:USERCONFIG|userconfig|REGISTRY|registry|CAFILE|cafile|OFFLINE|offline)"
)

#: pip's names for what uv calls otherwise.
_PIP_NAMES = {
    "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
    "PIP_EXTRA_INDEX_URL": "UV_INDEX",
    "PIP_FIND_LINKS": "UV_FIND_LINKS",
    "PIP_TRUSTED_HOST": "UV_INSECURE_HOST",
    "PIP_CERT": "SSL_CERT_FILE",
}


def clean_environment(cache: Path, private: Path) -> dict[str, str]:
    """Variables for a build's tools: caches below `cache`, `HOME` and `TMPDIR` in `private`."""
    values = {
        "PATH": os.pathsep.join(SYSTEM_PATH),
        "HOME": str(private / "home"),
        "TMPDIR": str(private / "tmp"),
        "LANG": "C.UTF-8",
        "NO_COLOR": "1",
        "SOURCE_DATE_EPOCH": str(EPOCH),
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "UV_CACHE_DIR": str(cache / "uv"),
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_NO_PROGRESS": "1",
        "npm_config_cache": str(cache / "npm"),
        "npm_config_update_notifier": "false",
        "npm_config_fund": "false",
        "npm_config_audit": "false",
        "COREPACK_HOME": str(cache / "corepack"),
        "COREPACK_ENABLE_DOWNLOAD_PROMPT": "0",
        # The release that this corepack knows and can verify, not the newest of the day.
        "COREPACK_DEFAULT_TO_LATEST": "0",
    }
    values |= {name: value for name, value in os.environ.items() if _PASSED.fullmatch(name)}
    for theirs, ours in _PIP_NAMES.items():
        if theirs in os.environ:
            values.setdefault(ours, os.environ[theirs])
    npmrc = Path("~/.npmrc").expanduser()
    if npmrc.is_file() and not any(name.lower() == "npm_config_userconfig" for name in values):
        values["npm_config_userconfig"] = str(npmrc)
    return values
