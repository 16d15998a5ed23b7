"""Front ends: what turns a source file of a language into the form that rules read (`tolv.check.source.Source`)."""

from __future__ import annotations

from tolv.check.source import Language, Source


def make_source(path: str, language: Language, data: bytes) -> Source:
    """A file's code, which is parsed when it is first asked.

    `path` tells the dialects of a language apart by its suffix (`.ts`, `.tsx`), nothing else. A front end is imported
    when its language is first met, as each brings its grammar.
    """
    if language == "python":
        from tolv.check.languages.python import PythonSource

        return PythonSource(path, data)
    if language == "javascript":
        from tolv.check.languages.javascript import JavaScriptSource

        return JavaScriptSource(path, data)
    if language == "go":
        from tolv.check.languages.go import GoSource

        return GoSource(path, data)
    if language == "java":
        from tolv.check.languages.java import JavaSource

        return JavaSource(path, data)
    if language == "ruby":
        from tolv.check.languages.ruby import RubySource

        return RubySource(path, data)
    from tolv.check.languages.php import PhpSource

    return PhpSource(path, data)
