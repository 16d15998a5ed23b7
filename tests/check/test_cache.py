"""What a check has read it does not read again while it is the same: neither for sightings nor for imports."""

from __future__ import annotations

from pathlib import Path

import pytest

from tolv.check.engine import Options, check
from tolv.check.languages.python import PythonSource


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "app"
    path.mkdir()
    (path / "app.py").write_text("import requests\n\nTOKEN = 'x'\nrequests.get('https://example.org')\n")
    (path / "Procfile").write_text("web: python app.py\n")
    return path


def findings(path: Path) -> list[tuple[str, str | None, int | None]]:
    report = check(path, Options(strict=True))
    return [(one.rule, one.place.path, one.place.line) for one in report.findings]


def test_the_same_files_are_parsed_once(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = findings(app)
    assert "II-01" in {rule for rule, _, _ in first}

    def refuse(source: PythonSource) -> None:
        raise AssertionError(f"{source.path} is parsed again")

    monkeypatch.setattr(PythonSource, "_parsed", property(refuse))
    assert findings(app) == first


def test_a_file_that_has_changed_is_read_again(app: Path) -> None:
    before = findings(app)
    (app / "app.py").write_text("print('hello')\n")
    after = findings(app)
    assert "II-01" in {rule for rule, _, _ in before}
    assert "II-01" not in {rule for rule, _, _ in after}
    assert after == findings(app)
