"""The page that documents the app contract is true to the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tolv.codebase import manifest
from tolv.codebase.export import NEVER_EXPORTED
from tolv.codebase.model import ProcessType, RolloutPolicy
from tolv.codebase.procfile import parse_procfile
from tolv.codebase.schema import read_schema

PAGE = (Path(__file__).parents[2] / "docs" / "app-contract.md").read_text(encoding="utf-8")


def examples(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("text", examples("toml"))
def test_each_example_of_a_manifest_is_understood(tmp_path: Path, text: str) -> None:
    (tmp_path / "tolv.toml").write_text(text)
    assert manifest.read_manifest(tmp_path / "tolv.toml") != manifest.Manifest()


def test_the_other_examples_are_understood(tmp_path: Path) -> None:
    (procfile,), (schema,) = examples("procfile"), examples("sh")
    assert [name for name, _, _ in parse_procfile(procfile, "Procfile")] == ["web", "worker", "release"]
    (tmp_path / ".env.example").write_text(schema)
    variables = {one.name: (one.default, one.description) for one in read_schema(tmp_path / ".env.example")}
    assert variables == {
        "DATABASE_URL": (None, "Where the data is, as a URL"),
        "WORKERS": ("2", "processes of gunicorn"),
        "PREFIX": ("", ""),
    }


@pytest.mark.parametrize(
    ("section", "kind"),
    [
        ("[processes.<type>]", manifest.ProcessSettings),
        ("[release]", manifest.ReleaseSettings),
        ("[rollout]", RolloutPolicy),
    ],
)
def test_every_key_is_documented_in_its_section(section: str, kind: type) -> None:
    text = PAGE.partition(f"### `{section}`")[2].partition("\n### ")[0]
    assert re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE) == list(kind.__dataclass_fields__)


def test_every_table_is_documented() -> None:
    assert all(f"[{name}" in PAGE or f"| `{name}` |" in PAGE for name in manifest.Manifest.__dataclass_fields__)


@pytest.mark.parametrize(
    "key",
    [
        "rollout",
        "start_deadline",
        "grace",
        "drain",
        "response_timeout",
        "stop_signal",
        "health_interval",
        "health_timeout",
        "health_failures",
    ],
)
def test_the_documented_defaults_are_the_models(key: str) -> None:
    default = re.search(rf"^\| `{key}` \|[^|]*\| ([^|]*) \|", PAGE, re.MULTILINE)
    assert default is not None
    value = getattr(ProcessType("web", "serve"), key)
    assert default[1].strip('`"') == (value if isinstance(value, str) else str(int(value)))


@pytest.mark.parametrize("key", RolloutPolicy.__dataclass_fields__)
def test_the_documented_defaults_of_the_rollout_are_the_models(key: str) -> None:
    default = re.search(rf"^\| `{key}` \|[^|]*\| ([^|]*) \|", PAGE, re.MULTILINE)
    assert default is not None
    value = getattr(RolloutPolicy(), key)
    assert default[1].strip("`") == (str(value).lower() if isinstance(value, bool) else f"{value:g}")


def test_what_never_enters_a_build_is_listed() -> None:
    assert all(f"`{name}`" in PAGE for name in NEVER_EXPORTED)
