"""What of an app's config is read: files by inotify, variables by a hook."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tolv.prove.probes.config.shadow import find_literals, replace_literals
from tolv.prove.watch.env_reads import EnvReads, Read
from tolv.prove.watch.opened import CannotWatch, Opened


def test_files_that_are_opened_are_told(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "node_modules").mkdir()
    for name in ("config/prod.env", "config/other.env", "node_modules/x.js", "app.py"):
        (tmp_path / name).write_text("A=1\n")
    with Opened(tmp_path, {"node_modules"}) as opened:
        subprocess.run(["cat", "config/prod.env", "node_modules/x.js", "app.py"], cwd=tmp_path, check=True)
        assert opened.paths == {"config/prod.env", "app.py"}
        (tmp_path / "config/other.env").stat()
        assert os.listdir(tmp_path / "config")
    assert opened.paths == {"config/prod.env", "app.py"}
    assert not opened.lost


def test_a_directory_that_is_not_there_cannot_be_watched(tmp_path: Path) -> None:
    with Opened(tmp_path / "none") as opened:
        assert opened.paths == frozenset()
    (tmp_path / "shut").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tolv.prove.watch.opened._add", lambda *_: -1)
        with pytest.raises(CannotWatch, match="inotify"), Opened(tmp_path):
            raise AssertionError("it was entered")


def _hooked(tmp_path: Path, *command: str, **given: str) -> tuple[EnvReads, subprocess.CompletedProcess[str]]:
    hook = EnvReads(tmp_path / "hook", tmp_path / "app")
    env = {"PATH": os.environ["PATH"], **given, **hook.env(given)}
    done = subprocess.run(command, cwd=tmp_path / "app", env=env, capture_output=True, text=True)
    return hook, done


def test_python_tells_what_its_code_asks_for_and_where(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app/config.py").write_text("import os\nA = os.environ['TITLE']\nB = os.getenv('DEBUG_LEVEL', 'x')\n")
    (tmp_path / "app/main.py").write_text("import subprocess, config\nprint(config.A, config.B)\n")
    (tmp_path / "more").mkdir()
    (tmp_path / "more/sitecustomize.py").write_text("print('the other one')\n")
    hook, done = _hooked(tmp_path, sys.executable, "main.py", TITLE="Notes", PYTHONPATH=str(tmp_path / "more"))
    assert done.stdout == "the other one\nNotes x\n"
    assert hook.reads() == (Read("TITLE", "config.py:2", True), Read("DEBUG_LEVEL", "config.py:3", False))
    assert not hook.loaded({os.getpid()})


def test_a_python_that_ignores_its_environment_tells_nothing(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    hook, done = _hooked(tmp_path, sys.executable, "-I", "-c", "import os; print(os.environ['TITLE'])", TITLE="Notes")
    assert done.stdout == "Notes\n"
    assert hook.reads() == ()


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node")
def test_node_tells_what_its_code_asks_for_and_where(tmp_path: Path) -> None:
    (tmp_path / "app/node_modules/dep").mkdir(parents=True)
    (tmp_path / "app/node_modules/dep/index.js").write_text("exports.x = process.env.OF_OTHERS;\n")
    code = "require('dep');\nprocess.env.SET = 'me';\nconsole.log(process.env.TITLE, process.env.NONE, process.env.SET,"
    (tmp_path / "app/main.js").write_text(code + " {...process.env}.TITLE);\nconsole.log('TITLE' in process.env);\n")
    hook, done = _hooked(tmp_path, "node", "main.js", TITLE="Notes")
    assert done.stdout == "Notes undefined me Notes\ntrue\n", done.stderr
    names = {one.name: (one.where.split(":")[:2], one.there) for one in hook.reads()}
    assert names["TITLE"] == (["main.js", "3"], True)
    assert names["NONE"] == (["main.js", "3"], False)
    assert "OF_OTHERS" not in names


def test_literals_are_found_where_a_file_says_a_value_and_replaced(tmp_path: Path) -> None:
    files = {
        "settings.env": "export TITLE=House notes  # here\n",
        "config.py": 'import os\nTITLE = "Notes"\nLEVEL = os.environ.get("LEVEL", "info")\n',
        "config.json": '{\n  "TITLE": "Of JSON",\n  "title": "no"\n}\n',
        ".env.example": "TITLE=Template\n",
        "node_modules/x.env": "TITLE=Other\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    found = find_literals(tmp_path, ["TITLE", "LEVEL"])
    assert sorted(map(str, found)) == ["config.json:2", "config.py:2", "settings.env:1"]
    replace_literals(tmp_path, found, {"TITLE": "k1"})
    assert (tmp_path / "settings.env").read_text() == "export TITLE=k1  # here\n"
    assert (tmp_path / "config.py").read_text().splitlines()[1] == 'TITLE = "k1"'
    assert '"TITLE": "k1",' in (tmp_path / "config.json").read_text()
    assert (tmp_path / ".env.example").read_text() == "TITLE=Template\n"
