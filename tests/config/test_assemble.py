"""Which value counts, which is missing, which is refused."""

from __future__ import annotations

import pytest

from tolv.codebase.model import Variable
from tolv.config.assemble import assemble
from tolv.config.names import check_variable, is_reserved
from tolv.errors import UsageError

SCHEMA = (Variable("DATABASE_URL"), Variable("WORKERS", "2"), Variable("PREFIX", ""))


def test_what_was_set_counts_before_the_env_file_and_that_before_the_default() -> None:
    schema = (Variable("A", "default"), Variable("B", "default"), Variable("C", "default"))
    values, missing = assemble({"A": "set"}, schema, {"A": "local", "B": "local"}, "dev")
    assert (values, missing) == ({"A": "set", "B": "local", "C": "default"}, ())


def test_each_required_variable_without_a_value_is_missing() -> None:
    assert assemble({}, (*SCHEMA, Variable("TOKEN")), {}, "prod")[1] == ("DATABASE_URL", "TOKEN")
    assert assemble({"DATABASE_URL": ""}, SCHEMA, {}, "prod")[1] == ()


def test_an_optional_variable_is_never_missing_and_an_example_is_no_value() -> None:
    schema = (Variable("A", optional=True), Variable("B", example="changeme"))
    assert assemble({}, schema, {}, "prod") == ({}, ("B",))
    assert assemble({"B": "x"}, schema, {}, "prod") == ({"B": "x"}, ())


def test_local_values_reach_dev_alone() -> None:
    assert assemble({}, SCHEMA, {"DATABASE_URL": "sqlite://"}, "dev")[1] == ()
    assert assemble({}, SCHEMA, {"DATABASE_URL": "sqlite://"}, "prod") == (
        {"PREFIX": "", "WORKERS": "2"},
        ("DATABASE_URL",),
    )


def test_what_tolv_gives_itself_is_never_missing_and_never_comes_from_elsewhere() -> None:
    schema = (Variable("PORT", "8000"), Variable("TOLV_APP"), Variable("PATH"))
    assert assemble({}, schema, {"PORT": "5000"}, "dev") == ({}, ())


@pytest.mark.parametrize("name", ["PORT", "PATH", "HOME", "TMPDIR", "TOLV_APP", "TOLV_ANYTHING"])
def test_reserved_names_are_refused_with_a_remedy(name: str) -> None:
    assert is_reserved(name)
    with pytest.raises(UsageError, match="set by Tolv itself") as caught:
        check_variable(name, "x")
    assert caught.value.remedy


@pytest.mark.parametrize("name", ["", "1A", "A-B", "A B", "A=B", "É", "A\n"])
def test_names_that_no_shell_takes_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="cannot be the name"):
        check_variable(name, "x")


@pytest.mark.parametrize(("value", "problem"), [("a\0b", "NUL"), ("\ud800", "not UTF-8"), ("é" * 65535, "too large")])
def test_values_that_no_process_can_get_are_refused(value: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        check_variable("A", value)


def test_any_other_value_is_fine_up_to_what_linux_takes() -> None:
    check_variable("_a1", "")
    check_variable("A", " quotes ' \" $ # \n é ")
    check_variable("A", "x" * (32 * 4096 - 1 - len("A=")))
