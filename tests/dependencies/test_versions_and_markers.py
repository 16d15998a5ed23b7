"""The dialects of versions, ranges, markers and requirements that manifests and lockfiles are written in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tolv.dependencies.markers import holds, marker_environment
from tolv.dependencies.python_locks import wheel_fits
from tolv.dependencies.python_requirements import read_requirements
from tolv.dependencies.versions import parse_version, satisfies
from tolv.errors import AppError


@pytest.mark.parametrize(
    ("version", "ranges", "holds"),
    [
        ("3.11.7", ">=3.9,<3.12", True),
        ("3.11.7", ">=3.9, <3.11", False),
        ("3.11.7", "3.11", True),
        ("3.11.7", "3.11.2", False),
        ("3.11.7", "==3.11.*", True),
        ("3.11.7", "!=3.11.*", False),
        ("3.11.7", "<=3.11", True),
        ("3.11.7", ">3.11", False),
        ("3.11.7", "~=3.10", True),
        ("3.11.7", "~=3.10.2", False),
        ("3.11.7", "^3.9", True),
        ("4.0", "^3.9", False),
        ("0.3.1", "^0.2", False),
        ("3.11.7", "~3.11", True),
        ("3.11.7", "*", True),
        ("20.20.2", "18.x || 20.x", True),
        ("20.20.2", ">=14 <19", False),
        ("20.20.2", "18 - 20", True),
        ("20.20.2", "v20", True),
        ("20.20.2", ">= 20", True),
        ("3.11.7", "", True),
    ],
)
def test_ranges_mean_what_their_authors_mean(version, ranges, holds):
    assert satisfies(parse_version(version), ranges) is holds


def test_what_is_no_range_is_refused():
    with pytest.raises(ValueError, match="no version range"):
        satisfies((3, 11), "the newest one")


@given(st.tuples(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99)))
def test_a_version_satisfies_itself_and_its_prefixes(version):
    text = ".".join(map(str, version))
    assert parse_version(text) == version
    for ranges in (text, f"=={text}", f">={text}", f"<={text}", f"~={text}", f"^{text}", text.rpartition(".")[0]):
        assert satisfies(version, ranges), ranges
    for ranges in (f"<{text}", f">{text}", f"!={text}"):
        assert not satisfies(version, ranges), ranges


@pytest.mark.parametrize(
    ("marker", "expected"),
    [
        (None, True),
        ("sys_platform == 'linux'", True),
        ('sys_platform == "win32" or python_version >= "3.8"', True),
        ('python_version < "3.9" and extra == "tests"', False),
        ("(os_name != 'nt' and implementation_name == 'cpython') or extra == 'x'", True),
        ("'linux' in sys_platform", True),
        ("platform_machine not in 'sparc mips'", True),
        ("python_full_version ~= '3.11.0'", True),
        ('"3.12" <= python_version', False),
    ],
)
def test_markers_hold_for_this_platform(marker, expected):
    assert holds(marker, marker_environment("3.11.7")) is expected


@pytest.mark.parametrize("marker", ["os.system('x')", "python_version", "1 +", "[1] == 1"])
def test_what_is_no_marker_is_refused_and_never_run(marker):
    with pytest.raises(ValueError, match=r"environment marker"):
        holds(marker, marker_environment("3.11.7"))


@pytest.mark.parametrize(
    ("wheel", "fits"),
    [
        ("six-1.16.0-py2.py3-none-any.whl", True),
        ("x-1.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", True),
        ("x-1.0-cp310-cp310-manylinux_2_17_x86_64.whl", False),
        ("x-1.0-cp37-abi3-musllinux_1_1_x86_64.manylinux_2_28_x86_64.whl", True),
        ("x-1.0-cp312-abi3-manylinux_2_17_x86_64.whl", False),
        ("x-1.0-cp311-cp311-win_amd64.whl", False),
    ],
)
def test_a_wheels_tags_say_which_python_it_is_for(wheel, fits):
    assert wheel_fits(wheel, "3.11") is fits


def test_requirements_are_read_with_includes_continuations_and_comments(tmp_path):
    (tmp_path / "base.txt").write_text("Six == 1.16.0  # pinned\n-c limits.txt\n")
    (tmp_path / "limits.txt").write_text("idna<4\n")
    (tmp_path / "requirements.txt").write_text(
        "-r base.txt\nrequests[socks]>=2 ; python_version > '3'\n\n--index-url https://example.org/simple\n"
        "tool @ https://example.org/tool-1.0.tar.gz\nitsdangerous==2.1.2 \\\n    --hash=sha256:00\n"
    )
    found = read_requirements(tmp_path / "requirements.txt")
    assert found.names == {"six", "requests", "tool", "itsdangerous"}
    assert found.unpinned == ("requests",)
    assert (found.hashed, found.local) == (True, False)


@pytest.mark.parametrize(
    "line", ["-e .", "./libs/inner", "../shared", "wheels/a-1.0-py3-none-any.whl", "--editable=src/x"]
)
def test_requirements_that_name_a_path_are_noticed(tmp_path, line):
    (tmp_path / "requirements.txt").write_text(f"six==1.16.0\n{line}\n")
    assert read_requirements(tmp_path / "requirements.txt").local


def test_a_changed_include_changes_the_digest(tmp_path):
    (tmp_path / "requirements.txt").write_text("-r base.txt\n")
    (tmp_path / "base.txt").write_text("six==1.15.0\n")
    before = read_requirements(tmp_path / "requirements.txt").digest
    (tmp_path / "base.txt").write_text("six==1.16.0\n")
    assert read_requirements(tmp_path / "requirements.txt").digest != before


def test_an_include_that_is_missing_is_named(tmp_path):
    (tmp_path / "requirements.txt").write_text("-r gone.txt\n")
    with pytest.raises(AppError, match=r"gone\.txt"):
        read_requirements(tmp_path / "requirements.txt")
