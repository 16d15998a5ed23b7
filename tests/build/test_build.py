"""What a build promises: the same digest for the same commit, nothing but the app in it, and a tree that runs."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tolv.build import builder
from tolv.build.model import build_from_json, build_to_json
from tolv.build.oci import Layout
from tolv.build.workshop import remove_tree
from tolv.codebase.model import ServiceNeed
from tolv.errors import AppError, UsageError
from tolv.home import Home

FLASKY = {
    "requirements.txt": "tiny-web==2.0\ntiny-base==1.0\n",
    "web.py": "import tiny_web\nprint(tiny_web.version)\n",
    ".env": "SECRET=local-only-value\n",
    "shop/__init__.py": "",
}


def test_an_unpacked_build_runs_with_its_own_environment_alone(home, repository, run):
    build = repository(FLASKY).build(home)
    assert run(home, build, "python web.py") == "2.0"
    assert run(home, build, "tiny_base") == "tiny_base 1.0"
    assert build.summary.endswith("2 packages from requirements.txt")


def test_the_same_commit_gives_the_same_digest_in_other_homes_and_directories(tmp_path, repository):
    one = repository(FLASKY, "one/shop")
    two = tmp_path / "elsewhere" / "with-another-name"
    subprocess.run(["git", "clone", "--quiet", one.path, two], check=True)
    builds = [
        replace(one, path=path).build(Home(tmp_path / home)) for path, home in ((one.path, "h1"), (two, "deeper/h2"))
    ]
    assert builds[0].digest == builds[1].digest
    assert [build.app for build in builds] == ["shop", "with-another-name"]


def test_a_dependency_layer_is_the_same_when_it_is_made_again(home, repository):
    shop = repository(FLASKY)
    first = shop.build(home)
    remove_tree(home.cache / "dependencies")
    remove_tree(home.cache / "bytecode")
    assert shop.build(home).digest == first.digest


def test_a_layer_that_processes_run_from_is_not_exchanged_for_the_same(home, repository, run):
    shop = repository(FLASKY)
    first = shop.build(home)
    assert run(home, first, "python web.py") == "2.0"
    before = {path: path.stat().st_ino for path in home.layers.iterdir()}
    shop.commit({"requirements.txt": FLASKY["requirements.txt"] + "# the same, in another lock\n"})
    said = []
    second = shop.build(home, said.append)
    assert [message for message in said if message.startswith("installing")]
    assert second.layers[0] == first.layers[0]
    assert {path: path.stat().st_ino for path in home.layers.iterdir()} == before


def test_a_change_to_code_alone_installs_nothing(home, repository):
    shop, said = repository(FLASKY), []
    first = shop.build(home)
    shop.commit({"web.py": "print('changed')\n"})
    second = shop.build(home, said.append)
    assert not [message for message in said if message.startswith("installing")]
    assert first.layers[0] == second.layers[0]
    assert first.layers[1] != second.layers[1]


def test_a_change_has_the_digest_that_it_has_where_everything_is_compiled(tmp_path, repository):
    shop = repository({**FLASKY, **{f"shop/part{number}.py": f"NUMBER = {number}\n" for number in range(40)}})
    shop.build(Home(tmp_path / "one"))
    shop.commit({"web.py": "print({'a', 'b', 'c'} & {'b'}, 'changed')\n"})
    changed = shop.build(Home(tmp_path / "one"))
    assert changed.digest == shop.build(Home(tmp_path / "two")).digest


@pytest.mark.parametrize("change", [{"web.py": "print('changed')\n"}, {"web.txt": "no code"}, {"tolv.toml": "= 1"}])
def test_no_compiler_outlives_a_build(home, repository, change):
    shop = repository(FLASKY)
    shop.build(home)
    shop.commit(change)
    before = _children()
    with contextlib.suppress(UsageError, AppError):
        shop.build(home)
    assert _children() <= before


def _children() -> set[str]:
    """Processes that this one has started and that it has not waited for."""
    found = set()
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            parent = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[1]
            if int(parent) == os.getpid():
                found.add(name)
    return found


def test_a_build_is_read_back_from_its_image_alone(home, repository):
    build = repository({**FLASKY, ".env.example": "KEY=\n", "tolv.toml": 'name = "store"\n'}).build(home)
    assert builder.read_build(home, build.digest) == build
    assert build.app == "store"
    assert [variable.name for variable in build.variables] == ["KEY"]


def test_the_backing_services_that_a_build_needs_are_read_back_from_its_image(home, repository):
    text = (
        "[services.database]\nkind = 'postgres'\nversion = 16\n[services.cache]\nkind = 'valkey'\nrequired = false\n"
        "env = {CACHE_HOST = '{host}'}\n[parity]\nproduction = 'live'\n"
    )
    build = repository({**FLASKY, "tolv.toml": text}).build(home)
    assert builder.read_build(home, build.digest) == build
    assert build.services == (
        ServiceNeed("database", "postgres", "16", (("DATABASE_URL", "{url}"),)),
        ServiceNeed("cache", "valkey", None, (("CACHE_HOST", "{host}"),), False),
    )
    assert build.production == "live"


def test_a_build_of_a_time_without_services_needs_none(home, repository):
    build = repository(FLASKY).build(home)
    data = build_to_json(build)
    del data["services"], data["production"]
    assert build_from_json(json.loads(json.dumps(data))) == build
    assert (build.services, build.production) == ((), "prod")


def test_an_unknown_build_is_named(home):
    with pytest.raises(UsageError, match="there is no build"):
        builder.read_build(home, "sha256:" + "0" * 64)
    with pytest.raises(UsageError, match="is no digest"):
        builder.unpack(home, "../../etc/passwd")


def test_local_config_and_index_credentials_never_enter_the_image(home, repository, index):
    repository({**FLASKY, "sub/.env": "DEEP=local-only-value\n"}).build(home)
    blobs = [path.read_bytes() for path in (home.images / "blobs" / "sha256").iterdir()]
    for secret in ("local-only-value", index.url, "s3cr3t-of-the-index", f"127.0.0.1:{index.port}"):
        assert not any(secret.encode() in blob for blob in blobs), secret


def test_no_path_of_this_machine_enters_the_image(home, repository, tmp_path):
    repository(FLASKY).build(home)
    blobs = [path.read_bytes() for path in (home.images / "blobs" / "sha256").iterdir()]
    assert not any(str(tmp_path).encode() in blob for blob in blobs)


def test_an_unpacked_build_is_read_only(home, repository):
    ready = builder.unpack(home, repository(FLASKY).build(home).digest)
    root = Path(ready.directory).parent
    for top in (root / "app", (root / "opt" / "venv").resolve()):
        for directory, _, files in os.walk(top):
            for path in (directory, *(f"{directory}/{name}" for name in files)):
                mode = os.lstat(path).st_mode
                assert stat.S_ISLNK(mode) or not mode & 0o222, path


def test_byte_code_is_there_and_python_uses_it(home, repository, run):
    build = repository(
        {**FLASKY, "web.py": "import shop, tiny_web\nprint(shop.__cached__, tiny_web.__cached__)\n"}
    ).build(home)
    for path in run(home, build, "python web.py").split():
        assert Path(path).is_file()


def test_what_was_unpacked_is_made_again_when_it_is_missing(home, repository, run):
    build = repository(FLASKY).build(home)
    for directory in (home.builds, home.layers):
        remove_tree(directory)
    assert run(home, build, "python web.py") == "2.0"


def test_what_was_unpacked_before_a_power_cut_is_not_trusted(home, repository, run):
    build = repository(FLASKY).build(home)
    for directory in (*home.builds.iterdir(), *home.layers.iterdir()):
        if directory.is_dir():
            directory.chmod(0o755)
            (directory / "boot").unlink()
            (directory / "boot").write_text("an earlier boot")
            remove_tree(next(one for one in directory.iterdir() if one.is_dir()))
    assert run(home, build, "python web.py") == "2.0"


def test_an_unpacked_layer_gives_the_bytes_that_were_packed(home, repository):
    build = repository(FLASKY).build(home)
    kept = _bytes_below(home.layers)
    remove_tree(home.layers)
    builder.unpack(home, build.digest)
    assert _bytes_below(home.layers) == kept


def test_an_unpacked_script_names_its_interpreter_and_in_the_image_it_looks_for_it(home, repository, run):
    build = repository(FLASKY).build(home)
    for _ in range(2):
        layer = next(one for one in home.layers.iterdir() if one.is_dir())
        script = layer / "opt" / "venv" / "bin" / "tiny_base"
        first, second = script.read_bytes().split(b"\n")[:2]
        assert first == f"#!{layer}/opt/venv/bin/python".encode()
        assert second == b"# -*- coding: utf-8 -*-"
        assert stat.S_IMODE(script.stat().st_mode) == 0o555
        assert run(home, build, "tiny_base") == "tiny_base 1.0"
        remove_tree(home.layers)
        builder.unpack(home, build.digest)
    blobs = [path.read_bytes() for path in (home.images / "blobs" / "sha256").iterdir()]
    assert any(b"\n'''exec' \"$(dirname -- " in blob for blob in blobs)


def test_a_script_whose_interpreter_lies_too_deep_for_a_first_line_looks_for_it(tmp_path, repository, run):
    home = Home(tmp_path / ("deep" * 50))
    build = repository(FLASKY).build(home)
    assert run(home, build, "tiny_base") == "tiny_base 1.0"


def test_files_that_the_app_excludes_stay_out(home, repository):
    files = {
        "tolv.toml": '[build]\nexclude = ["docs", "*.psd"]\n',
        "docs/a.md": "a",
        "art/x.psd": "x",
        "art/y.txt": "y",
    }
    ready = builder.unpack(home, repository({**FLASKY, **files}).build(home).digest)
    found = {path.relative_to(ready.directory).as_posix() for path in Path(ready.directory).rglob("*")}
    assert "art/y.txt" in found
    assert not {"docs", "docs/a.md", "art/x.psd"} & found


def test_modes_and_links_of_the_tree_survive(home, repository, run):
    shop = repository(FLASKY)
    (shop.path / "tool").write_text("#!/bin/sh\necho tool\n")
    (shop.path / "tool").chmod(0o755)
    (shop.path / "link").symlink_to("tool")
    build = (shop.commit({}), shop.build(home))[1]
    remove_tree(home.builds)
    assert run(home, build, "./link") == "tool"


def test_an_app_without_a_language_runs_as_it_is(home, repository, run):
    build = repository({"Procfile": "web: ./serve\n", "data.txt": "hello"}).build(home)
    assert build.summary == "runs as it is"
    assert run(home, build, "cat data.txt") == "hello"


def test_a_failed_installation_shows_the_tools_last_lines_and_leaves_nothing(home, repository):
    with pytest.raises(AppError) as caught:
        repository({"requirements.txt": "tiny-nowhere==1.0\n"}).build(home)
    assert "tiny-nowhere" in caught.value.problem
    assert "s3cr3t" not in str(caught.value)
    assert caught.value.remedy
    assert Layout(home.images).manifests() == []
    assert not list(home.work.iterdir())
    assert not list((home.images / "blobs" / "sha256").iterdir())


def test_a_failed_build_step_fails_the_build(home, repository):
    files = {"tolv.toml": "[build]\ncommand = \"echo one; echo 'cannot compile' >&2; exit 7\"\n"}
    with pytest.raises(AppError, match="cannot compile") as caught:
        repository({**FLASKY, **files}).build(home)
    assert "exit status 7" in caught.value.problem


def test_a_build_step_sees_nothing_of_the_hosts_environment(home, repository, run, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hosts-own-secret")
    files = {"tolv.toml": "[build]\ncommand = \"env > seen.txt; python -c 'import tiny_web'\"\n"}
    seen = run(home, repository({**FLASKY, **files}).build(home), "cat seen.txt")
    names = {line.partition("=")[0] for line in seen.splitlines()}
    assert "AWS_SECRET_ACCESS_KEY" not in names
    assert os.environ["HOME"] != dict(line.split("=", 1) for line in seen.splitlines() if "=" in line)["HOME"]


def test_a_monorepos_app_is_built_from_its_own_root(home, repository, run):
    files = {"tolv.toml": '[apps.shop]\nroot = "services/shop"\n', "secret.txt": "of another app"}
    files |= {f"services/shop/{name}": text for name, text in FLASKY.items()}
    build = repository({**files, "services/shop/Procfile": "web: python web.py\n"}).build(home)
    assert build.app == "shop"
    assert run(home, build, "python web.py; ls").split() == [
        "2.0",
        "Procfile",
        "__pycache__",
        "requirements.txt",
        "shop",
        "web.py",
    ]


def test_the_bill_of_materials_lists_every_package(home, repository):
    build = repository(FLASKY).build(home)
    bill = builder.sbom(home, build.digest)
    assert bill["bomFormat"] == "CycloneDX"
    purls = {one["purl"] for one in bill["components"] if "purl" in one}
    assert purls == {"pkg:pypi/tiny-web@2.0", "pkg:pypi/tiny-base@1.0"}


def test_the_labels_name_commit_source_and_interpreter(home, repository):
    shop = repository(FLASKY)
    shop.git("remote", "add", "origin", "git@github.com:someone/shop.git")
    build = shop.build(home)
    layout = Layout(home.images)
    labels = layout.read_json(layout.read_json(build.digest)["config"]["digest"])["config"]["Labels"]
    assert labels["org.opencontainers.image.revision"] == shop.git("rev-parse", "HEAD")
    assert labels["org.opencontainers.image.source"] == "https://github.com/someone/shop"
    assert labels["org.opencontainers.image.created"] == "2026-01-02T03:04:05Z"
    assert labels["io.tolv.runtime"] == build.runtime
    assert json.loads(labels["io.tolv.build"])["lockfile"] == "requirements.txt"


def _bytes_below(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and not path.is_symlink()
    }
