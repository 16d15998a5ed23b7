"""`tolv prove` as a person and a CI server use it, on an app that needs nothing."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]

APP = """\
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello\\n")


ThreadingHTTPServer((HOST, int(os.environ["PORT"])), Handler).serve_forever()
"""


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """An app that listens on loopback alone, so that VII-P2 is refuted."""
    path = tmp_path / "hello"
    path.mkdir()
    (path / "Procfile").write_text("web: python3 app.py\n")
    (path / "app.py").write_text(APP.replace("HOST", '"127.0.0.1"'))
    (path / "tolv.toml").write_text('name = "hello"\n')
    return path


def _add(app: Path, text: str) -> None:
    with (app / "tolv.toml").open("a") as file:
        file.write(text)


def test_a_refuted_probe_has_evidence_and_fails_the_command(tolv: Run, app: Path) -> None:
    done = tolv("prove", str(app), "--only", "VII-P2,VII-P3")
    assert done.returncode == 1, done.stderr
    assert "✗ VII-P2" in done.stdout
    assert "connect to 127.0.0.2" in done.stdout
    assert "1 proved · 1 refuted" in done.stdout
    assert "tolv prove" in done.stdout.splitlines()[-1]


def test_without_a_sandbox_the_app_is_reached_all_the_same(tolv: Run, app: Path) -> None:
    done = tolv("prove", str(app), "--only", "VII-P1,VII-P3", "--json", TOLV_SANDBOX="off")
    found = json.loads(done.stdout)
    assert {one["id"]: (one["verdict"], one["backend"]) for one in found["probes"]} == {
        "VII-P1": ("proved", "process group"),
        "VII-P3": ("proved", "process group"),
    }
    assert "TOLV_SANDBOX=off" in "".join(found["notes"])


def test_a_build_without_dependencies_is_a_clean_one(tolv: Run, app: Path) -> None:
    [probe] = json.loads(tolv("prove", str(app), "--only", "II-P1", "--json").stdout)["probes"]
    assert probe["verdict"] != "not provable", probe["reason"]


def test_an_expected_one_does_not(tolv: Run, app: Path) -> None:
    _add(app, '[prove]\nexpect = [{probe = "VII-P2", reason = "nothing but the proxy beside it asks"}]\n')
    done = tolv("prove", str(app), "--only", "VII-P2", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["unexpected"] == []
    [probe] = found["probes"]
    assert (probe["verdict"], probe["expected"]) == ("refuted", "nothing but the proxy beside it asks")


def test_a_ci_server_reads_junit(tolv: Run, app: Path, tmp_path: Path) -> None:
    done = tolv("prove", str(app), "--only", "VII-P2,VII-P3", "--format", "junit", "--output", str(tmp_path / "x.xml"))
    assert done.returncode == 1, done.stderr
    cases = {one.get("name", "").split()[0]: one for one in ElementTree.parse(tmp_path / "x.xml").iter("testcase")}
    assert cases["VII-P2"].find("failure") is not None
    assert cases["VII-P3"].find("failure") is None


def test_nobody_is_failed_who_does_not_want_it(tolv: Run, app: Path) -> None:
    assert tolv("prove", str(app), "--only", "VII-P2", "--fail-on", "none").returncode == 0


def test_an_app_that_does_not_start_is_not_provable_and_says_why(tolv: Run, app: Path) -> None:
    (app / "app.py").write_text('raise SystemExit("no licence, no hello")\n')
    done = tolv("prove", str(app), "--only", "VII", "--json")
    assert done.returncode == 1
    assert "no licence, no hello" in json.loads(done.stdout)["unready"]
    verdicts = {one["id"]: (one["verdict"], one["reason"]) for one in json.loads(done.stdout)["probes"]}
    assert {verdict for verdict, _ in verdicts.values()} == {"not provable"}
    assert "no licence, no hello" in verdicts["VII-P2"][1]


def test_an_app_that_lacks_a_variable_is_told_where_to_give_it(tolv: Run, app: Path) -> None:
    text = (app / "app.py").read_text()
    (app / "app.py").write_text(text.replace("import os\n", 'import os\nTOKEN = os.environ["API_TOKEN"]\n'))
    done = tolv("prove", str(app), "--only", "VII")
    assert done.returncode == 1
    said = " ".join(done.stdout.split())
    assert "unready web.1 does not become ready: it ended: exit status 1; it wants API_TOKEN: give a value in" in said
    assert """[prove] | TOKEN = os.environ["API_TOKEN"] | KeyError: 'API_TOKEN' 4 probes wait for that""" in said
    [line] = [line for line in done.stdout.splitlines() if line.startswith("env.")]
    assert line == 'env.API_TOKEN = "…"  # VII-P1, VII-P2, VII-P3, VII-P4'
    _add(app, f"[prove]\n{line}\n")
    again = tolv("prove", str(app), "--only", "VII", "--json")
    assert json.loads(again.stdout)["unready"] is None


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ('[prove]\nwirte = "GET /"\n', "did you mean write?"),
        ('[prove]\nread = "GET"\n', "prove.read"),
        ('[prove]\nread_back = "GET /{id}"\n', "there is no write"),
        ('[prove.env]\nDATABASE_URL = "postgresql://u:secret@db.example.com/shop"\n', "stays on this machine"),
        ("[prove\n", "tolv.toml"),
    ],
)
def test_a_section_that_makes_no_sense_is_one_clear_error(tolv: Run, app: Path, section: str, said: str) -> None:
    _add(app, section)
    done = tolv("prove", str(app))
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "secret" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--only", "VI-P22"), "there is no probe VI-P22"),
        (("--only", "XX"), "there is no probe or factor XX"),
        (("--manifest", "nowhere.toml"), "there is no such manifest"),
        (("--json", "--format", "junit"), "exclude each other"),
    ],
)
def test_what_cannot_be_asked_for(tolv: Run, app: Path, arguments: tuple[str, ...], said: str) -> None:
    done = tolv("prove", str(app), *arguments)
    assert done.returncode == 2
    assert said in done.stderr


def test_init_writes_what_it_found_and_no_more(tolv: Run, app: Path) -> None:
    done = tolv("prove", str(app), "--init")
    assert done.returncode == 0, done.stderr
    text = (app / "tolv.toml").read_text()
    assert text.startswith('name = "hello"\n')
    assert "[prove]" in text
    again = tolv("prove", str(app), "--init")
    assert again.returncode == 2
    assert (app / "tolv.toml").read_text() == text


def test_another_manifest_takes_the_place_of_the_apps_own(tolv: Run, app: Path, tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text('name = "other"\n')
    done = tolv("prove", str(app), "--only", "VII-P3", "--manifest", str(tmp_path / "other.toml"), "--json")
    assert json.loads(done.stdout)["app"] == "other"
    assert (app / "tolv.toml").read_text() == 'name = "hello"\n'


def test_a_tier_is_a_bound(tolv: Run, app: Path) -> None:
    found = json.loads(tolv("prove", str(app), "--tier", "0", "--only", "VII-P3,VI-P2", "--json").stdout)
    verdicts = {one["id"]: one for one in found["probes"]}
    assert verdicts["VII-P3"]["verdict"] == "proved"
    assert verdicts["VI-P2"]["verdict"] == "not provable"
    assert "--tier 0" in verdicts["VI-P2"]["reason"]


def test_what_a_tier_leaves_out_is_one_line(tolv: Run, app: Path) -> None:
    done = tolv("prove", str(app), "--tier", "0", "--only", "VII-P3,VI-P2,IX-P5")
    assert done.returncode == 0, done.stderr
    assert "1 probe\n" in done.stdout
    assert "2 probes need tier 1 or 2: VI-P2, IX-P5\n" in done.stdout
    assert done.stdout.count("tier") == 1
    assert "not provable" not in done.stdout


@pytest.mark.parametrize("only", ["VI-P2", "VI"])
def test_where_a_tier_leaves_nothing_it_is_said_before_anything_is_built(tolv: Run, app: Path, only: str) -> None:
    (app / "requirements.txt").write_text("this cannot be built\n")
    done = tolv("prove", str(app), "--tier", "0", "--only", only)
    assert (done.returncode, done.stdout) == (2, "")
    assert "of tier 1, and --tier 0 was asked for" in done.stderr


def test_where_nobody_watches_a_line_tells_what_is_done(tolv: Run, app: Path) -> None:
    done = tolv("prove", str(app), "--only", "VII-P3,VII-P2,IX-P5", "--tier", "0")
    assert "tolv: " not in done.stdout
    lines = done.stderr.splitlines()
    assert all(line.startswith("tolv: ") for line in lines)
    assert "tolv: starting the app for the first time" in lines
    told = [line.rpartition(",")[0] for line in lines[-2:]]
    assert [line.partition("  ")[0] for line in told] == ["tolv: 1 of 2", "tolv: 2 of 2"]
    assert {line.partition("  ")[2] for line in told} == {"VII-P2 refuted", "VII-P3 proved"}
    assert "\x1b" not in done.stderr


def test_in_json_mode_there_is_nothing_but_the_report(tolv: Run, app: Path) -> None:
    done = tolv("prove", str(app), "--only", "VII-P3", "--json")
    assert done.stderr == ""
    assert json.loads(done.stdout)["summary"]["proved"] == 1


@pytest.mark.parametrize(
    ("output", "status", "said"),
    [
        ("nowhere/prove.xml", 2, "there is no directory nowhere\n"),
        ("hello", 2, "hello is a directory\n"),
        ("hello/app.py/prove.xml", 2, "hello/app.py is no directory\n"),
        ("/proc/prove.xml", 3, "nothing can be written to /proc: "),
    ],
)
def test_a_report_that_has_no_place_is_said_before_anything_is_built(
    tolv: Run, app: Path, output: str, status: int, said: str
) -> None:
    (app / "requirements.txt").write_text("this cannot be built\n")
    for command in ("prove", "audit", "check"):
        done = tolv(command, str(app), "--output", output, cwd=app.parent)
        assert (done.returncode, done.stdout) == (status, ""), done.stderr
        assert done.stderr.startswith(f"error: {said}")
        assert "remedy: " in done.stderr


def test_records_go_into_a_directory_that_is_made(tolv: Run, app: Path) -> None:
    done = tolv("check", str(app), "--format", "adr", "--output", "new/records/", cwd=app.parent)
    assert "error" not in done.stderr
    assert (app.parent / "new/records/0000-questions.md").exists()


def test_what_is_kept_is_there_until_the_next_proof(tolv: Run, app: Path, tolv_environment: dict[str, str]) -> None:
    parent = Path(tolv_environment["TOLV_HOME"], "prove")
    tolv("prove", str(app), "--only", "VII-P3", "--keep")
    [ground] = parent.iterdir()
    assert list(ground.glob("stands/*/app/app.py"))
    tolv("prove", str(app), "--only", "VII-P3")
    assert list(parent.iterdir()) == []


def test_a_service_that_each_trial_has_for_itself_is_told_as_well(tolv: Run, app: Path) -> None:
    _add(app, '[services.cache]\nkind = "redis"\n')
    done = tolv("prove", str(app), "--only", "VII-P3", "--json")
    (service,) = json.loads(done.stdout)["services"]
    assert service.startswith("redis ")
