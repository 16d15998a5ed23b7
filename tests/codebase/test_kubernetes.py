"""Kubernetes manifests."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tolv.codebase.kubernetes import parse_kubernetes, workloads

_DEPLOYMENT = """\
# the web
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 2
  strategy: {type: Recreate}
  template:
    spec:
      terminationGracePeriodSeconds: 60
      initContainers:
        - name: migrate
          image: acme/web:1
          args: [migrate]
      containers:
        - name: web
          image: acme/web
          command: [gunicorn, "app:app"]
          env:
            - name: A
              value: "1"
            - name: B
              valueFrom: {secretKeyRef: {name: s, key: b}}
          envFrom:
            - secretRef: {name: all}
          ports:
            - {containerPort: 8000, name: http}
          readinessProbe: {httpGet: {path: /ready, port: http}}
          livenessProbe:
            exec: {command: [true]}
          volumeMounts:
            - {name: data, mountPath: /data}
      volumes:
        - {name: data, emptyDir: {}}
"""


def test_a_workload_has_what_rules_ask_of_it() -> None:
    (manifest,) = parse_kubernetes(_DEPLOYMENT, "k8s/web.yml")
    (workload,) = workloads(manifest)
    assert (manifest.kind, manifest.name, manifest.line) == ("Deployment", "web", 2)
    assert workload.replicas is not None
    assert workload.strategy is not None
    assert workload.grace is not None
    assert (workload.replicas.value, workload.strategy.value, workload.grace.line) == ("2", "Recreate", 11)
    migrate, web = workload.containers
    assert (migrate.init, migrate.args, migrate.line) == (True, ("migrate",), 13)
    assert web.image is not None
    assert (web.image.floats, web.image_line, web.command_line) == (True, 18, 19)
    assert [(one.name, one.value, one.source) for one in web.env] == [("A", "1", None), ("B", None, "secretKeyRef")]
    assert web.env_from == (("secretRef", "all", 26),)
    assert (web.ports[0].number, web.ports[0].name) == ("8000", "http")
    ready, live = web.probe("readiness"), web.probe("liveness")
    assert ready is not None
    assert live is not None
    assert (ready.http_path, ready.port, live.command) == ("/ready", "http", ("true",))
    assert web.mounts == (("data", "/data", 33),)


def test_a_cron_job_runs_the_pod_of_its_job() -> None:
    text = (
        "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: c}\nspec:\n  schedule: '0 * * * *'\n  jobTemplate:\n"
        "    spec:\n      template:\n        spec:\n          containers: [{name: a, image: b:1}]\n"
    )
    (workload,) = workloads(parse_kubernetes(text)[0])
    assert workload.schedule is not None
    assert (workload.schedule.value, workload.containers[0].name) == ("0 * * * *", "a")


def test_objects_of_a_list_are_objects() -> None:
    text = "apiVersion: v1\nkind: List\nitems:\n  - {apiVersion: v1, kind: Pod, metadata: {name: a}}\n"
    assert [one.name for one in parse_kubernetes(text)] == ["a"]


def test_a_template_is_read_as_far_as_it_parses() -> None:
    text = _DEPLOYMENT.replace("replicas: 2", "replicas: {{ .Values.replicas }}").replace(
        "# the web", "{{- if .Values.on }}"
    )
    (manifest,) = parse_kubernetes(text + "{{- end }}\n")
    assert "template" in (manifest.problem or "")
    (workload,) = workloads(manifest)
    assert workload.replicas is not None
    assert workload.replicas.value == "{{ .Values.replicas }}"


def test_a_file_that_does_not_parse_is_named_as_unread() -> None:
    (manifest,) = parse_kubernetes("kind: Deployment\nspec: [\n")
    assert (manifest.kind, workloads(manifest)) == ("", ())
    assert manifest.problem


def test_other_yaml_holds_no_objects() -> None:
    assert parse_kubernetes("services:\n  a: {image: b}\n") == ()


@given(st.one_of(st.text(), st.text(alphabet="apiVersion: kind\n-{}[]&*<")))
def test_any_text_is_read_or_has_a_problem(text: str) -> None:
    for manifest in parse_kubernetes(text):
        workloads(manifest)
