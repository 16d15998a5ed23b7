"""Bad input: one clear error with a remedy and the documented exit status, and nothing has changed."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from e2e.disk import AS_ROOT, fill, small_disk
from e2e.machine import APP, PROCFILE, ROOT, Machine, Result, eventually, git

PYTHON = sys.executable
Fresh = Callable[..., Machine]
Prepare = Callable[[Path], object]


class Bed:
    """A machine with one live app, `shop` in prod, and the means to tell that nothing of it has changed."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.path = machine.app("shop", {"Procfile": PROCFILE + "worker: sleep 1000\n"})
        machine.deploy(self.path)

    def refuses(self, code: int, *words: str, says: str = "", ask: bool = True) -> dict[str, Any]:
        """The command fails for people and for scripts alike, and changes nothing; the error as JSON.

        `ask`: the state can be asked for before and after; without a server it cannot.
        """
        before = self.state() if ask else None
        told = self.machine.tolv(*words, ok=False)
        as_json = self.machine.tolv(words[0], "--json", *words[1:], ok=False)
        assert (told.code, as_json.code) == (code, code), f"{words}: {told} {as_json}"
        error = one_error(told, as_json)
        text = " ".join(str(error[part]) for part in ("problem", "where", "remedy"))
        assert says in text
        if ask:
            assert self.state() == before
            assert self.machine.get("shop-prod").status == 200
        return error

    def state(self) -> dict[str, Any]:
        """What must not change: apps, releases, processes, config, and the files that builds and processes leave."""
        deploy = "/v1/apps/shop/environments/prod"
        rows = [{**row, "uptime_s": None, "baking_s": None} for row in self.get(f"{deploy}/processes")]
        asked = {path: self.get(path) for path in ("/v1/apps", f"{deploy}/config")}
        releases = [{**row, "bake": None} for row in self.get(f"{deploy}/releases")]
        kept = ("images", "builds", "layers", "work", "tmp", "keeper/processes")
        files = {name: sorted(one.name for one in (self.machine.home / name).rglob("*")) for name in kept}
        return {**asked, **files, "releases": releases, "processes": rows}

    def get(self, path: str) -> Any:
        return json.loads(self.request("GET", path)[1])

    def request(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        """Ask the server's socket, past the command line."""
        connection = http.client.HTTPConnection("localhost", timeout=20)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(20)
        connection.sock.connect(str(self.machine.home / "server.sock"))
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    base = tmp_path_factory.mktemp("bad")
    (base / "projects").mkdir()
    machine = Machine(base / "home", base / "projects")
    try:
        yield Bed(machine)
    finally:
        machine.close()
    assert machine.survivors() == []


def one_error(told: Result, as_json: Result) -> dict[str, Any]:
    """The one error that both printed: with a remedy, without a traceback, as JSON where that was asked for."""
    assert "Traceback" not in told.out + told.err + as_json.out + as_json.err
    assert told.err.lower().count("error: ") >= 1
    assert as_json.out == "" or json.loads(as_json.out) is not None
    error: dict[str, Any] = json.loads(as_json.err)["error"]
    assert error["problem"]
    assert error["remedy"], error
    assert "fault of Tolv's own" not in error["problem"]
    assert "should not" not in error["problem"]
    return error


# Words.

SHOP = ("-a", "shop", "-e", "prod")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("scale", "wrker=1", *SHOP), "web, worker"),
        (("scale", "web=-1", *SHOP), "from 0 up"),
        (("scale", "web=many", *SHOP), "TYPE=N"),
        (("scale", "web=100000", *SHOP), "0 to 100"),
        (("restart", "wrker", *SHOP), "web.1, worker.1"),
        (("rollback", "v99", *SHOP), "tolv releases"),
        (("rollback", "newest", *SHOP), "v3"),
        (("rollback", *SHOP), "no earlier release"),
        (("promote", "prod", "prod", "-a", "shop"), "itself"),
        (("promote", "prdo", "staging", "-a", "shop"), "did you mean prod?"),
        (("promote", "prod", "a/b", "-a", "shop"), "a-b"),
        (("ps", "-a", "shpo", "-e", "prod"), "did you mean shop?"),
        (("ps", "-a", "shpo"), "did you mean shop?"),
        (("ps", "-a", "shop", "-e", "prdo"), "did you mean prod?"),
        (("ps", "-a", "sh/op", "-e", "prod"), "sh-op"),
        (("ps", "-a", "shop", "-e", "../.."), "environment"),
        (("ps", "-a", "shop", "-e", ""), "environment"),
        (("ps", "-a", "Größe", "-e", "prod"), "groe"),
        (("logs", "-a", "shpo", "-e", "prod", "-f"), "did you mean shop?"),
        (("logs", "--since", "yesterday", *SHOP), "2h"),
        (("destroy", "shpo", "--yes"), "did you mean shop?"),
        (("destroy", "shop"), "--yes"),
        (("config", "set", "1ST=x", *SHOP), "letters, digits"),
        (("config", "set", "A-B=x", *SHOP), "letters, digits"),
        (("config", "set", "PORT=80", *SHOP), "PORT"),
        (("config", "set", "TOLV_HOME=/", *SHOP), "TOLV_"),
        (("config", "set", "NOVALUE", *SHOP), "KEY=VALUE"),
        (("config", "set", "X=1", "-a", "shpo", "-e", "prod"), "did you mean shop?"),
        (("config", "set", "X=1", "-a", "shop", "-e", "Prod"), "such as prod"),
        (("config", "get", "NOPE", *SHOP), "NOPE"),
        (("config", "unset", "NOPE", *SHOP), "NOPE"),
        (("config", "import", "/no/such/file", *SHOP), "/no/such/file"),
        (("config", "diff", "prod", "prdo", "-a", "shop"), "did you mean prod?"),
        (("ps", "--frobnicate"), "--help"),
        (("build", "/no/such/place"), "/no/such/place"),
        (("up", "/etc/passwd", "--detach"), "directory"),
        (("up", ".", "--detach", "--watch"), "exclude"),
    ],
    ids=lambda value: "-".join(value[:3]).replace("/", "_") if isinstance(value, tuple) else None,
)
def test_wrong_words_are_refused(bed: Bed, words: tuple[str, ...], says: str) -> None:
    bed.refuses(2, *words, says=says)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("-e", "prod", "--ref", "deadbeef"), "commit id"),
        (("-e", "prod", "--ref", "mian"), "did you mean main?"),
        (("-e", "prod", "-a", "sh/op"), "sh-op"),
        (("-e", "a/b"), "a-b"),
        (("-e", "x" * 41), "40 characters"),
    ],
)
def test_a_deploy_of_what_is_not_there_is_refused(bed: Bed, words: tuple[str, ...], says: str) -> None:
    bed.refuses(2, "deploy", str(bed.path), *words, says=says)


def test_a_host_that_is_anothers_is_refused(bed: Bed) -> None:
    bed.refuses(2, "deploy", str(bed.path), "-a", "shop-prod", "-e", "dev", says="shop-prod.localhost")


# Files.

UV_PROJECT = '[project]\nname = "shop"\nversion = "1"\nrequires-python = ">=3.11"\n'


def _link_out(path: Path) -> None:
    (path / "out").symlink_to("/etc/passwd")


def _link_up(path: Path) -> None:
    (path / "out").symlink_to("../../elsewhere")


def _huge(path: Path) -> None:
    with (path / "huge.bin").open("wb") as file:
        file.truncate(2 << 30)


def _submodule(path: Path) -> None:
    other = path.parent / "library"
    other.mkdir()
    git(other, "init", "-q")
    git(other, "commit", "-q", "--allow-empty", "-m", "First")
    git(path, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(other), "library")
    git(path, "add", "-A")
    git(path, "commit", "-q", "-m", "Add a library")
    shutil.rmtree(path / "library")
    (path / "library").mkdir()


def _older_uv_lock(path: Path) -> None:
    import uv

    (path / "pyproject.toml").write_text(UV_PROJECT)
    subprocess.run([uv.find_uv_bin(), "lock", "-q", "--offline", "--python", PYTHON], cwd=path, check=True)
    (path / "pyproject.toml").write_text(UV_PROJECT + 'dependencies = ["flask"]\n')


def _older_package_lock(path: Path) -> None:
    if shutil.which("npm") is None:
        pytest.skip("no npm here")
    manifest = {"name": "shop", "version": "1.0.0"}
    (path / "package.json").write_text(json.dumps(manifest))
    lock = ["npm", "install", "--package-lock-only", "--offline", "--no-audit", "--no-fund"]
    subprocess.run(lock, cwd=path, check=True, capture_output=True)
    (path / "package.json").write_text(json.dumps({**manifest, "dependencies": {"left-pad": "^1.0.0"}}))


@pytest.mark.parametrize(
    ("files", "prepare", "code", "says"),
    [
        ({"Procfile": "<<<<<<< HEAD\nweb: a\n=======\nweb: b\n>>>>>>> x\n"}, None, 2, "Procfile:1 resolve the merge"),
        ({"Procfile": "web a\n"}, None, 2, "Procfile:1"),
        ({"Procfile": "web: a\nweb: b\n"}, None, 2, "Procfile:2"),
        ({"Procfile": ""}, None, 1, "Procfile"),
        ({"tolv.toml": "[processes.web\n"}, None, 2, "tolv.toml:1"),
        ({"tolv.toml": '[processes.web]\ngrace = "soon"\n'}, None, 2, "processes.web.grace must be a number"),
        ({"tolv.toml": '[processes.web]\nhelth = "/"\n'}, None, 2, "did you mean health?"),
        ({"tolv.toml": '[proceses.web]\nhealth = "/"\n'}, None, 2, "did you mean processes?"),
        ({"tolv.toml": 'name = "sh/op"\n'}, None, 2, "small letters"),
        ({"tolv.toml": "[processes.web]\nquantity = -1\n"}, None, 2, "0 to 100"),
        ({".env.example": "A=\n1B=2\n"}, None, 2, ".env.example:2"),
        ({"requirements.txt": "-r other.txt\n"}, None, 1, "other.txt"),
        ({".python-version": "3.99\n"}, None, 1, "3.99"),
        ({"uv.lock": "<<<<<<< HEAD\n", "pyproject.toml": UV_PROJECT}, None, 2, "uv.lock"),
        ({"package.json": "{"}, None, 2, "package.json"),
        ({}, _older_uv_lock, 1, "flask"),
        ({}, _older_package_lock, 1, "left-pad"),
        ({}, _link_out, 1, "/etc/passwd"),
        ({}, _link_up, 1, "leaves the app's tree"),
        ({}, _submodule, 1, "submodule update --init"),
    ],
    ids=lambda value: next(iter(value), "") if isinstance(value, dict) else getattr(value, "__name__", None),
)
def test_files_that_cannot_be_understood_are_refused(
    bed: Bed, tmp_path: Path, files: dict[str, str], prepare: Prepare | None, code: int, says: str
) -> None:
    path = repository(tmp_path / "shop", files, prepare)
    error = bed.refuses(code, "deploy", str(path), "-e", "prod")
    text = f"{error['problem']} {error['where']} {error['remedy']}"
    assert says in text
    assert str(bed.machine.home) not in text, "it names what nobody can look into"


def test_a_file_of_two_gigabytes_is_refused(bed: Bed, tmp_path: Path) -> None:
    path = repository(tmp_path / "shop", {}, None)
    _huge(path)
    bed.refuses(1, "deploy", str(path), "-e", "prod", "--dirty", says="1 GiB")


def test_an_app_that_is_broken_and_new_is_not_known_afterwards(bed: Bed, tmp_path: Path) -> None:
    path = repository(tmp_path / "broken", {"Procfile": "web a\n"}, None)
    bed.refuses(2, "up", str(path), "--detach", says="Procfile:1")
    bed.refuses(2, "build", str(path), says="Procfile:1")


def repository(path: Path, files: dict[str, str], prepare: Prepare | None) -> Path:
    path.mkdir()
    git(path, "init", "-q", "-b", "main")
    for name, text in {"app.py": APP, "Procfile": PROCFILE, **files}.items():
        (path / name).write_text(text)
    if prepare:
        prepare(path)
    git(path, "add", "-A")
    git(path, "commit", "-q", "--allow-empty", "-m", "First")
    return path


# Requests past the command line.


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v1/deploys", b"{nonsense", 400),
        ("POST", "/v1/deploys", b"\xff\xfe", 400),
        ("POST", "/v1/deploys", b"[]", 400),
        ("POST", "/v1/deploys", b'{"path": 3}', 400),
        ("POST", "/v1/nothing", b"{}", 404),
        ("DELETE", "/v1/server", None, 405),
        ("GET", "/v1/apps/%2e%2e/environments/prod/processes", None, 400),
        ("GET", "/v1/apps/shop/environments/prod/logs?lines=-1", None, 400),
        ("POST", "/v1/apps/shop/environments/prod/formation", b'{"formation": {"web": 1e99}}', 400),
        ("POST", "/v1/apps/shop/environments/prod/one-offs", b'{"command": []}', 400),
        ("POST", "/v1/apps/shop/environments/prod/one-offs", b'{"command": ["true"], "time_limit": -1}', 400),
    ],
)
def test_the_server_answers_a_bad_request_with_an_error(
    bed: Bed, method: str, path: str, body: bytes | None, status: int
) -> None:
    before = bed.state()
    got, content = bed.request(method, path, body)
    error = json.loads(content)["error"]
    assert (got, error["exit_code"]) == (status, 2)
    assert error["problem"]
    assert error["remedy"]
    assert bed.state() == before


@pytest.mark.parametrize(
    "sent", [b"nonsense\r\n\r\n", b"\x00\xff\x00\r\n\r\n", b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n"]
)
def test_the_server_outlives_what_is_no_http(bed: Bed, sent: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(20)
        connection.connect(str(bed.machine.home / "server.sock"))
        connection.sendall(sent)
        assert connection.recv(100).startswith(b"HTTP/1.1 400 ")
    assert bed.get("/v1/server")["pid"]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 500 Oops\r\nContent-Length: 5\r\n\r\nhello",
    ],
)
def test_a_socket_that_is_no_tolv_server_is_an_error(tmp_path: Path, answer: bytes) -> None:
    machine = Machine(tmp_path / "home", tmp_path)
    machine.home.mkdir(mode=0o700)
    with _stranger(machine.home / "server.sock", answer):
        told, as_json = machine.tolv("apps", ok=False), machine.tolv("apps", "--json", ok=False)
    assert (told.code, as_json.code) == (3, 3)
    one_error(told, as_json)


@contextmanager
def _stranger(path: Path, answer: bytes) -> Iterator[None]:
    script = (
        "import socket, sys\n"
        "listener = socket.socket(socket.AF_UNIX)\n"
        "listener.bind(sys.argv[1])\n"
        "listener.listen()\n"
        "print('listening', flush=True)\n"
        "while True:\n"
        "    one, _ = listener.accept()\n"
        "    one.recv(65536)\n"
        "    one.sendall(bytes.fromhex(sys.argv[2]))\n"
        "    one.close()\n"
    )
    command = [PYTHON, "-c", script, str(path), answer.hex()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as stranger:
        try:
            assert stranger.stdout is not None
            stranger.stdout.readline()
            yield
        finally:
            stranger.kill()


# Surroundings.


@pytest.mark.parametrize(
    ("variable", "value", "code", "says"),
    [
        ("TOLV_PORT", "nonsense", 2, "1 to 65535"),
        ("TOLV_ROUTERS", "many", 2, "TOLV_ROUTERS"),
        ("TOLV_BIND", "192.0.2.1", 3, "192.0.2.1"),
        ("TOLV_STORE_URL", "mysql://root:hunter2@db/tolv", 3, "TOLV_STORE_URL"),
        ("TOLV_STORE_URL", "sqlite:////no/such/place/store.db", 3, "/no/such/place"),
        ("TOLV_HOME", "/proc/self/nothing", 3, "TOLV_HOME"),
    ],
)
def test_a_server_that_cannot_start_says_why(tmp_path: Path, variable: str, value: str, code: int, says: str) -> None:
    machine = Machine(tmp_path / "home", tmp_path, **{variable: value})
    told, as_json = machine.tolv("apps", ok=False), machine.tolv("apps", "--json", ok=False)
    try:
        assert (told.code, as_json.code) == (code, code), told
        error = one_error(told, as_json)
        assert says in json.dumps(error)
        assert "hunter2" not in told.err + as_json.err + machine.server_log()
        assert "\n" not in error["problem"], "it is the server's own error, not its log"
    finally:
        machine.close()
    assert machine.survivors() == []


def test_another_port_than_the_servers_is_said_and_counts_at_the_next_start(bed: Bed) -> None:
    machine = Machine(bed.machine.home, bed.machine.projects)  # another port
    result = machine.tolv("deploy", str(bed.path), "-e", "port")
    assert f"routes on port {bed.machine.port}" in result.err
    assert f"TOLV_PORT={machine.port}" in result.err
    machine.tolv("destroy", "shop", "-e", "port", "--yes")


@AS_ROOT
def test_a_home_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "home", tmp_path)
    with small_disk(machine.home, "ro"):
        told, as_json = machine.tolv("apps", ok=False), machine.tolv("apps", "--json", ok=False)
    assert (told.code, as_json.code) == (3, 3)
    assert "TOLV_HOME" in one_error(told, as_json)["remedy"]


class Powerless(Machine):
    """A machine whose user may not write everywhere, though it be root."""

    def command(self, *words: str) -> list[str]:
        plain = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"] if os.geteuid() == 0 else []
        return [*plain, *super().command(*words)]


def test_a_home_of_somebody_elses_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir(mode=0o500)
    machine = Powerless(tmp_path / "home", tmp_path)
    told, as_json = machine.tolv("apps", ok=False), machine.tolv("apps", "--json", ok=False)
    assert (told.code, as_json.code) == (3, 3)
    assert "TOLV_HOME" in one_error(told, as_json)["remedy"]


@AS_ROOT
def test_on_a_full_disk_nothing_changes_and_what_ran_goes_on(tmp_path: Path) -> None:
    (tmp_path / "projects").mkdir()
    machine = Machine(tmp_path / "home", tmp_path / "projects")
    with small_disk(machine.home, "size=30m"):
        try:
            bed = Bed(machine)
            machine.greet(bed.path, "second")
            for left in (0, 40_960):
                fill(machine.home, left)
                error = bed.refuses(3, "deploy", str(bed.path), "-e", "prod", says="o space left")
                assert "free some space" in error["remedy"]
                if not left:
                    bed.refuses(3, "scale", "web=2", *SHOP, says="no space left")
            fill(machine.home, 0)
            pid = machine.ps("shop")[0]["pid"]
            machine.kill_server()
            assert machine.ps("shop")[0]["pid"] == pid, "it comes back on a full disk, too"
            assert machine.get("shop-prod").status == 200
            (machine.home / "ballast").unlink()
            eventually(lambda: machine.tolv("deploy", str(bed.path), "-e", "prod", ok=False).code == 0)
            assert machine.get("shop-prod").json["greeting"] == "second"
        finally:
            machine.close()
    assert machine.survivors() == []


def test_without_uv_an_app_with_dependencies_is_refused(fresh: Fresh, tmp_path: Path) -> None:
    machine = fresh(PYTHONPATH=f"{_without(tmp_path, 'uv')}:{ROOT / 'src'}")
    path = machine.app("shop", {"requirements.txt": "flask\n"})
    before = machine.tolv("apps", "--json").json
    told = machine.tolv("deploy", str(path), "-e", "prod", ok=False)
    as_json = machine.tolv("deploy", str(path), "-e", "prod", "--json", ok=False)
    assert (told.code, as_json.code) == (3, 3)
    assert one_error(told, as_json)["remedy"] == "pip install uv"
    assert machine.tolv("apps", "--json").json == before == []
    assert list((machine.home / "work").iterdir()) == []


def test_without_the_venv_module_all_is_well(fresh: Fresh, tmp_path: Path) -> None:
    """A plain Debian has neither `venv` nor `ensurepip` nor `pip`."""
    machine = fresh(PYTHONPATH=f"{_without(tmp_path, 'venv', 'ensurepip', 'pip')}:{ROOT / 'src'}")
    path = machine.app(
        "shop", {"requirements.txt": "./tiny-1.0-py3-none-any.whl\n", "Procfile": "web: python app.py\n"}
    )
    with zipfile.ZipFile(path / "tiny-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny.py", "SIZE = 'tiny'\n")
        wheel.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        wheel.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("tiny-1.0.dist-info/RECORD", "")
    machine.commit(path, {"app.py": "import tiny\n" + APP.replace('"hello"', "tiny.SIZE")})
    machine.deploy(path)
    assert machine.get("shop-prod").json["greeting"] == "tiny"


def _without(tmp_path: Path, *modules: str) -> Path:
    """A directory that hides these modules from whoever has it on its PYTHONPATH."""
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    for name in modules:
        (hidden / f"{name}.py").write_text(f"raise ModuleNotFoundError('No module named {name}', name={name!r})\n")
    return hidden


# Damage by hand.


def test_images_removed_by_hand_are_missed_by_name_and_the_next_deploy_heals(fresh: Fresh) -> None:
    machine = fresh()
    bed = Bed(machine)
    machine.greet(bed.path, "second")
    machine.deploy(bed.path)
    subprocess.run(["chmod", "-R", "u+w", str(machine.home / "images")], check=True)
    shutil.rmtree(machine.home / "images")
    assert [one["restorable"] for one in machine.releases("shop")] == [False, False]
    bed.refuses(1, "rollback", "v1", *SHOP, says="tolv deploy PATH --ref")
    bed.refuses(3, "config", "set", "A=1", *SHOP, says="is gone")
    bed.refuses(3, "promote", "prod", "staging", "-a", "shop", says="is gone")
    pid = machine.get("shop-prod").json["pid"]
    machine.kill_server()
    assert machine.tolv("restart", *SHOP, ok=False).code == 3
    assert machine.get("shop-prod").json["pid"] == pid, "what ran goes on running"
    assert machine.deploy(bed.path)["status"] == "live"
    assert machine.releases("shop")[0]["restorable"] is True
    machine.tolv("restart", *SHOP)


def test_a_server_without_its_keys_or_its_store_does_not_start_and_the_apps_go_on(fresh: Fresh) -> None:
    machine = fresh()
    bed = Bed(machine)
    machine.tolv("config", "set", "TOKEN=correct-horse-battery", *SHOP)
    for damaged, content in (("keys", None), ("keys", b"nonsense\n"), ("store.db", b"no database" * 500)):
        machine.kill_server()
        kept = {one: one.read_bytes() for one in machine.home.glob(f"{damaged}*") if one.is_file()}
        for one in kept:
            one.unlink()
        if content is not None:
            (machine.home / damaged).write_bytes(content)
            (machine.home / damaged).chmod(0o600)
        error = bed.refuses(3, "ps", *SHOP, says=str(machine.home / damaged), ask=False)
        assert "correct-horse" not in json.dumps(error)
        assert machine.get("shop-prod").json["env"]["TOKEN"] == "correct-horse-battery"
        for one, whole in kept.items():
            one.write_bytes(whole)
            one.chmod(0o600)
        assert machine.ps("shop")[0]["state"] == "ready"
    assert machine.tolv("config", "get", "TOKEN", *SHOP).out == "correct-horse-battery\n"


# At the wrong time.


def test_a_deploy_while_one_runs_is_refused_and_one_whose_client_is_gone_is_finished(bed: Bed, tmp_path: Path) -> None:
    machine, go = bed.machine, bed.machine.projects / "go"
    release = f"echo begun; while [ ! -e {go} ]; do sleep 0.1; done"
    path = repository(tmp_path / "slow", {"Procfile": f"{PROCFILE}release: {release}\n"}, None)
    deploying = machine.start("deploy", str(path), "-e", "prod")
    # The build is made and placed then: what is on disk rests while the release phase waits.
    eventually(lambda: "begun" in machine.tolv("logs", "-a", "slow", "-e", "prod", ok=False).out)
    for words in (
        ("deploy", str(path), "-e", "prod"),
        ("scale", "web=2", "-a", "slow", "-e", "prod"),
        ("config", "set", "A=1", "-a", "slow", "-e", "prod"),
        ("destroy", "slow", "--yes"),
    ):
        bed.refuses(2, *words, says="runs deploy since")
    deploying.send_signal(signal.SIGINT)
    _, errors = deploying.communicate(timeout=30)
    assert deploying.returncode == 130
    assert "the server goes on with it" in errors
    go.touch()
    eventually(lambda: machine.releases("slow")[0]["status"] == "live")
    eventually(lambda: machine.tolv("scale", "web=2", "-a", "slow", "-e", "prod", ok=False).code == 0)
    machine.tolv("destroy", "slow", "--yes")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_up_that_is_ended_before_the_app_is_up_leaves_nothing_running(
    bed: Bed, tmp_path: Path, number: signal.Signals
) -> None:
    go = bed.machine.projects / f"go-{number}"
    release = f"while [ ! -e {go} ]; do sleep 0.1; done"
    path = repository(tmp_path / "early", {"Procfile": f"{PROCFILE}release: {release}\n"}, None)
    starting = bed.machine.start("up", str(path))
    eventually(lambda: bed.machine.tolv("releases", "-a", "early", "-e", "dev", ok=False).code == 0)
    second = bed.machine.tolv("up", str(path), ok=False)
    assert second.code == 2
    assert "busy" in second.err
    starting.send_signal(number)
    go.touch()
    _, errors = starting.communicate(timeout=60)
    assert starting.returncode == 130, errors
    assert bed.machine.ps("early", "dev") == []
    bed.machine.tolv("destroy", "early", "--yes")
