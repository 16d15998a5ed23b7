"""Every lockfile of Python's package managers gives exactly what it locks, or a clear error."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess

import pytest

from tolv.dependencies.python_venv import uv
from tolv.errors import AppError

PROJECT = """
[project]
name = "shop"
version = "1.2"
requires-python = ">=3.9"
dependencies = ["tiny-web>=1"]

[project.scripts]
shop-manage = "shop.cli:main"

[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[dependency-groups]
dev = ["tiny-dev"]
"""
SOURCES = {
    "src/shop/__init__.py": "",
    "src/shop/cli.py": "def main():\n    print('managed')\n",
}
INSTALLED = 'python -c "import importlib.metadata as m; print(*sorted(d.name for d in m.distributions()))"'


def test_uv_lock(home, repository, run, tmp_path):
    build = repository({**SOURCES, "pyproject.toml": PROJECT, "uv.lock": _uv_lock(tmp_path, PROJECT)}).build(home)
    assert run(home, build, INSTALLED) == "shop tiny_base tiny_web"
    assert (build.lockfile, build.packages) == ("uv.lock", 2)


def test_an_app_that_is_a_package_has_its_commands_metadata_and_modules(home, repository, run, tmp_path):
    build = repository({**SOURCES, "pyproject.toml": PROJECT, "uv.lock": _uv_lock(tmp_path, PROJECT)}).build(home)
    assert run(home, build, "shop-manage") == "managed"
    command = "python -c \"import shop.cli, importlib.metadata as m; print(m.version('shop'), shop.cli.__file__)\""
    version, file = run(home, build, command).split()
    assert version == "1.2"
    assert file.endswith(f"{build.digest[7:]}/app/src/shop/cli.py")


def test_a_uv_lock_that_is_out_of_date_is_refused(home, repository, tmp_path):
    newer = PROJECT.replace('"tiny-web>=1"', '"tiny-web>=1", "tiny-dev"')
    with pytest.raises(AppError, match=r"uv\.lock is older than pyproject\.toml.*tiny-dev") as caught:
        repository({**SOURCES, "pyproject.toml": newer, "uv.lock": _uv_lock(tmp_path, PROJECT)}).build(home)
    assert "uv lock" in caught.value.remedy


def test_pylock_toml(home, repository, run, tmp_path):
    _uv_lock(tmp_path, PROJECT)
    text = _uv(tmp_path / "locking", "export", "--format", "pylock.toml", "--no-dev", "--no-emit-project", "--quiet")
    build = repository({"pylock.toml": text}).build(home)
    assert run(home, build, INSTALLED) == "tiny_base tiny_web"


@pytest.mark.parametrize("generation", [1, 2])
def test_poetry_lock(home, repository, run, index, generation):
    manifest = '[tool.poetry]\nname = "shop"\n[tool.poetry.dependencies]\npython = "^3.9"\ntiny-web = "^2.0"\n'
    build = repository({"pyproject.toml": manifest, "poetry.lock": _poetry_lock(index, generation)}).build(home)
    assert run(home, build, INSTALLED).split()[-2:] == ["tiny_base", "tiny_web"]
    assert "tiny_dev" not in run(home, build, INSTALLED)
    assert run(home, build, "tiny_base") == "tiny_base 1.0"


def test_a_poetry_lock_that_lacks_a_dependency_is_refused(home, repository, index):
    manifest = '[tool.poetry]\nname = "shop"\n[tool.poetry.dependencies]\npython = "^3.9"\nnewcomer = "*"\n'
    with pytest.raises(AppError, match=r"poetry.lock does not have newcomer") as caught:
        repository({"pyproject.toml": manifest, "poetry.lock": _poetry_lock(index, 2)}).build(home)
    assert "poetry lock" in caught.value.remedy


def test_a_hash_that_does_not_match_is_refused(home, repository, index):
    manifest = '[tool.poetry]\nname = "shop"\n[tool.poetry.dependencies]\npython = "^3.9"\ntiny-web = "^2.0"\n'
    wrong = _poetry_lock(index, 2).replace(index.sha256("tiny_web-2.0-py3-none-any.whl"), "0" * 64)
    with pytest.raises(AppError, match=r"(?i)hash mismatch"):
        repository({"pyproject.toml": manifest, "poetry.lock": wrong}).build(home)


def test_pdm_lock(home, repository, run, index):
    packages = "".join(
        f'[[package]]\nname = "{name}"\nversion = "{version}"\ngroups = ["{group}"]\n{marker}'
        f'files = [{{file = "{file}", hash = "sha256:{index.sha256(file)}"}}]\n\n'
        for name, version, group, marker, file in (
            ("tiny-web", "2.0", "default", "", "tiny_web-2.0-py3-none-any.whl"),
            ("tiny-base", "1.0", "default", "", "tiny_base-1.0-py3-none-any.whl"),
            ("tiny-dev", "1.0", "dev", "", "tiny_dev-1.0-py3-none-any.whl"),
            (
                "tiny-windows",
                "1.0",
                "default",
                "marker = \"sys_platform == 'win32'\"\n",
                "tiny_windows-1.0-py3-none-win_amd64.whl",
            ),
        )
    )
    lock = f'[metadata]\ngroups = ["default", "dev"]\nlock_version = "4.5.0"\n\n{packages}'
    build = repository({**SOURCES, "pyproject.toml": PROJECT, "pdm.lock": lock}).build(home)
    assert run(home, build, INSTALLED) == "shop tiny_base tiny_web"


def test_pipfile_lock(home, repository, run, index):
    lock = {
        "_meta": {"pipfile-spec": 6},
        "default": {
            "tiny-web": _pipfile_entry(index, "tiny_web", "2.0"),
            "tiny-base": _pipfile_entry(index, "tiny_base", "1.0"),
            "tiny-windows": {
                "version": "==1.0",
                "markers": "sys_platform == 'win32'",
                "hashes": ["sha256:" + "0" * 64],
            },
        },
        "develop": {"tiny-dev": _pipfile_entry(index, "tiny_dev", "1.0")},
    }
    files = {"Pipfile": '[packages]\ntiny-web = "*"\n', "Pipfile.lock": json.dumps(lock)}
    assert run(home, (build := repository(files).build(home)), INSTALLED) == "tiny_base tiny_web"
    assert build.lockfile == "Pipfile.lock"


def test_hashed_requirements_are_verified_with_their_includes(home, repository, run, index):
    lines = f"tiny-base==1.0 --hash=sha256:{index.sha256('tiny_base-1.0-py3-none-any.whl')}\n"
    web = f"tiny-web==2.0 \\\n    --hash=sha256:{index.sha256('tiny_web-2.0-py3-none-any.whl')}\n"
    shop = repository({"requirements.txt": "-r base.txt\n" + web, "base.txt": lines})
    assert run(home, shop.build(home), INSTALLED) == "tiny_base tiny_web"
    shop.commit({"base.txt": lines.replace("sha256:", "sha256:0000")[: len(lines)]})
    with pytest.raises(AppError, match=r"base|hash"):
        shop.build(home)


@pytest.mark.parametrize(
    ("files", "note"),
    [
        ({"requirements.txt": "tiny-web\n"}, "requirements.txt is not locked: tiny-web"),
        (
            {"pyproject.toml": '[project]\nname = "a"\nversion = "1"\ndependencies = ["tiny-web"]\n'},
            "nothing is locked",
        ),
    ],
)
def test_what_is_not_locked_is_installed_and_said(home, repository, run, files, note):
    build = repository(files).build(home)
    assert run(home, build, "tiny_web") == "tiny_web 2.0"
    assert any(one.startswith(note) for one in build.notes)


def test_a_package_inside_the_tree_follows_the_tree(home, repository, run):
    package = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    backend = (
        "import zipfile\n\n\ndef build_wheel(directory, config_settings=None, metadata_directory=None):\n"
        "    name = 'inner-1.0-py3-none-any.whl'\n"
        "    with zipfile.ZipFile(f'{directory}/{name}', 'w') as wheel:\n"
        "        wheel.write('inner.py')\n"
        "        info = 'inner-1.0.dist-info'\n"
        "        wheel.writestr(f'{info}/METADATA', 'Metadata-Version: 2.1\\nName: inner\\nVersion: 1.0\\n')\n"
        "        wheel.writestr(f'{info}/WHEEL', 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')\n"
        "        wheel.writestr(f'{info}/RECORD', '')\n"
        "    return name\n"
    )
    files = {"libs/inner/pyproject.toml": package + '[project]\nname = "inner"\nversion = "1.0"\n'}
    files |= {"libs/inner/backend.py": backend, "libs/inner/inner.py": "value = 1\n"}
    shop = repository({**files, "requirements.txt": "./libs/inner\n"})
    command = "python -c 'import inner; print(inner.value)'"
    assert run(home, shop.build(home), command) == "1"
    shop.commit({"libs/inner/inner.py": "value = 2\n"})
    assert run(home, shop.build(home), command) == "2"


def test_a_pipfile_without_its_lock_is_refused(home, repository):
    with pytest.raises(AppError, match=r"no Pipfile.lock") as caught:
        repository({"Pipfile": '[packages]\ntiny-web = "*"\n'}).build(home)
    assert "pipenv lock" in caught.value.remedy


def _pipfile_entry(index, name: str, version: str) -> dict[str, object]:
    digest = index.sha256(f"{name}-{version}-py3-none-any.whl")
    return {"version": f"=={version}", "hashes": [f"sha256:{digest}"], "index": "pypi"}


def _poetry_lock(index, generation: int) -> str:
    """A lock as Poetry 1 (edges with markers, files apart) or Poetry 2 (groups and markers per package) writes it."""
    rows = (
        ("tiny-base", "1.0", "main", "", "tiny_base-1.0-py3-none-any.whl", ""),
        ("tiny-dev", "1.0", "dev", "", "tiny_dev-1.0-py3-none-any.whl", ""),
        (
            *("tiny-web", "2.0", "main", "", "tiny_web-2.0-py3-none-any.whl"),
            '[package.dependencies]\ntiny-base = ">=1.0"\n'
            'tiny-windows = {version = "*", markers = "sys_platform == \\"win32\\""}\n',
        ),
        (
            *("tiny-windows", "1.0", "main", 'markers = "sys_platform == \\"win32\\""\n'),
            *("tiny_windows-1.0-py3-none-win_amd64.whl", ""),
        ),
    )
    text, old_files = "", "[metadata.files]\n"
    for name, version, group, marker, file, dependencies in rows:
        files = f'[{{file = "{file}", hash = "sha256:{index.sha256(file)}"}}]'
        text += f'[[package]]\nname = "{name}"\nversion = "{version}"\noptional = false\npython-versions = ">=3.7"\n'
        text += f'groups = ["{group}"]\n{marker}files = {files}\n' if generation == 2 else f'category = "{group}"\n'
        text += f"\n{dependencies}\n"
        old_files += f"{name} = {files}\n"
    digest = hashlib.sha256(text.encode()).hexdigest()
    metadata = f'[metadata]\nlock-version = "{generation}.1"\ncontent-hash = "{digest}"\n'
    return text + metadata + ("" if generation == 2 else f"\n{old_files}")


def _uv_lock(tmp_path, manifest: str) -> str:
    directory = tmp_path / "locking"
    directory.mkdir()
    (directory / "pyproject.toml").write_text(manifest)
    _uv(directory, "lock", "--quiet")
    return (directory / "uv.lock").read_text()


def _uv(directory, *arguments: str) -> str:
    environment = {**os.environ, "UV_CACHE_DIR": str(directory.parent / "uv-cache")}
    return subprocess.run(
        [uv(), *arguments], cwd=directory, env=environment, check=True, capture_output=True, text=True
    ).stdout
