"""Files of continuous integration, in one form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tolv.codebase.workflows import Workflow, parse_workflow, workflow_kind


def _read(text: str, path: str) -> Workflow:
    file = parse_workflow(text, path)
    assert file.problem is None
    return file


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (".github/workflows/ci.yml", "github"),
        (".gitlab-ci.yml", "gitlab"),
        ("app/.circleci/config.yml", "circleci"),
        ("azure-pipelines.yml", "azure"),
        ("Jenkinsfile", "jenkins"),
        (".github/dependabot.yml", None),
        ("docker-compose.yml", None),
    ],
)
def test_the_path_tells_the_system(path: str, kind: str | None) -> None:
    assert workflow_kind(path) == kind


def test_github_actions() -> None:
    file = _read(
        "name: ci\non: {push: {branches: [main]}, pull_request: }\nenv: {A: 1}\njobs:\n  test:\n    runs-on: x\n"
        "    environment: production\n    strategy: {matrix: {python: ['3.11', '3.12']}}\n    services:\n      db:\n"
        "        image: postgres:16\n    steps:\n      - uses: actions/checkout@v4\n        with: {fetch-depth: 0}\n"
        "      - name: deploy\n        run: |\n          set -e\n          curl -H ${{ secrets.TOKEN }} x\n",
        ".github/workflows/ci.yml",
    )
    (job,) = file.jobs
    assert file.triggers == ("push", "pull_request")
    assert (job.name, job.line, job.environment, job.matrix) == ("test", 5, "production", {"python": ("3.11", "3.12")})
    assert [(one.name, one.image.tag, one.line) for one in file.services] == [("db", "16", 11)]
    checkout, deploy = file.steps
    assert (checkout.uses, checkout.with_["fetch-depth"].value) == ("actions/checkout@v4", "0")
    assert [(one.argv, one.line) for one in deploy.script().commands] == [
        (("set", "-e"), 17),
        (("curl", "-H", "${secrets_TOKEN}", "x"), 18),
    ]


def test_gitlab() -> None:
    file = _read(
        "image: python:3.12\nservices: [redis:7]\nbefore_script: [pip install .]\ntest:\n  script:\n    - pytest\n"
        "deploy:\n  environment: {name: prod}\n  image: {name: 'alpine'}\n  before_script: []\n  script: ./deploy.sh\n",
        ".gitlab-ci.yml",
    )
    test, deploy = file.jobs
    assert [step.run for step in test.steps] == ["pip install .", "pytest"]
    assert (test.services[0].name, deploy.environment) == ("redis", "prod")
    assert deploy.container is not None
    assert deploy.container.image.floats


def test_circleci_travis_azure_buildkite_and_the_others() -> None:
    circle = _read(
        "jobs:\n  a:\n    docker:\n      - image: cimg/node:20\n      - image: postgres:16\n"
        "    steps:\n      - checkout\n"
        "      - run: npm ci\n      - run: {name: x, command: npm test}\n",
        ".circleci/config.yml",
    )
    assert ([one.run for one in circle.steps], circle.services[0].name) == ([None, "npm ci", "npm test"], "postgres")
    travis = _read("services: [mysql]\nnode_js: ['20']\nscript: npm test\ndeploy: {provider: heroku}\n", ".travis.yml")
    assert ([one.run or one.uses for one in travis.steps], travis.services[0].name) == (["npm test", "heroku"], "mysql")
    azure = _read(
        "stages:\n- jobs:\n  - job: a\n    steps:\n    - script: make\n    - task: Docker@2\n      inputs: {tags: x}\n",
        "azure-pipelines.yml",
    )
    assert [one.run or one.uses for one in azure.steps] == ["make", "Docker@2"]
    kite = _read("steps:\n  - command: make\n    plugins: [docker#v5]\n  - wait\n", ".buildkite/pipeline.yml")
    assert [one.run or one.uses for one in kite.steps] == ["make", "docker#v5"]
    bucket = _read(
        "definitions: {services: {db: {image: postgres:16}}}\npipelines:\n  default:\n    - step:\n"
        "        services: [db]\n"
        "        script: [make]\n",
        "bitbucket-pipelines.yml",
    )
    assert ([one.run for one in bucket.steps], bucket.services[0].image.tag) == (["make"], "16")
    drone = _read(
        "steps:\n- name: a\n  image: golang:1\n  commands: [go test]\nservices:\n- {name: r, image: redis}\n",
        ".drone.yml",
    )
    assert ([one.run for one in drone.steps], drone.services[0].name) == (["go test"], "r")


def test_shell_steps_of_a_jenkinsfile() -> None:
    file = _read(
        "pipeline {\n agent { docker { image 'node:20' } }\n"
        ' steps {\n  sh \'npm ci\'\n  sh """\n   a\n  """\n }\n}\n',
        "Jenkinsfile",
    )
    assert [(one.run.strip(), one.line) for one in file.steps if one.run] == [("npm ci", 4), ("a", 5)]
    assert file.jobs[0].container is not None


@given(
    st.one_of(st.text(), st.text(alphabet="jobs:\n -{}[]&*<stepunvice'\"")),
    st.sampled_from(
        [".github/workflows/a.yml", ".gitlab-ci.yml", ".circleci/config.yml", ".travis.yml", "Jenkinsfile"]
        + ["azure-pipelines.yml", ".buildkite/a.yml", "bitbucket-pipelines.yml", ".drone.yml", "cloudbuild.yaml"]
    ),
)
def test_any_text_is_read_or_has_a_problem(text: str, path: str) -> None:
    for step in parse_workflow(text, path).steps:
        step.script()
