# Sourced by bin/tolv and bin/test when the environment beside them is missing or older than its lock.
# make_environment LOCK: bring $root/.venv to what LOCK (requirements.lock or requirements-dev.lock) names.
#
# Two callers at once make one environment (flock on the checkout's directory; nothing to clean up after a crash).
# `.venv/.making` stands while one is made: found without a maker, the environment is half done and made anew.
# The copy of the lock, by which the next start knows that nothing is to do, is written last.

say() { printf 'tolv: %s\n' "$*" >&2; }

fail() {
    printf 'error: %s\n  where: %s\n  remedy: %s\n' "$1" "$root" "$2" >&2
    exit 3
}

make_environment() {
    lock=$1
    exec 9<"$root" || fail "the checkout cannot be read" "run it as a user who may"
    if command -v flock >/dev/null 2>&1; then
        flock -n 9 || { say "another start is making the environment; waiting"; flock 9; }
    fi
    if ! is_current "$lock"; then
        [ -w "$root" ] || refuse "$lock"
        [ ! -e "$root/.venv/.making" ] || rm -rf "$root/.venv"
        [ -x "$root/.venv/bin/python" ] || create_environment
        : >"$root/.venv/.making"
        rm -f "$root/.venv/$lock"
        say "installing $(grep -c '^[a-zA-Z]' "$root/$lock") packages from $lock"
        install_packages "$root/$lock"
        add_source_path
        rm -f "$root/.venv/.making"
        cp "$root/$lock" "$root/.venv/$lock.new"
        mv "$root/.venv/$lock.new" "$root/.venv/$lock"
        say "ready"
    fi
    exec 9<&-
}

# Say to somebody who may not write here why there is no environment for him.
refuse() {
    venv=$root/.venv
    if [ ! -d "$venv" ]; then
        fail "there is no environment yet, and none can be made here" "run it once as the owner"
    elif [ ! -x "$venv" ] || { [ -e "$venv/$1" ] && [ ! -r "$venv/$1" ]; }; then
        fail "you ($(id -un)) may not read its environment, .venv" "as the owner: chmod -R a+rX $venv"
    elif [ -e "$venv/.making" ]; then
        fail "its environment, .venv, is only half made" "run it once as the owner"
    elif cmp -s "$root/$1" "$venv/$1"; then
        fail "you ($(id -un)) may not run the Python of its environment, $(target_of "$venv/bin/python")" \
            "as the owner, with a Python that everybody may run: rm -rf $venv && PATH=/usr/bin:\$PATH $root/bin/tolv version"
    fi
    fail "its environment, .venv, is older than $1, and you ($(id -un)) may not renew it" "run it once as the owner"
}

# Where a link leads, as far as this user can follow it.
target_of() {
    at=$1
    while [ -L "$at" ]; do
        to=$(readlink "$at")
        case $to in
            /*) at=$to ;;
            *) at=${at%/*}/$to ;;
        esac
    done
    printf '%s\n' "$at"
}

is_current() { [ -x "$root/.venv/bin/python" ] && cmp -s "$root/$1" "$root/.venv/$1"; }

create_environment() {
    python=$(find_python) || fail "Tolv needs Python 3.11 or newer, and found none on PATH" \
        "install python3.11 or newer (Debian 12: apt install python3 python3-venv)"
    say "making .venv with $("$python" --version 2>&1)"
    rm -rf "$root/.venv"
    mkdir "$root/.venv"
    : >"$root/.venv/.making"
    if command -v uv >/dev/null 2>&1; then
        uv venv --quiet --allow-existing --no-project --python "$python" "$root/.venv" >&2 ||
            fail "uv venv failed" "see its message above"
    elif has_ensurepip; then
        "$python" -m venv "$root/.venv" >&2 || fail "python -m venv failed" "see its message above"
    elif "$python" -c 'import pip, venv' 2>/dev/null; then
        "$python" -m venv --without-pip "$root/.venv" >&2 || fail "python -m venv failed" "see its message above"
    else
        install_venv_module
        "$python" -m venv "$root/.venv" >&2 || fail "python -m venv failed" "see its message above"
    fi
}

find_python() {
    for name in python3 python3.14 python3.13 python3.12 python3.11; do
        "$name" -c 'import sys; sys.version_info >= (3, 11) and sys.exit(print(sys.executable)); sys.exit(1)' \
            2>/dev/null && return
    done
    return 1
}

has_ensurepip() { "$python" -c 'import ensurepip, venv' 2>/dev/null; }

install_venv_module() {
    package=$("$python" -c 'import sys; print("python3.%d-venv" % sys.version_info[1])')
    remedy="apt install $package"
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 ||
        fail "this Python cannot make environments: it has no venv module" "$remedy"
    say "installing $package"
    { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q "$package"; } >&2 && has_ensurepip ||
        fail "$package could not be installed" "$remedy"
}

install_packages() {
    # A company's own certificates are in the system's store, where pip looks, too.
    export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-true}"
    uv=$(find_uv) && "$uv" pip install --quiet --python "$root/.venv/bin/python" --require-hashes -r "$1" && return
    pip_install -r "$1" || fail "the packages of ${1##*/} could not be installed" \
        "see the message above; the package index must be reachable, or configured for pip"
}

# uv is many times faster than pip, and is in the lock: it comes first, with its hashes, and installs the rest.
find_uv() {
    if [ ! -x "$root/.venv/bin/uv" ]; then
        command -v uv && return
        awk '/^[a-zA-Z]/ { wanted = /^uv==/ } wanted' "$root/requirements.lock" >"$root/.venv/uv.txt"
        pip_install -r "$root/.venv/uv.txt" || return 1
        rm -f "$root/.venv/uv.txt"
    fi
    echo "$root/.venv/bin/uv"
}

pip_install() {
    if [ -x "$root/.venv/bin/pip" ]; then
        "$root/.venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes "$@" >&2
    else
        "${python:-$(find_python)}" -m pip --python "$root/.venv/bin/python" install --quiet \
            --disable-pip-version-check --require-hashes "$@" >&2
    fi
}

# Relative to site-packages, so that a checkout may be moved.
add_source_path() {
    for site in "$root"/.venv/lib/python3*/site-packages; do
        echo ../../../../src >"$site/tolv.pth"
    done
}
