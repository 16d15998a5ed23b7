"""Programs that are no process of an app's, where a start command leads to them."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Commands that end a script without being what it is for.
IDLE = _words(
    ". : [ basename break cat cd chgrp chmod chown continue cp curl date declare dirname echo eval exit export"
    " false find grep head install kill ldconfig let ln local ls mkdir mkfifo mktemp mv nc popd printf ps pushd"
    " pwd read readonly return rm sed set shift shopt sleep sort source stat stty tail tee test touch tr trap"
    " true type ulimit umask uname unset usage wait wget which whoami xargs"
)
#: Programs that build, test or install.
BUILDERS = _words(
    "ansible-playbook apk apt apt-get bazel black cargo cmake composer debuild dnf docker dpkg"
    " dpkg-buildpackage dpkg-deb eslint fakeroot flake8 gem git golangci-lint goreleaser helm isort jest"
    " kubectl lintian mypy phpunit pip pylint pytest rpmbuild rspec rsync ruff scp ssh tar terraform tox tsc yum zip"
)
#: What these programs do with one of these words is no process either.
BUILDING = {
    "go": _words("build generate install mod test vet"),
    "mvn": _words("clean deploy install package test verify"),
    "mvnw": _words("clean deploy install package test verify"),
    "gradle": _words("assemble bootJar build clean jar test"),
    "gradlew": _words("assemble bootJar build clean jar test"),
    "npm": _words("audit build ci install test"),
    "yarn": _words("build install test"),
    "make": _words("build dist install lint test"),
    "poetry": _words("build install"),
    "bundle": _words("install"),
    "uv": _words("pip sync"),
}
#: They run the scripts of a package.json.
PACKAGERS = _words("bun npm pnpm yarn")
