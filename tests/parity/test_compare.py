"""Two sides compared: what follows from what is known of them, whatever it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from parity.sides import NOW, build, log, logs, setting, side, sides

from tolv.codebase.commits import CommitLog
from tolv.parity.compare import compare, differences_at_start
from tolv.parity.kinds import KINDS
from tolv.parity.model import JUDGEMENTS, Difference, Parity, Service, Side, Went

A, B, C = "a" * 40, "b" * 40, "c" * 40


def parity(left: Side, right: Side, history: CommitLog | None = None) -> Parity:
    return compare("shop", left, right, history or CommitLog(), NOW)


def found(left: Side, right: Side, history: CommitLog | None = None) -> dict[str, Difference]:
    return {one.kind: one for one in parity(left, right, history).differences}


def judged(left: Side, right: Side, history: CommitLog | None = None) -> dict[str, str]:
    return {kind: one.judgement for kind, one in found(left, right, history).items()}


def figure(of: Parity, id: str) -> tuple[Any, Any]:
    one = next(one for one in of.figures if one.id == id)
    return one.left, one.right


# Whatever the sides are.


@given(one=sides("staging"), history=logs())
def test_a_side_against_itself_has_no_difference(one: Side, history: CommitLog) -> None:
    measured = parity(one, one, history)
    assert measured.differences == ()
    assert measured.worst is None
    commits = figure(measured, "time.commits")
    assert commits in ((0, 0), (None, None))


@given(one=sides("staging"), other=sides("prod"), history=logs())
def test_it_makes_no_difference_which_side_is_named_first(one: Side, other: Side, history: CommitLog) -> None:
    there, back = parity(one, other, history), parity(other, one, history)
    as_set = [{(one.kind, one.subject, one.judgement, one.remedy) for one in x.differences} for x in (there, back)]
    assert as_set[0] == as_set[1]
    mirrored = {one.id: (one.right, one.left) for one in back.figures}
    assert {one.id: (one.left, one.right) for one in there.figures} == mirrored
    assert set(there.unmeasured) == set(back.unmeasured)


@given(one=sides("staging"), other=sides("prod"), history=logs())
def test_every_difference_is_of_a_known_kind_and_the_worst_come_first(
    one: Side, other: Side, history: CommitLog
) -> None:
    measured = parity(one, other, history)
    assert {one.kind for one in measured.differences} <= KINDS.keys()
    ranks = [JUDGEMENTS.index(one.judgement) for one in measured.differences]
    assert ranks == sorted(ranks, reverse=True)
    assert all("\n" not in one.message and not one.message.endswith(".") for one in measured.differences)


@given(one=sides("staging"), other=sides("prod"), history=logs())
def test_a_parity_survives_the_way_through_json(one: Side, other: Side, history: CommitLog) -> None:
    import json

    measured = parity(one, other, history)
    assert Parity.from_dict(json.loads(json.dumps(measured.to_dict()))) == measured


@given(one=sides("staging"), other=sides("prod"), history=logs())
def test_no_hash_of_a_value_is_told(one: Side, other: Side, history: CommitLog) -> None:
    import json

    assert "hash of" not in json.dumps(parity(one, other, history).to_dict())


@given(one=sides("dev"), other=sides("prod"))
def test_a_start_is_warned_of_what_breaks_parity_alone(one: Side, other: Side) -> None:
    lines = differences_at_start(one, other, "shop")
    breaking = [x for x in parity(one, other).differences if x.judgement == "breaking" and x.gap == "tools"]
    assert len(lines) == len(breaking)
    assert all(line.startswith(x.message) for line, x in zip(lines, breaking, strict=True))


# Time.


def test_commits_are_counted_on_the_side_that_has_them() -> None:
    history = log((A, "", 9), (B, A, 5), (C, B, 3))
    measured = parity(side("staging", build(C)), side("prod", build(A)), history)
    assert figure(measured, "time.commits") == (2, 0)
    assert figure(measured, "time.newest") == (3 * 86400, None)
    assert figure(measured, "time.oldest") == (5 * 86400, None)
    assert figure(measured, "people.authors") == (["Ada (2)"], [])
    one = found(side("staging", build(C)), side("prod", build(A)), history)["commits"]
    assert (one.judgement, one.remedy) == ("notable", "tolv promote staging prod -a shop")
    assert one.message == "2 commits live in staging, not in prod, the oldest 5 d old"


@pytest.mark.parametrize(("age", "judgement"), [(0.5, "harmless"), (1.5, "notable"), (31, "breaking")])
def test_the_longer_a_commit_waits_the_worse_it_is(age: float, judgement: str) -> None:
    history = log((A, "", 99), (B, A, age))
    assert judged(side("staging", build(B)), side("prod", build(A)), history)["commits"] == judgement


def test_lines_that_went_apart_are_merged_and_not_promoted() -> None:
    history = log((A, "", 9), (B, A, 5), (C, A, 3))
    measured = parity(side("staging", build(B)), side("prod", build(C)), history)
    assert figure(measured, "time.commits") == (1, 1)
    assert "merge" in (found(side("staging", build(B)), side("prod", build(C)), history)["commits"].remedy or "")


def test_releases_without_a_common_commit_are_two_codebases() -> None:
    history = log((A, "", 9), (B, "", 5))
    assert judged(side("staging", build(A)), side("prod", build(B)), history)["history"] == "breaking"
    assert "history" not in judged(side(made=build(A)), side("prod", build(B)), replace(history, whole=False))


@pytest.mark.parametrize(
    ("history", "said"),
    [
        (CommitLog(where="/gone", problem="there is no such directory"), "there is no such directory (/gone)"),
        (log((A, "", 1)), "bbbbbbb, live in prod, is not in /src/shop"),
        (replace(log((A, "", 1), (B, A, 1)), whole=False), "older commits are not in /src/shop"),
    ],
)
def test_what_git_cannot_say_is_said_to_be_unmeasured(history: CommitLog, said: str) -> None:
    measured = parity(side(made=build(A)), side("prod", build(B)), history)
    assert any(said in one.why for one in measured.unmeasured)
    if history.problem:
        assert figure(measured, "time.commits") == (None, None)


def went(*days: float, by: str = "ada@here", commits: tuple[str, ...] = (A, B, C)) -> tuple[Went, ...]:
    return tuple(
        Went(f"v{number + 1}", NOW - day * 86400, by, f"sha256:{number}", commits[number % len(commits)])
        for number, day in enumerate(days)
    )


def test_releases_are_counted_by_the_week_and_a_week_at_least() -> None:
    measured = parity(side(went=went(2, 1, 0)), side("prod", went=went(28, 14)))
    assert figure(measured, "time.releases") == (3, 0.5)
    twice = (*went(14, 7), Went("v3", NOW, "ada@here", "sha256:0", A))
    measured = parity(side(went=twice), side("prod"))
    assert figure(measured, "time.releases")[0] == 1.5
    assert figure(measured, "time.builds")[0] == 1.0, "what came back by a rollback is no new build"


def test_commit_to_live_is_the_median_over_the_commits_that_came() -> None:
    history = log((A, "", 50), (B, A, 9), (C, B, 6))
    measured = parity(side(made=build(C), went=went(40, 4, commits=(A, C))), side("prod", build(C)), history)
    assert figure(measured, "time.commit_to_live") == (5 * 86400, None), "of 10, 5 and 2 days"


def test_an_environment_that_is_hardly_deployed_to_is_worth_knowing() -> None:
    assert judged(side(went=went(3, 2, 1, 0)), side("prod", went=went(28)))["deploy-rate"] == "notable"


def test_one_that_has_no_release_breaks_parity_and_is_promoted_to() -> None:
    nothing = Side("prod", settings={"A": setting("x")})
    differences = found(side(made=build(required=("B",)), settings={"B": setting("x")}), nothing)
    assert differences["release"].remedy == "tolv promote staging prod -a shop"
    assert differences["variable"].judgement == "breaking", "the promotion would be refused without it"
    assert parity(nothing, Side("staging")).differences == ()


# People.


def test_who_deploys_elsewhere_than_authors_do_is_worth_knowing() -> None:
    history = log((A, "", 9), (B, A, 8), (C, B, 7))
    mine, others = went(6, 5, 4), went(6, 5, 4, by="olga@ops")
    staging, prod = side(made=build(C), went=mine), side("prod", build(C), went=others)
    measured = parity(staging, prod, history)
    assert figure(measured, "people.by_author") == (1.0, 0.0)
    assert figure(measured, "people.deployers") == (["ada@here (3)"], ["olga@ops (3)"])
    assert judged(staging, prod, history)["authors-deploy"] == "notable"


def test_a_login_that_many_use_is_told_apart_and_counts_neither_way() -> None:
    history = log((A, "", 9), (B, A, 8), (C, B, 7))
    measured = parity(side(made=build(C), went=went(6, 5, 4, by="root@ci")), side("prod", build(C)), history)
    assert figure(measured, "people.by_author") == (None, None)
    assert any("root@ci" in one.why for one in measured.unmeasured)


def test_what_tolv_rolled_back_by_itself_is_nobodys_deploy() -> None:
    back = (*went(6, 5, commits=(A, B)), Went("v3", NOW, "tolv", "sha256:0", A))
    measured = parity(side(made=build(B), went=back), side("prod", build(B)), log((A, "", 9), (B, A, 8)))
    assert measured.unmeasured == ()
    assert figure(measured, "people.deployers")[0] == ["ada@here (2)"]


# Tools.


@pytest.mark.parametrize(
    ("one", "other", "judgement"),
    [
        ("python 3.11.7", "python 3.11.9", "harmless"),
        ("python 3.11.7", "python 3.12.1", "breaking"),
        ("node 20.1.0", "node 20.9.0", "notable"),
        ("node 20.1.0", "node 22.1.0", "breaking"),
        ("python 3.11.7", "node 20.1.0", "breaking"),
    ],
)
def test_interpreters_are_judged_by_their_lines(one: str, other: str, judgement: str) -> None:
    assert judged(side(made=build(A, runtime=one)), side("prod", build(B, runtime=other)))["runtime"] == judgement


@pytest.mark.parametrize(
    ("kind", "one", "other", "judgement"),
    [
        ("postgres", "16.2", "16.4", "harmless"),
        ("postgres", "16.2", "15.6", "breaking"),
        ("redis", "7.2.4", "7.2.5", "harmless"),
        ("redis", "7.2.4", "7.4.0", "notable"),
        ("redis", "6.2.0", "7.2.0", "breaking"),
    ],
)
def test_services_are_judged_by_the_version_of_the_running_server(
    kind: str, one: str, other: str, judgement: str
) -> None:
    left = side(services=(Service("database", kind, one, ("DATABASE_URL",)),))
    right = side("prod", services=(Service("database", kind, other, ("DATABASE_URL",)),))
    difference = found(left, right)["service-version"]
    assert difference.judgement == judgement
    assert difference.remedy == f"tolv swap database --url URL -a shop -e staging, with the URL of a {kind} {other}"


def test_another_kind_of_service_breaks_parity_whatever_it_is_called() -> None:
    left = side(services=(Service("DATABASE_URL", "sqlite", None, ("DATABASE_URL",), attached=False),))
    right = side("prod", services=(Service("database", "postgres", "16.2", ("DATABASE_URL",)),))
    difference = found(left, right)["service-kind"]
    assert difference.judgement == "breaking"
    assert "tolv config set DATABASE_URL=… -a shop -e staging" in (difference.remedy or "")


@pytest.mark.parametrize(("required", "judgement"), [(True, "breaking"), (False, "notable")])
def test_a_service_on_one_side_only_matters_as_much_as_it_is_needed(required: bool, judgement: str) -> None:
    left = side(services=(Service("cache", "redis", "7.2", ("REDIS_URL",), required=required),))
    difference = found(left, side("prod"))["service"]
    assert (difference.judgement, difference.remedy) == (judgement, "tolv attach cache --kind redis -a shop -e prod")


def test_one_resource_in_both_is_worth_knowing() -> None:
    both = {"DATABASE_URL": setting("postgres://x", "address")}
    service = (Service("database", "postgres", "16.2", ("DATABASE_URL",)),)
    left, right = (side(name, settings=both, services=service) for name in ("staging", "prod"))
    assert judged(left, right)["shared-service"] == "notable"


@pytest.mark.parametrize(
    ("role", "equal", "kind", "judgement"),
    [
        ("secret", True, "shared-secret", "notable"),
        ("secret", False, "value", "harmless"),
        ("address", False, "value", "harmless"),
        ("label", False, "value", "harmless"),
        ("tuning", False, "value", "harmless"),
        ("stage", False, "value", "notable"),
        ("switch", False, "value", "notable"),
        ("other", False, "value", "notable"),
    ],
)
def test_values_are_judged_by_what_the_variable_is_for(role: str, equal: bool, kind: str, judgement: str) -> None:
    left = side(settings={"X": setting("one", role)})
    right = side("prod", settings={"X": setting("one" if equal else "two", role)})
    assert judged(left, right) == {kind: judgement}


def test_equal_values_that_are_no_secrets_are_no_difference() -> None:
    settings = {"X": setting("one", "address"), "Y": setting("", "secret")}
    assert judged(side(settings=settings), side("prod", settings=settings)) == {}


@pytest.mark.parametrize(
    ("ours", "theirs", "kind", "judgement"),
    [
        (2, 5, "quantity", "harmless"),
        (1, 5, "quantity", "notable"),
        (0, 1, "process-off", "breaking"),
    ],
)
def test_quantities_matter_where_one_process_hides_what_two_show(
    ours: int, theirs: int, kind: str, judgement: str
) -> None:
    left, right = side(formation={"web": ours}), side("prod", formation={"web": theirs})
    assert judged(left, right) == {kind: judgement}


def test_a_process_type_on_one_side_only_breaks_parity() -> None:
    left, right = side(made=build(A)), side("prod", build(B, processes={"web": "serve", "worker": "work"}))
    assert judged(left, right)["process-type"] == "breaking"


def test_one_commit_with_two_builds_breaks_parity() -> None:
    assert judged(side(made=build(A, digest="sha256:1")), side("prod", build(A, digest="sha256:2"))) == {
        "build": "breaking"
    }


@pytest.mark.parametrize(("environment", "judgement"), [("dev", "notable"), ("staging", "breaking")])
def test_files_that_no_commit_has_are_fine_to_work_on_and_nowhere_else(environment: str, judgement: str) -> None:
    differences = found(side(environment, build(A, dirty=True)), side("prod", build(A)))
    assert differences["dirty"].judgement == judgement


def test_dev_is_followed_by_a_deploy_and_not_by_a_promotion() -> None:
    history = log((A, "", 9), (B, A, 5))
    ahead = found(side("dev", build(B)), side("prod", build(A)), history)["commits"]
    assert ahead.remedy == f"tolv deploy . --ref {B[:7]} -a shop -e prod"
    behind = found(side("dev", build(A)), side("prod", build(B)), history)["commits"]
    assert behind.remedy == f"git switch --detach {B[:7]}; tolv up"


@given(value=st.sampled_from(["os", "engine"]))
def test_the_system_below_is_compared(value: str) -> None:
    assert judged(side(**{value: "one"}), side("prod", **{value: "two"}))[value] == "notable"


def test_one_resource_is_known_in_both_though_each_has_a_user_of_its_own() -> None:
    def using(environment: str, url: str) -> Side:
        service = Service(
            "database", "postgres", "16.2", ("DATABASE_URL",), local=True, resource="shop-prod-database-1"
        )
        return side(environment, settings={"DATABASE_URL": setting(url, "address")}, services=(service,))

    one = found(using("staging", "postgres://a"), using("prod", "postgres://b"))["shared-service"]
    assert (one.judgement, one.remedy) == ("notable", "tolv swap database --url URL -a shop -e staging")


def test_a_local_service_of_another_version_is_swapped_by_version() -> None:
    left = side(services=(Service("database", "postgres", "15.6", ("DATABASE_URL",), local=True),))
    right = side("prod", services=(Service("database", "postgres", "16.2", ("DATABASE_URL",)),))
    remedy = found(left, right)["service-version"].remedy or ""
    assert remedy.startswith("tolv swap database --version 16 -a shop -e staging, a new one")


@pytest.mark.parametrize(
    ("attached", "judgement"), [(True, {"service-kind": "notable"}), (False, {"service-version": "notable"})]
)
def test_valkey_is_not_redis_but_a_url_does_not_tell(attached: bool, judgement: dict[str, str]) -> None:
    left = side(services=(Service("cache", "valkey", "7.2.4", ("REDIS_URL",)),))
    right = side("prod", services=(Service("cache", "redis", "7.4.1", ("REDIS_URL",), attached=attached),))
    assert judged(left, right) == judgement
