"""Variables that whoever deploys an app need not be told of."""

from __future__ import annotations

import re

#: What the system, CI, a platform, a language or a protocol sets: nobody is to be told of it.
_GIVEN = re.compile(
    r"^(?:PORT|HOST|HOSTNAME|HOME|PATH|PWD|OLDPWD|USER|USERNAME|LOGNAME|SHELL|TERM|COLORTERM|COLUMNS|LINES|EDITOR|VISUAL|PAGER|TZ|LANG|"
    r"LANGUAGE|LC_\w+|TMPDIR|TMP|TEMP|APPDATA|LOCALAPPDATA|ProgramData|PROGRAMDATA|SystemRoot|SYSTEMROOT|WINDIR|COMSPEC|DISPLAY|CI|DYNO|"
    r"HEROKU_\w+|OPENSHIFT_\w+|GITHUB_\w+|GITLAB_\w+|TRAVIS\w*|CIRCLE\w*|BUILD_\w+|JENKINS_\w+|RENDER\w*|FLY_\w+|VERCEL\w*|NETLIFY\w*|RAILWAY_\w+|"
    r"KUBERNETES_\w+|K_SERVICE|K_REVISION|GAE_\w+|GOOGLE_CLOUD_PROJECT|GCLOUD_PROJECT|VCAP_\w+|WEBSITE_\w+|AWS_\w+|AZURE_\w+|GOOGLE_\w+|"
    r"ECS_\w+|LAMBDA_\w+|_HANDLER|NODE_\w+|NEXT_RUNTIME|NEXT_PHASE|npm_\w+|INIT_CWD|PYTHON\w*|VIRTUAL_ENV|CONDA_\w+|DJANGO_SETTINGS_MODULE|"
    r"FLASK_\w+|RAILS_\w+|RACK_ENV|RUBY\w*|BUNDLE_\w+|GEM_\w+|GO\w{2,8}|JAVA_\w+|PHP_\w+|APP_ENV|ENV|ENVIRONMENT|WEB_CONCURRENCY|"
    r"NOTIFY_SOCKET|LISTEN_\w+|WATCHDOG_\w+|INVOCATION_ID|JOURNAL_STREAM|MAINPID|https?_proxy|HTTPS?_PROXY|NO_PROXY|no_proxy|ALL_PROXY|"
    r"SSL_CERT_\w+|SSH_\w+|XDG_\w+|DBUS_\w+|FORCE_COLOR|NO_COLOR|OTEL_\w+|PROMETHEUS_MULTIPROC_DIR|prometheus_multiproc_dir|"
    r"REQUEST_\w+|REMOTE_\w+|SERVER_\w+|HTTP_\w+|SCRIPT_\w+|QUERY_STRING|CONTENT_\w+|DOCUMENT_ROOT|GATEWAY_INTERFACE|WERKZEUG_\w+|"
    r"RUN_MAIN|PM2_\w+|pm_id|UWSGI_\w+|GUNICORN_\w+|SPHINX\w*|READTHEDOCS|TOX_\w+|PYTEST_\w+|TEST\w*|JEST_\w+|VITEST\w*|COVERAGE\w*|"
    r"SNAP\w*|FLATPAK_\w+|WSL\w*|container|MODE|DEV|PROD|SSR|BASE_URL)$"
)


def is_given(name: str) -> bool:
    """Whether something else than the app's own config sets the variable."""
    return _GIVEN.match(name) is not None
