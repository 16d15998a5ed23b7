"""Shell texts as the commands that they run."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tolv.codebase.shell import Command, parse_shell


def _only(text: str) -> Command:
    script = parse_shell(text)
    assert script.problem is None
    assert len(script.commands) == 1
    return script.commands[0]


def test_words_have_no_quotes_and_variables_stay() -> None:
    command = _only("""A=1 B='x y' gunicorn -b "0.0.0.0:$PORT" 'app:app' --n ${N:-4} a\\ b""")
    assert command.argv == ("gunicorn", "-b", "0.0.0.0:$PORT", "app:app", "--n", "${N:-4}", "a b")
    assert command.assignments == (("A", "1"), ("B", "x y"))


def test_exec_is_no_word_of_the_command() -> None:
    command = _only("exec -a web gunicorn a:b")
    assert (command.argv, command.exec) == (("gunicorn", "a:b"), True)


def test_lists_and_pipelines_tell_how_commands_are_joined() -> None:
    commands = parse_shell("a && b || c; d | e\nf").commands
    assert [(one.program, one.joined_by, one.piped) for one in commands] == [
        ("a", None, False),
        ("b", "&&", False),
        ("c", "||", False),
        ("d", None, True),
        ("e", "|", True),
        ("f", None, False),
    ]


def test_every_command_has_its_line_in_the_file() -> None:
    commands = parse_shell("a \\\n  -b &&\n\n c\n", line=10).commands
    assert [(one.program, one.line, one.end_line) for one in commands] == [("a", 10, 11), ("c", 13, 13)]


def test_what_runs_at_the_end_is_execed_last_or_in_the_background() -> None:
    script = parse_shell(
        "migrate && worker &\nif x; then exec web; fi\nwhile y; do poll; done\ncase $1 in a) python a;; *) b;; esac\n"
    )
    assert [one.program for one in script.ends()] == ["worker", "web", "python", "b"]


def test_a_call_of_a_function_stands_for_the_end_of_it() -> None:
    script = parse_shell('main() { prepare; exec "$@"; }\nmain "$@"\n')
    assert [one.argv for one in script.ends()] == [("$@",)]
    assert parse_shell("f() { f; }\nf\n").ends() is not None


def test_commands_within_words_are_seen() -> None:
    commands = parse_shell('X=$(git rev-parse HEAD)\necho "$(date)" `id`\n').commands
    assert [one.program for one in commands] == ["", "git", "echo", "date", "id"]
    assert commands[1].inside == ("$(",)


def test_redirects_are_kept_as_written() -> None:
    assert _only("server >>app.log 2>&1").redirects == (">>app.log", "2>&1")


def test_the_text_of_a_heredoc_is_no_command() -> None:
    assert [one.program for one in parse_shell("cat <<EOF > x\nrm -rf /\nEOF\nnext\n").commands] == ["cat", "next"]


def test_a_script_of_another_language_has_no_commands() -> None:
    script = parse_shell("#!/usr/bin/env node\nlisten(1)\n")
    assert (script.commands, script.interpreter, script.problem) == ((), "node", None)
    assert parse_shell("#!/usr/bin/env -S bash -e\na\n").interpreter == "bash"


def test_deep_nesting_is_a_problem_not_a_crash() -> None:
    for text in ("(" * 5000 + ")" * 5000, "{ " * 3000 + "a;" + " }" * 3000, "$(" * 5000, "if a; then " * 3000):
        parse_shell(text).ends()
    assert len(parse_shell("a && " * 3000 + "b").commands) == 3001


@given(st.one_of(st.text(), st.text(alphabet="ab $(){}[]|&;<>\"'`\\\n=#if")))
def test_any_text_is_read_or_has_a_problem(text: str) -> None:
    script = parse_shell(text)
    script.ends()
    assert all(one.line >= 1 for one in script.commands)


def test_a_case_of_the_first_argument_takes_one_branch() -> None:
    text = """
    server() { exec gunicorn a:b; }
    worker() { exec celery worker; }
    case "$1" in
      dev_server) exec flask run ;;
      server | web) shift; server ;;
      worker) worker ;;
      *) exec "$@" ;;
    esac
    """
    script = parse_shell(text)

    def ends(*arguments: str) -> list[str]:
        return [one.program for one in script.given(arguments).ends()]

    assert ends("web") == ["gunicorn"]
    assert ends("worker") == ["celery"]
    assert ends("dev_server") == ["flask"]
    assert ends("ls") == ["$@"]
    assert len(ends("$WHICH")) == len(script.ends())


def test_a_function_that_comes_back_is_no_end() -> None:
    script = parse_shell("ids() {\n  usermod app\n}\nserve() {\n  gunicorn a:b\n}\nids\nserve\n")
    assert [one.program for one in script.ends()] == ["gunicorn"]
