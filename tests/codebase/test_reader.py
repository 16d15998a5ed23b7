"""An app, read whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tolv.codebase.git import locate
from tolv.codebase.model import App, ProcessType, Variable
from tolv.codebase.reader import list_apps, name_source, read_app
from tolv.errors import AppError, UsageError
from tolv.names import slug


class Snake:
    """A language that is detected by a file and suggests one process."""

    def __init__(self, marker: str, **commands: str) -> None:
        self.marker, self.commands = marker, commands

    def detect(self, tree: Path) -> bool:
        return (tree / self.marker).exists()

    def default_processes(self, tree: Path) -> dict[str, str]:
        return dict(self.commands)


def write(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / {"toml": "tolv.toml", "example": ".env.example"}.get(name, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def read(tree: Path, name: str | None = None, *languages: Snake) -> App:
    return read_app(tree, name=name, fallback_name="My Guestbook", languages=languages)


def test_procfile_manifest_and_schema_make_one_app(tmp_path: Path) -> None:
    write(
        tmp_path,
        Procfile="release: migrate\nweb: serve\nworker: work\n",
        toml="name = 'guestbook'\n[processes.web]\nhealth = '/up'\ngrace = 5\nquantity = 2\n[release]\ntimeout = 60\n"
        "[build]\npython = '3.12'\n",
        example="DATABASE_URL=\n",
    )
    assert read(tmp_path) == App(
        name="guestbook",
        root=tmp_path,
        processes=(ProcessType("web", "serve", health="/up", grace=5.0), ProcessType("worker", "work")),
        release_command="migrate",
        release_timeout=60.0,
        variables=(Variable("DATABASE_URL"),),
        build={"python": "3.12"},
        formation={"web": 2},
    )


def test_the_name_comes_from_the_person_then_the_file_then_the_directory(tmp_path: Path) -> None:
    write(tmp_path, Procfile="web: serve")
    assert read(tmp_path).name == "my-guestbook"
    write(tmp_path, toml="name = 'from-file'")
    assert read(tmp_path).name == "from-file"
    assert read(tmp_path, "asked-for").name == "asked-for"


@pytest.mark.parametrize("name", ["a/b", "", "A", "-a", "a_b", "a" * 41, "..", "a.b", "a\n"])
def test_a_name_that_no_app_can_have_is_refused_with_one_that_fits(tmp_path: Path, name: str) -> None:
    write(tmp_path, Procfile="web: serve")
    with pytest.raises(UsageError, match="cannot be the name of an app") as caught:
        read(tmp_path, name)
    assert slug(name) in str(caught.value.remedy)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("My Café_2", "my-cafe-2"),
        ("--x--", "x"),
        ("日本", "app"),
        ("", "app"),
        ("a" * 39 + "-b", "a" * 39),
        ("x/y.git", "x-y-git"),
    ],
)
def test_a_directory_name_is_made_to_fit(text: str, name: str) -> None:
    assert slug(text) == name


def test_without_a_procfile_the_languages_suggest_and_the_note_says_so(tmp_path: Path) -> None:
    write(tmp_path, marker="", other="")
    app = read(
        tmp_path, None, Snake("absent", web="no"), Snake("marker", web="snake"), Snake("other", web="x", worker="y")
    )
    assert [(one.name, one.command) for one in app.processes] == [("web", "snake"), ("worker", "y")]
    assert "no Procfile: web runs `snake`" in app.notes


def test_a_suggestion_that_the_manifest_replaces_is_not_told(tmp_path: Path) -> None:
    write(tmp_path, marker="", toml="processes.web.command = 'other'")
    app = read(tmp_path, None, Snake("marker", web="snake", worker="y"))
    assert [(one.name, one.command) for one in app.processes] == [("web", "other"), ("worker", "y")]
    assert app.notes == ("no Procfile: worker runs `y`",)


def test_with_a_procfile_the_languages_are_not_asked(tmp_path: Path) -> None:
    write(tmp_path, marker="", Procfile="worker: work")
    app = read(tmp_path, None, Snake("marker", web="snake"))
    assert [one.name for one in app.processes] == ["worker"]
    assert app.notes == ()


def test_a_command_in_the_manifest_adds_a_type_or_replaces_its_command_and_says_so(tmp_path: Path) -> None:
    write(tmp_path, Procfile="web: serve", toml="processes.web.command = 'other'\nprocesses.clock.command = 'tick'")
    app = read(tmp_path)
    assert [(one.name, one.command) for one in app.processes] == [("web", "other"), ("clock", "tick")]
    assert app.notes == ("tolv.toml replaces the Procfile's command of web",)


def test_the_release_command_of_the_manifest_counts(tmp_path: Path) -> None:
    write(tmp_path, Procfile="web: serve\nrelease: old", toml="release.command = 'new'")
    app = read(tmp_path)
    assert app.release_command == "new"
    assert [one.name for one in app.processes] == ["web"]


@pytest.mark.parametrize("procfile", [None, "", "# none\n", "release: migrate\n"])
def test_an_app_with_nothing_to_run_says_what_to_write(tmp_path: Path, procfile: str | None) -> None:
    if procfile is not None:
        write(tmp_path, Procfile=procfile)
    with pytest.raises(AppError, match="no process to run") as caught:
        read(tmp_path)
    assert "Procfile" in str(caught.value.remedy)


def test_the_directory_above_an_app_points_to_the_app_and_names_no_temporary_directory(tmp_path: Path) -> None:
    for name in ("backend", "docs", "frontend"):
        (tmp_path / name).mkdir()
    write(tmp_path / "backend", Procfile="web: serve")
    write(tmp_path / "frontend", **{"package.json": "{}"})
    with pytest.raises(AppError) as caught:
        read(tmp_path)
    assert str(caught.value.remedy).endswith("the directory of an app in it: backend, frontend")
    assert str(tmp_path) not in str(caught.value)


def test_a_misspelt_procfile_is_pointed_out(tmp_path: Path) -> None:
    write(tmp_path, procfile="web: serve")
    with pytest.raises(AppError, match="there is a procfile"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("toml", "procfile", "problem", "remedy"),
    [
        ("processes.wokrer.grace = 1", "web: a\nworker: b", "processes.wokrer", "did you mean worker?"),
        ("processes.zzz.grace = 1", "web: a", "processes.zzz", "give it a command"),
        ("processes.release.grace = 1", "web: a\nrelease: b", "release is a phase", "[release]"),
        ("", "web: a\nrun: b", "one-offs", "rename"),
        ("processes.run.command = 'x'", "web: a", "one-offs", "rename"),
    ],
)
def test_process_types_that_make_no_sense_are_refused(
    tmp_path: Path, toml: str, procfile: str, problem: str, remedy: str
) -> None:
    write(tmp_path, Procfile=procfile, toml=toml)
    with pytest.raises(UsageError, match=problem) as caught:
        read(tmp_path)
    assert remedy in str(caught.value.remedy)


@pytest.fixture
def monorepo(tmp_path: Path) -> Path:
    write(tmp_path, toml="[apps.api]\nroot = 'services/api'\n[apps.web]\nroot = 'services/web'\n")
    write(tmp_path / "services/api", Procfile="web: api", toml="processes.web.health = '/up'\n")
    write(tmp_path / "services/web", Procfile="web: node server.js", example="API_URL=\n")
    return tmp_path


def test_a_monorepo_holds_several_apps_each_with_its_root(monorepo: Path) -> None:
    assert list_apps(monorepo) == {"api": monorepo / "services/api", "web": monorepo / "services/web"}
    api = read(monorepo, "api")
    assert (api.name, api.root, api.processes[0].health) == ("api", monorepo / "services/api", "/up")
    assert read(monorepo, "web").variables == (Variable("API_URL"),)


def test_a_monorepo_asks_which_app_is_meant(monorepo: Path) -> None:
    with pytest.raises(UsageError, match="several apps: api, web"):
        read(monorepo)
    with pytest.raises(UsageError, match="no app 'apj'") as caught:
        read(monorepo, "apj")
    assert caught.value.remedy == "did you mean api?"


def test_one_app_may_lie_at_the_top_of_a_monorepo(monorepo: Path) -> None:
    with (monorepo / "tolv.toml").open("a") as file:
        file.write("[apps.top]\nroot = '.'\n[processes.web]\nquantity = 3\n")
    write(monorepo, Procfile="web: top")
    assert read(monorepo, "top").formation == {"web": 3}
    assert read(monorepo, "api").formation == {}


def test_a_single_declared_app_needs_no_name(tmp_path: Path) -> None:
    write(tmp_path, toml="[apps.api]\nroot = 'api'\n")
    write(tmp_path / "api", Procfile="web: api")
    assert read(tmp_path).name == "api"


def test_settings_beside_apps_that_apply_to_none_are_refused(monorepo: Path) -> None:
    with (monorepo / "tolv.toml").open("a") as file:
        file.write("[processes.web]\nquantity = 3\n")
    with pytest.raises(UsageError, match="no app to apply to"):
        read(monorepo, "api")


def test_an_app_of_a_monorepo_is_no_monorepo(monorepo: Path) -> None:
    write(monorepo / "services/api", toml="[apps.inner]\nroot = 'x'\n")
    with pytest.raises(UsageError, match="cannot hold further apps"):
        read(monorepo, "api")


@pytest.mark.parametrize("root", ["missing", "../elsewhere", "/etc", "tolv.toml", "leads-out"])
def test_a_root_that_is_no_directory_inside_is_refused(tmp_path: Path, root: str) -> None:
    tree = write(tmp_path / "tree", toml=f"[apps.a]\nroot = '{root}'\n")
    (tmp_path / "elsewhere").mkdir()
    (tree / "leads-out").symlink_to("../elsewhere")
    with pytest.raises(UsageError, match=r"apps\.a\.root must be a directory"):
        read(tree, "a")
    with pytest.raises(UsageError):
        list_apps(tree)


def test_no_apps_are_declared_by_most_codebases(tmp_path: Path) -> None:
    assert list_apps(tmp_path) == {}


def test_an_app_of_a_monorepo_has_one_name_from_wherever_it_is_named(repo: Any) -> None:
    repo.write("tolv.toml", "[apps.backend]\nroot = 'services/api'\n[apps.site]\nroot = 'site'\n")
    repo.write("services/api/Procfile", "web: api").write("site/Procfile", "web: site").write(
        "tools/Procfile", "web: x"
    )
    repo.commit()
    source, name = name_source(locate(repo.path), "backend")
    assert (source.path, source.prefix, name) == (repo.path / "services/api", "services/api", "backend")
    assert name_source(locate(repo.path / "services/api"), None) == (source, "backend")
    assert name_source(source, "other")[1] == "other"
    assert name_source(locate(repo.path / "tools"), None)[1] == "tools"
    with pytest.raises(UsageError, match="several apps: backend, site"):
        name_source(locate(repo.path), None)
    with pytest.raises(UsageError, match="cannot be the name"):
        name_source(source, "a/b")


def test_a_source_is_named_by_its_file_else_by_its_directory(repo: Any, tmp_path: Path) -> None:
    assert name_source(locate(repo.path), None)[1] == "guestbook"
    repo.write("tolv.toml", "name = 'visitors'")
    assert name_source(locate(repo.path), None)[1] == "visitors"
    assert name_source(locate(tmp_path), "asked")[1] == "asked"
