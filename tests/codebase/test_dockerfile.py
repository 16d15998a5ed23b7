"""Dockerfiles and the images that they name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tolv.codebase.dockerfile import Dockerfile, parse_dockerfile
from tolv.codebase.images import expand, parse_image


def _read(text: str) -> Dockerfile:
    file = parse_dockerfile(text)
    assert file.problem is None
    return file


@pytest.mark.parametrize(
    ("text", "registry", "name", "tag", "digest", "floats"),
    [
        ("postgres", None, "postgres", None, None, True),
        ("postgres:latest", None, "postgres", "latest", None, True),
        ("postgres:16.2-alpine", None, "postgres", "16.2-alpine", None, False),
        ("docker.io/library/python:3.12", None, "python", "3.12", None, False),
        ("ghcr.io/a/b", "ghcr.io", "a/b", None, None, True),
        ("localhost:5000/a/b:1", "localhost:5000", "a/b", "1", None, False),
        ("a/b:latest@sha256:00ff", None, "a/b", "latest", "sha256:00ff", False),
        ("ghcr.io/a/b:${TAG:-latest}", "ghcr.io", "a/b", "${TAG:-latest}", None, False),
        ("${REGISTRY:-r.io:5000}/a:1", None, "${REGISTRY:-r.io:5000}/a", "1", None, False),
        ("{{ .Values.image }}:{{ .Values.tag }}", None, "{{ .Values.image }}", "{{ .Values.tag }}", None, False),
        ("scratch", None, "scratch", None, None, False),
    ],
)
def test_a_reference_has_its_parts(
    text: str, registry: str | None, name: str, tag: str | None, digest: str | None, floats: bool
) -> None:
    image = parse_image(text)
    assert (image.registry, image.name, image.tag, image.digest) == (registry, name, tag, digest)
    assert image.floats is floats


def test_a_tag_has_a_version_and_a_variant() -> None:
    assert (parse_image("python:3.12-slim").version, parse_image("python:3.12-slim").variant) == ((3, 12), "slim")
    assert (parse_image("python:alpine").version, parse_image("python:alpine").variant) == ((), "alpine")
    assert parse_image("minio:RELEASE.2024-01-01").version == ()


def test_stages_know_what_they_are_built_on() -> None:
    file = _read("ARG V=3.12\nFROM python:${V}-slim AS base\nENV A=1\nFROM base AS prod\nUSER app\nFROM scratch\n")
    assert [stage.image.text for stage in file.stages] == ["python:3.12-slim", "base", "scratch"]
    assert file.stages[1].image.is_stage
    assert file.env_of(file.stage("PROD"))["A"].value == "1"
    assert file.env == {}


def test_an_instruction_goes_over_its_lines() -> None:
    file = _read("FROM a\nRUN x \\\n# why\n\n  && y \\\n  --flag\nCMD z\n")
    run = file.instructions[0]
    assert (run.line, run.end_line, run.text) == (2, 6, "x && y --flag")
    assert run.shell is not None
    assert run.shell.split("\n")[3].strip().startswith("&& y")
    assert file.instructions[1].line == 7


def test_a_heredoc_is_the_text_for_the_shell_in_its_place() -> None:
    file = _read("FROM a\nRUN <<EOF\napt-get update\nFROM here on\nEOF\nCOPY <<-'X' /a\n\tFROM b\n\tX\nCMD [\"b\"]\n")
    run, copy, _ = file.instructions
    assert run.shell is not None
    assert run.shell.split("\n")[1] == "apt-get update"
    assert copy.heredocs == ("\tFROM b\n",)
    assert len(file.stages) == 1


def test_flags_are_no_part_of_the_text() -> None:
    file = _read(
        "FROM --platform=$BUILDPLATFORM a\nCOPY --from=build --link /a /b\nRUN --mount=type=cache,target=/x y\n"
    )
    copy, run = file.instructions
    assert (copy.flags, copy.words) == ({"from": "build", "link": ""}, ("/a", "/b"))
    assert run.shell == "y"
    assert file.stages[0].platform == "$BUILDPLATFORM"


def test_the_escape_directive_is_followed() -> None:
    file = _read("# escape=`\nFROM a\nRUN x `\n  y\nCMD c:\\\nUSER b\n")
    assert file.instructions[0].text == "x y"
    assert file.user is not None


@pytest.mark.parametrize(
    ("text", "argv", "shell"),
    [
        ('CMD ["a", "b"]', ("a", "b"), None),
        ("CMD a b", None, "a b"),
        ('ENTRYPOINT ["e"]\nCMD ["a"]', ("e", "a"), None),
        ('CMD ["a"]\nENTRYPOINT ["e"]', ("e", "a"), None),
        ('ENTRYPOINT ["e"]\nCMD a', ("e", "/bin/sh", "-c", "a"), None),
        ('ENTRYPOINT e\nCMD ["a"]', None, "e"),
        ('SHELL ["bash", "-c"]\nCMD a', None, "a"),
        ("CMD ['a']", None, "['a']"),
    ],
)
def test_what_a_container_runs_is_the_entrypoint_with_the_cmd(
    text: str, argv: tuple[str, ...] | None, shell: str | None
) -> None:
    command = _read(f"FROM x\n{text}\n").command
    assert command is not None
    assert (command.argv, command.shell) == (argv, shell)


def test_an_entrypoint_voids_the_cmd_of_the_stage_below() -> None:
    command = _read('FROM x AS a\nCMD ["c"]\nFROM a\nENTRYPOINT ["e"]\n').command
    assert command is not None
    assert command.argv == ("e",)


def test_variables_of_arg_and_env_are_put_in() -> None:
    file = _read(
        'FROM a\nARG PORT=80\nENV P=$PORT Q="a b" S=1\nENV R=${P}1\nENV old style value\nEXPOSE $P 53/udp\nUSER $Q\n'
    )
    assert {name: entry.value for name, entry in file.env.items()} == {
        "P": "80",
        "Q": "a b",
        "S": "1",
        "R": "801",
        "old": "style value",
    }
    assert [(port.value, port.line) for port in file.exposed] == [("80", 6), ("53/udp", 6)]
    assert file.user is not None
    assert file.user.value == "a b"


def test_a_healthcheck_has_its_command_and_none_is_none() -> None:
    check = _read("FROM a\nHEALTHCHECK --interval=5s CMD curl -f http://localhost/ || exit 1\n").healthcheck
    assert check is not None
    assert (check.flags, check.shell) == ({"interval": "5s"}, "curl -f http://localhost/ || exit 1")
    assert _read("FROM a\nHEALTHCHECK NONE\n").healthcheck is None


def test_what_is_not_there_stays_as_it_is_written() -> None:
    assert expand("$A ${B:-x} ${C} ${D:+y}", {"D": "1"}) == "$A x ${C} y"
    assert expand("${A:-${B:-z}}", {}) == "z"


def test_a_variable_that_doubles_itself_costs_little() -> None:
    file = parse_dockerfile("FROM a\n" + "ENV A=$A$A\n" * 200)
    assert len(file.env["A"].value) < 10_000


@given(st.one_of(st.text(), st.text(alphabet="FROMRUNaA =\\\n\"'[]$${}<<EOF#-:@/")))
def test_any_text_is_read_or_has_a_problem(text: str) -> None:
    file = parse_dockerfile(text)
    assert file.stages or file.problem
    _ = (file.env, file.command, file.exposed, file.user, file.workdir, file.healthcheck)
    parse_image(text)
