"""Interpreters, Django's static files and Node: what the languages promise beyond lockfiles."""

from __future__ import annotations

import json
import shutil
import sys

import pytest

from tolv.build import builder
from tolv.build.workshop import remove_tree
from tolv.dependencies import python_runtime
from tolv.errors import AppError

#: A stand-in for Django, of which `collectstatic` only needs a few lines.
DJANGO = {
    "requirements.txt": "tiny-base==1.0\n# django comes with the tree, in manage.py's own words\n",
    "manage.py": (
        "import os, pathlib, sys\n"
        "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\n"
        "import shop.settings\n"
        "root = pathlib.Path('staticfiles'); root.mkdir(exist_ok=True)\n"
        "for path in pathlib.Path('static').glob('*'):\n"
        "    (root / path.name).write_text(path.read_text() + shop.settings.SUFFIX)\n"
    ),
    "shop/__init__.py": "",
    "shop/settings.py": "STATIC_ROOT = 'staticfiles'\nSUFFIX = '!'\n",
    "shop/views.py": "one = 1\n",
    "static/site.css": "body {}",
}


def test_the_interpreter_that_python_version_names_is_used(home, repository, run):
    other = next((one for one in python_runtime.interpreters() if one.minor != _own()), None)
    if other is None or other.parsed < (3, 8):
        pytest.skip("this machine has only one Python")
    build = repository({".python-version": f"{other.minor}\n", "requirements.txt": "tiny-base==1.0\n"}).build(home)
    assert run(home, build, "python -c 'import sys, tiny_base; print(sys.version.split()[0])'") == other.version
    assert build.runtime == f"python {other.version}"


@pytest.mark.parametrize(
    "files",
    [
        {".python-version": "3.99\n"},
        {"runtime.txt": "python-3.99.1\n"},
        {"pyproject.toml": '[project]\nname = "a"\nrequires-python = ">=3.99"\n'},
        {"tolv.toml": '[build]\npython = "3.99"\n'},
    ],
)
def test_an_interpreter_that_is_not_there_is_a_clear_error(home, repository, files):
    with pytest.raises(AppError, match=r"asks for Python .*3\.99.*this machine has .*3\.") as caught:
        repository({"requirements.txt": "", **files}).build(home)
    assert caught.value.where == next(iter(files))
    assert "install Python" in caught.value.remedy


def test_the_remedy_for_a_missing_interpreter_names_the_nearest_that_is_there(home, repository):
    nearest = min(python_runtime.interpreters(), key=lambda one: one.parsed)
    with pytest.raises(AppError) as caught:
        repository({".python-version": "3.1\n", "requirements.txt": ""}).build(home)
    assert caught.value.remedy.endswith(f"TOLV_PYTHON={nearest.minor} tolv up")


def test_packages_that_need_a_python_that_is_not_there_say_so(home, repository, index):
    index.add_wheel("tiny_new", "1.0", python=">=3.99")
    with pytest.raises(AppError, match="tiny-new") as caught:
        repository({"requirements.txt": "tiny-new==1.0\n"}).build(home)
    assert caught.value.remedy.startswith("install Python >=3.99")


def test_packages_that_an_interpreter_of_the_machine_fits_name_it(home, repository, index):
    newest = python_runtime.interpreters()[0]
    if newest.minor == _own():
        pytest.skip("this machine has no newer Python")
    index.add_wheel("tiny_newer", "1.0", python=f">={newest.minor}")
    with pytest.raises(AppError, match="tiny-newer") as caught:
        repository({"requirements.txt": "tiny-newer==1.0\n"}).build(home)
    assert caught.value.remedy.endswith(f"TOLV_PYTHON={newest.minor} tolv up")


def test_the_operator_may_override_the_interpreter_and_the_build_says_so(home, repository, monkeypatch):
    monkeypatch.setenv("TOLV_PYTHON", _own())
    build = repository({".python-version": "3.99\n", "requirements.txt": ""}).build(home)
    assert any("TOLV_PYTHON" in note and "3.99" in note for note in build.notes)


def test_a_range_prefers_the_python_that_the_lock_has_wheels_for(home, repository, index):
    fitting = [one for one in python_runtime.interpreters() if one.parsed >= (3, 9) and one.minor != _own()]
    if not fitting:
        pytest.skip("this machine has only one Python")
    tag = "cp" + fitting[0].minor.replace(".", "")
    wheel = index.add_wheel("tiny_native", "1.0", tag=f"{tag}-{tag}-manylinux_2_5_x86_64")
    lock = (
        '[[package]]\nname = "tiny-native"\nversion = "1.0"\noptional = false\npython-versions = "*"\n'
        f'groups = ["main"]\nfiles = [{{file = "{wheel}", hash = "sha256:{index.sha256(wheel)}"}}]\n'
    )
    manifest = '[tool.poetry]\nname = "a"\n[tool.poetry.dependencies]\npython = ">=3.9"\ntiny-native = "1.0"\n'
    build = repository({"pyproject.toml": manifest, "poetry.lock": lock}).build(home)
    assert build.runtime == f"python {fitting[0].version}"


def test_an_interpreter_that_moved_is_found_again(home, repository, run):
    build = repository({"requirements.txt": "tiny-base==1.0\n"}).build(home)
    python = next(home.layers.glob("*/opt/venv/bin/python"))
    python.parent.chmod(0o755)
    python.unlink()
    python.symlink_to("/gone/python3")
    assert run(home, build, "python -c 'import tiny_base; print(tiny_base.version)'") == "1.0"


def test_packages_that_rely_on_setuptools_have_it_where_python_used_to_bring_it(home, repository, run, index):
    old = next((one for one in python_runtime.interpreters() if (3, 9) <= one.parsed < (3, 12)), None)
    bundled = old and list(old.executable.parent.parent.glob("lib/python3.*/ensurepip/_bundled/setuptools-*.whl"))
    if not bundled:
        pytest.skip("this machine has no Python before 3.12 that carries setuptools")
    index.add_wheel("tiny_legacy", "1.0", source="import pkg_resources\n")
    shop = repository({".python-version": old.version, "requirements.txt": "tiny-legacy==1.0\n"})
    assert run(home, shop.build(home), "python -W ignore -c 'import tiny_legacy; print(1)'") == "1"


def test_collectstatic_runs_and_its_files_are_in_the_build(home, repository, run, index):
    index.add_wheel("django", "99.0")
    shop = repository({**DJANGO, "requirements.txt": "django==99.0\n"})
    build = shop.build(home)
    remove_tree(home.builds)
    assert run(home, build, "cat staticfiles/site.css") == "body {}!"


def test_collectstatic_runs_again_only_when_something_that_it_read_has_changed(home, repository, run, index):
    index.add_wheel("django", "99.0")
    shop = repository({**DJANGO, "requirements.txt": "django==99.0\n"})
    said: list[str] = []
    shop.build(home, said.append)
    for change, runs, served in (
        ({"shop/views.py": "two = 2\n"}, False, "body {}!"),
        ({"shop/settings.py": "STATIC_ROOT = 'staticfiles'\nSUFFIX = '?'\n"}, True, "body {}?"),
        ({"static/site.css": "html {}"}, True, "html {}?"),
        ({"shop/later.py": ""}, True, "html {}?"),
    ):
        said.clear()
        shop.commit(change)
        build = shop.build(home, said.append)
        assert ("running collectstatic" in said) is runs, change
        assert run(home, build, "cat staticfiles/site.css") == served


def test_a_collectstatic_that_needs_config_fails_with_a_remedy(home, repository, index):
    index.add_wheel("django", "99.0")
    settings = "import os\nSTATIC_ROOT = 'staticfiles'\nSUFFIX = os.environ['SECRET_KEY']\n"
    with pytest.raises(AppError, match="SECRET_KEY") as caught:
        repository({**DJANGO, "requirements.txt": "django==99.0\n", "shop/settings.py": settings}).build(home)
    assert "[build] command" in caught.value.remedy


def test_collectstatic_has_the_defaults_of_the_apps_schema(home, repository, run, index):
    index.add_wheel("django", "99.0")
    settings = "import os\nSTATIC_ROOT = 'staticfiles'\nSUFFIX = os.environ['SECRET_KEY']\n"
    files = {"requirements.txt": "django==99.0\n", "shop/settings.py": settings, ".env.example": "SECRET_KEY=example\n"}
    assert run(home, repository({**DJANGO, **files}).build(home), "cat staticfiles/site.css") == "body {}example"


def test_the_build_command_of_tolv_toml_replaces_collectstatic(home, repository, run, index):
    index.add_wheel("django", "99.0")
    files = {"requirements.txt": "django==99.0\n", "tolv.toml": '[build]\ncommand = "echo made > own.txt"\n'}
    build = repository({**DJANGO, **files}).build(home)
    assert (
        run(home, build, "cat own.txt; ls")
        == "made\nProcfile\n__pycache__\nmanage.py\nown.txt\nrequirements.txt\nshop\nstatic\ntolv.toml"
    )


needs_npm = pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")


@needs_npm
def test_node_gets_what_its_lock_names_and_nothing_of_development(home, repository, run, index):
    build = repository(_node(index)).build(home)
    assert run(home, build, "node -p 'require(`tiny-base`)'") == "1.0.0"
    assert run(home, build, "ls node_modules") == "tiny-base"
    assert (build.lockfile, build.packages) == ("package-lock.json", 1)
    purls = [one.get("purl") for one in builder.sbom(home, build.digest)["components"]]
    assert "pkg:npm/tiny-base@1.0.0" in purls


@needs_npm
def test_nodes_build_script_has_development_packages_and_its_output_is_kept(home, repository, run, index):
    script = "node -e \"require('fs').writeFileSync('out.txt', require('tiny-tool') + process.env.NODE_ENV)\""
    build = repository(_node(index, scripts={"build": script})).build(home)
    remove_tree(home.builds)
    assert run(home, build, "cat out.txt") == "1.0.0production"
    assert run(home, build, "ls node_modules") == "tiny-base"


@needs_npm
def test_a_build_command_has_nodes_development_packages_and_committed_ones_do_not_count(home, repository, run, index):
    files = {"tolv.toml": '[build]\ncommand = "node -p \\"require(\'tiny-tool\')\\" > out.txt"\n'}
    files["node_modules/stray/index.js"] = ""
    build = repository({**_node(index), **files}).build(home)
    assert run(home, build, "cat out.txt; ls node_modules") == "1.0.0\ntiny-base"


@needs_npm
def test_npm_does_not_advertise_a_newer_npm_in_the_logs(home, repository, run, index):
    build = repository(_node(index)).build(home)
    assert run(home, build, "npm config get update-notifier") == "false"


@needs_npm
def test_nodes_registry_never_enters_the_image(home, repository, index):
    files = _node(index)
    repository(files).build(home)
    app_own = json.loads(files["package-lock.json"])["packages"]["node_modules/tiny-base"].get("resolved")
    assert app_own is None
    for blob in (home.images / "blobs" / "sha256").iterdir():
        assert f"127.0.0.1:{index.port}".encode() not in blob.read_bytes()


@needs_npm
def test_a_package_json_that_its_lock_does_not_match_is_refused(home, repository, index):
    files = _node(index)
    manifest = json.loads(files["package.json"])
    manifest["dependencies"]["newcomer"] = "1.0.0"
    with pytest.raises(AppError, match=r"package-lock.json") as caught:
        repository({**files, "package.json": json.dumps(manifest)}).build(home)
    assert "npm install" in caught.value.remedy


@needs_npm
def test_an_installation_script_of_the_apps_own_sees_its_files(home, repository, run, index):
    script = "node -e \"require('fs').copyFileSync('data.txt', 'node_modules/tiny-base/data.txt')\""
    build = repository({**_node(index, scripts={"postinstall": script}), "data.txt": "from the tree"}).build(home)
    assert run(home, build, "cat node_modules/tiny-base/data.txt; ls node_modules") == "from the treetiny-base"


@needs_npm
def test_python_and_node_live_in_one_build(home, repository, run, index):
    files = _node(index, scripts={"build": "node -p \"require('tiny-tool')\" > built.txt"})
    build = repository({**files, "requirements.txt": "tiny-base==1.1\n"}).build(home)
    assert run(home, build, "tiny_base; node -p 'require(`tiny-base`)'; cat built.txt").split() == [
        *("tiny_base", "1.1", "1.0.0", "1.0.0")
    ]
    assert build.runtime.startswith("python ")
    assert [layer.prefix for layer in build.layers] == ["opt/venv", "app/node_modules", "app"]


def test_a_node_that_is_not_there_is_a_clear_error(home, repository, index):
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    with pytest.raises(AppError, match=r"asks for Node 99, and this machine has"):
        repository({**_node(index), ".nvmrc": "99\n"}).build(home)


def _node(index, scripts: dict[str, str] | None = None) -> dict[str, str]:
    from base64 import b64encode
    from hashlib import sha512

    manifest = {"name": "shop", "version": "1.0.0", "scripts": scripts or {}}
    manifest |= {"dependencies": {"tiny-base": "1.0.0"}, "devDependencies": {"tiny-tool": "1.0.0"}}
    packages: dict[str, object] = {"": manifest | ({"hasInstallScript": True} if scripts else {})}
    for name, development in (("tiny-base", False), ("tiny-tool", True)):
        content = index.files[f"/npm/{name}/-/{name}-1.0.0.tgz"]
        entry = {"version": "1.0.0", "integrity": "sha512-" + b64encode(sha512(content).digest()).decode()}
        packages[f"node_modules/{name}"] = entry | ({"dev": True} if development else {})
    lock = {"name": "shop", "version": "1.0.0", "lockfileVersion": 3, "requires": True, "packages": packages}
    return {
        "Procfile": "web: node web.js\n",
        "package.json": json.dumps(manifest),
        "package-lock.json": json.dumps(lock),
    }


def _own() -> str:
    return f"{sys.version_info[0]}.{sys.version_info[1]}"
