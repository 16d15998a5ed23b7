"""Where Tolv keeps its state: one directory, `$TOLV_HOME` or `~/.tolv`, and the name of each thing in it.

Two homes on one machine share nothing but the interpreter. Light to import: the CLI does so on every start.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path

from tolv.errors import PlatformError

#: Longest path that fits a `sockaddr_un` (Linux: 108 bytes with the final NUL).
_SOCKET_PATH_LIMIT = 107


@dataclass(frozen=True, slots=True)
class Home:
    """The paths of one Tolv installation; making the object touches nothing on disk."""

    root: Path

    @property
    def store_url(self) -> str:
        """The store's URL: `$TOLV_STORE_URL`, or SQLite in this home."""
        return os.environ.get("TOLV_STORE_URL") or f"sqlite:///{self.root / 'store.db'}"

    @property
    def key_file(self) -> Path:
        """The keys that config is encrypted with, one Fernet key a line, the newest first; mode 0600."""
        return self.root / "keys"

    @property
    def server_socket(self) -> Path:
        """The server's HTTP API; mode 0600."""
        return self.root / "server.sock"

    @property
    def server_lock(self) -> Path:
        """Held (flock) by the one server that may run on this home."""
        return self.root / "server.lock"

    @property
    def server_state(self) -> Path:
        """JSON: `pid`, `start_time`, `boot_id`, `port` and `budgets` of the running server."""
        return self.root / "server.json"

    @property
    def server_log(self) -> Path:
        """stdout and stderr of server, keeper and router when the CLI started them."""
        return self.root / "server.log"

    @property
    def keeper(self) -> Path:
        """The keeper's directory: `keeper.sock`, `keeper.json`, `processes/<id>/`."""
        return self.root / "keeper"

    @property
    def keeper_socket(self) -> Path:
        return self.keeper / "keeper.sock"

    @property
    def edge(self) -> Path:
        """The HTTPS edge's directory: its certificates and authority (`data/`), permits, configuration and log."""
        return self.root / "edge"

    @property
    def edge_state(self) -> Path:
        """JSON: `pid` and `settings` of the edge, which holds a lock on this file as long as it lives."""
        return self.edge / "edge.json"

    @property
    def router(self) -> Path:
        """The router's directory: `table.json`, `router-<n>.sock`, `router-<n>.json`."""
        return self.root / "router"

    @property
    def images(self) -> Path:
        """The OCI image layout that holds every build (`oci-layout`, `index.json`, `blobs/`)."""
        return self.root / "images"

    @property
    def layers(self) -> Path:
        """Unpacked layers, read-only: `layers/<diff id hex>/`."""
        return self.root / "layers"

    @property
    def builds(self) -> Path:
        """Unpacked builds, read-only: `builds/<digest hex>/`, ready to run."""
        return self.root / "builds"

    @property
    def cache(self) -> Path:
        """What can be deleted at any time: the caches of uv and npm, the index of dependency layers."""
        return self.root / "cache"

    @property
    def work(self) -> Path:
        """Scratch of builds in flight; emptied when the server starts."""
        return self.root / "work"

    @property
    def logs(self) -> Path:
        """`logs/<app>/<environment>/…`, written by the keeper, router and server."""
        return self.root / "logs"

    @property
    def tmp(self) -> Path:
        """Private temporary directories of processes: `tmp/<process id>/`."""
        return self.root / "tmp"

    @property
    def services(self) -> Path:
        """Backing services that run here: `services/<resource id>/server.log`, and their data in `files/` beside it."""
        return self.root / "services"

    def make(self) -> None:
        """Create the home, mode 0700.

        Raises `PlatformError` if it cannot be created or written.
        """
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            for path in (self.keeper, self.router, self.logs, self.tmp, self.cache, self.work, self.services):
                path.mkdir(mode=0o700, exist_ok=True)
            if os.statvfs(self.root).f_flag & os.ST_RDONLY:
                raise OSError(errno.EROFS, os.strerror(errno.EROFS))
            if not os.access(self.root, os.W_OK | os.X_OK):
                raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        except OSError as error:
            raise PlatformError(
                f"Tolv's home cannot be written: {error.strerror}",
                where=str(self.root),
                remedy="set TOLV_HOME to a directory that you own",
            ) from None


def current_home() -> Home:
    """The home that `$TOLV_HOME` names, or `~/.tolv`."""
    return Home(Path(os.environ.get("TOLV_HOME") or "~/.tolv").expanduser().absolute())


def socket_address(path: Path) -> str:
    """An address for a unix socket at `path` that fits the kernel's 107 bytes, however deep the home lies.

    A longer path is reached through a descriptor of its directory, which stays open as long as the process lives.
    """
    if len(os.fsencode(path)) <= _SOCKET_PATH_LIMIT:
        return str(path)
    directory = _DIRECTORIES.get(path.parent)
    if directory is None:
        directory = _DIRECTORIES[path.parent] = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    return f"/proc/self/fd/{directory}/{path.name}"


_DIRECTORIES: dict[Path, int] = {}
