"""What kind of value a setting has: the seven classes that decide most findings about config.

A name says whether a value is secret (`is_secret_name`), the value's text whether it is a real one (`is_placeholder`,
`looks_secret`), and how it is read whether anybody may know it (`classify`).
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import Literal
from urllib.parse import unquote

from tolv.check.source import Value

ValueClass = Literal[
    "literal", "env", "harmless default", "secret default", "ephemeral", "placeholder", "mounted", "unknown"
]
"""`literal`: a real value in the source. `env`: read from the environment, without a default. `harmless default`: with
one whose use in production fails loudly or gives nothing away. `secret default`: with one that is a secret's value and
that anybody can read. `ephemeral`: made up at random when the process starts. `placeholder`: `changeme`, `your-key`.
`mounted`: from a secret file or a secret store. `unknown`: reading does not tell."""

#: Words that make a name secret wherever they stand last, before a qualifier such as `default` or `prod`.
_SECRET_WORDS = frozenset("secret password passwd pwd passphrase passcode token apikey credential credentials".split())

#: Pairs of words that make a name secret, with `key` as the second.
_SECRET_KEYS = frozenset(
    "secret api access private signing encryption encrypt encrypted crypto cipher auth master session cookie jwt hmac "
    "app application license account storage service server deploy webhook openai sendgrid mailgun stripe".split()
)
#: Keys that are secret only together with a word of `_SECRET_WORDS`, or as a whole name.
_WEAK_KEYS = frozenset("access account service server storage app application session cookie license deploy".split())

#: Whole names that are secret, as joined words.
_SECRET_NAMES = frozenset("secret_key_base app_key appkey secretkey jwtkey aws_secret_access_key passwd".split())

#: What `pass` must stand behind to mean a password.
_PASS_OWNERS = frozenset(
    "db database smtp mail email redis mysql pg postgres postgresql mongo mongodb rabbit rabbitmq amqp ftp sftp ssh "
    "admin user auth basic root ldap proxy http api imap pop mariadb sql login ca key keystore account".split()
)

#: Words that, as the last of a name, make it about a secret rather than the secret itself.
_ABOUT = frozenset(
    "url uri endpoint path file filename dir directory name names field fields header headers id ids type types kind "
    "length len size expire expires expiry expiration expired ttl timeout lifetime age days hours minutes seconds min "
    "max regex regexp pattern label labels placeholder hint message messages error errors help text title prefix "
    "suffix algorithm algo alg hash hasher hashers hashed digest validator validators validation policy rules rule "
    "format class input attr attribute attributes param params parameter column env var variable enabled enable "
    "required require disabled reset count provider scope scopes store backend model view template strategy strength "
    "issuer audience mode method form page link route description key_id keyid caption html changed updated "
    "version at date time used valid invalid visible hidden show ref reference secretref selector source resolver "
    "manager service generator factory handler bucket rotation cost rounds iterations chars alphabet charset "
    "location region schema table body subject content cookie_name domain callback complexity history cipher engine "
    "permission permissions role roles event action event_type kw keyword sql query prompt"
    "".split()
)

#: Words that, anywhere in a name, make it no secret's: public halves, parts of a language, of a page, of a form.
_PUBLIC = frozenset(
    "public publishable pub csrf xsrf next page pagination continuation cursor sync cancel cancellation eos bos "
    "pad unk stop mask sep cls lexer parser parse syntax grammar symbol max min forgot forgotten tester demo "
    "reset change confirm confirmation repeat retype invalid wrong missing no without is has use show hide toggle "
    "get set new old site sitekey test tests e2e fixture fixtures fake dummy mock sample example anonymous tokenizer "
    "placeholder label title primary foreign partition sort cache row column index object map dict json i18n locale "
    "translation msg message error err help hint input field".split()
)

#: Words that, as the first of a name, say what it names: an action, a page, an error.
_KINDS = frozenset(
    "action actions permission permissions perm perms scope route routes path tpl template event evt err error msg url "
    "label text tab screen view page cmd command op".split()
)

#: Words that say for where or whom a secret is, behind the word that makes it one.
_QUALIFIERS = frozenset("default prod production live value str string raw base64 b64 admin root current main".split())

_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")


@lru_cache(maxsize=1 << 14)
def words_of_name(name: str) -> tuple[str, ...]:
    """The words of a name, lower case: `jwtSecretKey`, `JWT_SECRET_KEY` and `jwt.secret-key` are the same."""
    return tuple(word.lower() for word in _WORDS.findall(name[-120:]))


@lru_cache(maxsize=1 << 14)
def is_secret_name(name: str) -> bool:
    """Whether what has this name is a secret: `DB_PASSWORD`, `jwtSecret`; not `password_field`, `TOKEN_URL`."""
    words = words_of_name(name)
    if words and words[0] in _KINDS:
        return False
    while words and (words[-1] in _QUALIFIERS or words[-1].isdigit()) and len(words) > 1:
        words = words[:-1]
    if not words or words[-1] in _ABOUT or not _PUBLIC.isdisjoint(words):
        return False
    if "_".join(words) in _SECRET_NAMES or words[-1] in _SECRET_WORDS:
        return True
    if words[-1] == "key" and len(words) > 1:
        return _is_secret_key(words)
    if words[-1] == "pass":
        return len(words) > 1 and words[-2] in _PASS_OWNERS
    return False


def _is_secret_key(words: tuple[str, ...]) -> bool:
    before = words[-2]
    if before in _WEAK_KEYS:
        return len(words) == 2 or not _SECRET_WORDS.isdisjoint(words)
    return before in _SECRET_KEYS or before in ("secret", "password")


#: Names whose value signs or encrypts: with it, anybody can forge what the app trusts.
_SIGNING = re.compile(
    r"(?:^|_)(?:secret_key(?:_base)?|secretkey|jwt_(?:secret|key|secret_key|signing_key|private_key)|session_secret"
    r"|cookie_(?:secret|password)|crypto_(?:key|secret)|signing_(?:key|secret)|encryption_(?:key|secret)"
    r"|encrypt_key|hmac_(?:key|secret)|token_secret|app_secret|auth_secret|nextauth_secret|secret_or_key|secret_key_base"
    r"|csrf_secret|security_password_salt|access_token_secret|refresh_token_secret|devise_secret_key)$"
)

#: Names whose value opens a service.
_SERVICE = re.compile(
    r"(?:^|_)(?:db|database|postgres(?:ql)?|pg|mysql|mariadb|mongo(?:db)?|redis|rabbitmq|amqp|smtp|mail|email|email_host|"
    r"ldap|datasource|jdbc|sql|sqlalchemy|elasticsearch|broker|aws|s3|minio|host)_"
    r"(?:\w+_)?(?:password|passwd|pwd|pass|secret|secret_key|secret_access_key)$"
)


@lru_cache(maxsize=1 << 14)
def is_signing_name(name: str) -> bool:
    """Whether the value signs sessions or tokens, or encrypts: any literal there is a fault, however short."""
    return _SIGNING.search("_".join(words_of_name(name))) is not None


@lru_cache(maxsize=1 << 14)
def is_service_name(name: str) -> bool:
    """Whether the value is the password of a backing service."""
    joined = "_".join(words_of_name(name))
    return _SERVICE.search(joined) is not None and is_secret_name(name)


_PLACEHOLDER = re.compile(
    r"""(?ix) ^ (?:
      [*x.#?_-]+ | <.*> | \[.*\] | \{\{.*\}\} | \$\{.*\} | \$\(.*\) | \$\w+ | %\(?\w+\)?[s%] | __\w+__ | %\w+%
      | .*\b(?:change|replace|fill|set|insert|enter|put|edit|use|add|type|paste|provide|update|modify)
        [-_ ]?(?:me|this|it|your|here)(?:\b|_).*
      | .*change[-_]?me.* | .*change[-_]?it.* | .*replace[-_]?me.*
      | .*change[-_ ]?th(?:is|ese).* | .*random[-_ ]?(?:string|text|value|characters?|letters?|phrase).*
      | (?:.*[^a-z])?your[-_ ]?(?!s).* | .*[-_ ](?:goes[-_ ])?here$
      | .*placeholder.* | .*example.* | .*dummy.* | .*sample.* | demo[-_]?(?:key|secret|token|password)
      | (?:\w+[-_])?(?:abc|xyz)[-_]?(?:123|789)\w{0,6}
      | (?:foo|bar|baz|qux|foobar|todo|tbd|fixme|none|null|nil|undefined|n/?a|na|empty|unset|unknown|invalid)
      | (?:fixme|todo|tbd|change)[-_ ].*
      | (?:redacted|hidden|masked|secret_here|anonymous)
      | (?:required|nullable|optional|sometimes|filled|present)(?:[|:,].*)?
      | (?:my|some|any|a|the|insert|dev|test|fake)[-_ ]?(?:super[-_ ]?)?
        (?:secret|password|token|key|api[-_ ]?key)s?(?:[-_ ]?key)?
      | x{3,}.* | .*x{4,} | 0+ | (.)\1{3,} | .*\.\.\. | .*…
    ) $"""
)


def is_placeholder(text: str) -> bool:
    """Whether a text only says that a value goes there: `changeme`, `your-key`, `<token>`, `xxxx`, `foo`."""
    text = text.strip()
    return not text or (len(text) <= 200 and _PLACEHOLDER.match(text) is not None)


_SAME_WORDS = frozenset("my the default field name key value param parameter input label text".split())


def repeats_name(name: str, text: str) -> bool:
    """Whether a constant only says its own name: `PASSWORD = "password"`, `apiKey: "api_key"`, `TOKEN = "Token"`."""
    if len(text) > 80:
        return False
    of_name, of_text = words_of_name(name), words_of_name(text)
    if not of_text or not of_name:
        return False
    if "".join(of_name) == "".join(of_text):
        return True
    if any(one.isdigit() for one in of_text):
        return False
    return set(of_text) <= set(of_name) or (set(of_name) <= set(of_text) and len(of_text) <= len(of_name) + 1)


_LOCAL = re.compile(r"(?i)(?:localhost|127(?:\.\d+){3}|0\.0\.0\.0|::1|\[::1?\]|host\.docker\.internal)(?::\d+)?/?")
_NO_VALUE = frozenset(("", "null", "none", "nil", "undefined", "false", "true", "0", "1", "off", "on", "no", "yes"))
_URL = re.compile(r"(?i)^[a-z][a-z0-9+.-]{1,20}:(?://|[a-z]+:)")


def is_harmless_default(text: str, name: str = "") -> bool:
    """Whether using this default in production fails loudly or gives nothing away.

    A loopback address, a port, a log level and an empty text are; the value of a secret and a URL with a real password
    are not.
    """
    text = text.strip()
    if text.lower() in _NO_VALUE:
        return True
    if _URL.match(text):
        return password_in_url(text) is None
    return not (name and is_secret_name(name))


_USERINFO = re.compile(r"(?i)[a-z][a-z0-9+.-]{1,20}://([^:@/\s?#]{0,200}):([^@/\s]{1,200})@([^/\s?#]{0,200})")
_QUERY_PASSWORD = re.compile(r"(?i)[?&;]\s*(?:password|pwd)=([^&;\s\"']{1,200})")


def password_in_url(text: str) -> str | None:
    """The password that a URL or connection string carries in the clear; None: none, or only a placeholder."""
    if match := _USERINFO.search(text):
        found = unquote(match[2])
    elif match := _QUERY_PASSWORD.search(text):
        found = match[1]
    else:
        return None
    return None if is_placeholder(found) or "{}" in found or found.startswith(("$", "%", "{", "<")) else found


_WORDY = re.compile(r"[A-Za-z]+(?:[-_.:/ ][A-Za-z]+)*")
#: Words of names that have digits: encodings, algorithms, versions.
_FORMS = re.compile(
    r"(?i)(?:(?<=[-_.:/])|^)(?:base(?:16|32|58|64)|b64|sha\d{1,3}|md5|[rhep]s(?:256|384|512)|ed25519|aes\d{0,3}|rsa\d{0,4}|v\d{1,2}"
    r"|oauth[12]|s3|ec2|k8s|x509|pkcs\d{1,2}|p12|utf8)(?=[-_.:/]|$)"
)
_HASH = re.compile(
    r"(?:sha(?:1|256|384|512)-.+|[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|\$(?:2[aby]|argon2\w*|pbkdf2|6|5)\$.*)"
)
_PATTERN = re.compile(r"[\^\\]|\(\?|\[[^\]]+\][+*{]|\.[*+]")
_ADDRESS = re.compile(
    r"(?i)^(?:https?:|/|\./|\.\./|~/|[\w.-]+\.(?:json|ya?ml|pem|key|txt|html?|js|py|rb|php|css|png|svg)$)"
)
_ABOUT_TEXT = re.compile(
    r"(?i)(?:pass(?:word|wd|phrase)?|pwd|token|secret|api.?key|credential|bearer|oauth|basic|auth|jwt|vault|env|config)"
)
_KNOWN = frozenset(
    "admin root letmein qwerty hunter welcome iloveyou monkey dragon master guest postgres mysql toor changeit "
    "supersecret topsecret s3cret secret verysecret verysecretkey mysecret mysecretkey supersecretkey "
    "keyboardcat passw0rd p4ssword".split()
)


#: The path of a request, without its first `/`: words, versions and holes.
_ROUTE = re.compile(
    r"(?:[a-z][a-z_.-]*|v\d+|[:*]\w*|\{\w+\}|<[\w:]+>)(?:/(?:[a-z][a-zA-Z_.-]*|v\d+|[:*]\w*|\{\w*\}|<[\w:]+>|\$\{?\w+\}?))+/?"
    r"(?:\?[\w=&{}:$.-]*)?"
)


def looks_secret(text: str, name: str = "") -> bool:
    """Whether a text is what a secret's value looks like: no sentence, path, pattern, hash, type or name of a field.

    `name` is what has the value; a name that signs or opens a service takes any text, as there only a value can stand.
    """
    text = text.strip()
    if text.lower() in _NO_VALUE or len(text) > 4096 or "{}" in text or "\n" in text.strip("\n"):
        return False
    if len(words_of_name(name)) > 1 and "".join(words_of_name(text)) == "".join(words_of_name(name)):
        return False  # the name of a setting or of a kind, in a list of such names
    if name and (is_signing_name(name) or is_service_name(name)):
        return not text.startswith(("$", "%", "<")) and not _is_lookup(text) and not _names_variable(text)
    if _UUID.fullmatch(text):
        return False  # what names a thing
    if len(text) < 6 or (name and repeats_name(name, text)) or _ADDRESS.match(text) or _URL.match(text):
        return False
    if _ROUTE.fullmatch(text) or " " in text or _PATTERN.search(text) or (text.isdigit() and len(text) < 8):
        return False
    if _WORDY.fullmatch(text):
        return text.lower() in _KNOWN or _is_random_letters(text)
    if _WORDY.fullmatch(_FORMS.sub("form", text)):
        return False  # `private-jwt-key-base64` says where a key is, and how it is written
    if name and "token" in words_of_name(name):
        return _is_random_letters(text) or _varied(text)
    return not (_ABOUT_TEXT.search(text) and not any(one.isdigit() for one in text) and not _SYMBOL.search(text))


_UUID = re.compile(r"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SYMBOL = re.compile(r"[!@#$%^&*+=?]")


_SAID = re.compile(r"(?=.*\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b)[\w.,:'`\"]+(?: [\w.,:'`\"()]+){2,}")


def _names_variable(text: str) -> bool:
    """It is a sentence that says in which variable the value is: `the value is in SMTP_PASSWORD`."""
    return _SAID.fullmatch(text) is not None


def _is_lookup(text: str) -> bool:
    """It names where the value is: a reference, a path of a mounted file."""
    return text.startswith(
        ("/run/secrets/", "/etc/", "vault:", "ssm:", "arn:aws:", "projects/", "env:", "ENC[", "{cipher}")
    )


def _is_random_letters(text: str) -> bool:
    """Letters with upper and lower case mixed within, and few of the pairs that words have."""
    if len(text) < 16 or not re.fullmatch(r"[A-Za-z]+", text):
        return False
    changes = sum(a.islower() != b.islower() for a, b in pairwise(text))
    return changes >= len(text) // 3


def _varied(text: str) -> bool:
    return len(text) >= 12 and any(one.isdigit() for one in text) and len(set(text)) >= 8


def is_hash(text: str) -> bool:
    """Whether a text is a digest or a password's hash: no secret that opens anything by itself."""
    return _HASH.fullmatch(text) is not None


_WRAPPER = re.compile(
    r"(?i)(?:^|[._])(?:get_?)?env(?:_?(?:var|secret|str|string|value|or_default))?$|^envsecret$|^get_?config$"
)


def through_wrapper(value: Value) -> Value | None:
    """The read of the environment that an app's own function makes of a variable and a default: `envsecret("K", "d")`.

    None: the call is no such function's.
    """
    if value.kind != "call" or not value.parts or not _WRAPPER.search(value.name or ""):
        return None
    name = value.parts[0]
    if not name.is_text or not re.fullmatch(r"[A-Z][A-Z0-9_]+", name.text or ""):
        return None
    default = tuple(part for part in value.parts[1:2] if part.kind != "literal" or part.name != "null")
    return Value("env", None, name.text, default, value.line, value.column, value.via)


_RANDOM = re.compile(
    r"(?i)(?:^|[.:])(?:token_hex|token_bytes|token_urlsafe|urandom|randombytes|random_bytes|uuid[14]?|get_random_secret_key|"
    r"get_random_string|generate_key|securerandom|randomuuid|random_string|nanoid|generatekey|openssl_random_pseudo_bytes|"
    r"randombytessync|hex|urlsafe_base64|alphanumeric|getrandomvalues|randomstring|newuuid|rand\.read|random|choices|uniqid)$"
)
_STORE = re.compile(
    r"(?i)(?:secretsmanager|secret_?manager|get_secret|getsecret|access_secret_version|ssm|get_parameter|getparameter|hvac|vault|"
    r"keyvault|read_secret|readsecret|docker_secret|read_text|readfilesync|read_file|readfile|file_get_contents|file\.read|"
    r"os\.readfile|ioutil\.readfile|\bopen$|credentials\.dig|rails\.application\.credentials|application\.credentials)"
)


def classify(value: Value, key: str = "") -> ValueClass:
    """The class of a value; `key` is the name that it is given to.

    Of a choice without the environment (`a or b`) the worst part counts. Names that lead elsewhere are to be resolved
    before (`Unit.resolve`).
    """
    match value.kind:
        case "env":
            return _of_env(value, key)
        case "literal":
            return _of_literal(value, key)
        case "call":
            wrapped = through_wrapper(value)
            return _of_call(value) if wrapped is None else _of_env(wrapped, key)
        case "template":
            return _of_template(value)
        case "choice":
            found = {classify(part, key) for part in value.parts}
            return next(
                (one for one in ("literal", "placeholder", "mounted", "ephemeral", "env") if one in found), "unknown"
            )
    return "unknown"


def _of_env(value: Value, key: str) -> ValueClass:
    name = value.name or key
    if name.upper().endswith(("_FILE", "_PATH")):
        return "mounted"
    default = value.default
    if default is None:
        return "env"
    if default.kind in ("literal", "template"):
        return _of_default(default, name, key)
    if default.kind == "call":
        made = _of_call(default)
        return made if made in ("ephemeral", "mounted") else "harmless default"
    if default.kind == "env":
        return _of_env(default, key)
    if default.kind == "choice":
        found = {_of_env(Value("env", None, value.name, (part,)), key) for part in default.parts}
        worst: tuple[ValueClass, ...] = ("secret default", "ephemeral", "mounted")
        return next((one for one in worst if one in found), "harmless default")
    return "env" if default.kind == "name" else "harmless default"


def _of_default(default: Value, name: str, key: str) -> ValueClass:
    text = (default.text or "").strip()
    if default.kind == "template" and "{}" in text:
        # The password is a hole: whatever fills it is judged where it comes from.
        return "harmless default"
    if default.kind == "literal" and default.name in ("bool", "null", "int", "float"):
        return "harmless default"
    if text.lower() in _NO_VALUE:
        return "harmless default"
    if password_in_url(text) is not None and not _LOCAL.search(text):
        return "secret default"
    secret = next((one for one in (name, key) if one and is_secret_name(one)), None)
    if secret is None or _URL.match(text):
        return "harmless default"
    if is_signing_name(name) or is_signing_name(key) or is_service_name(name) or is_service_name(key):
        return (
            "secret default"
            if looks_secret(text, secret if is_signing_name(secret) else name or key)
            else "harmless default"
        )
    # A live default is used: that it reads like a placeholder makes it no less known.
    return "secret default" if _usable(text) else "harmless default"


def _usable(text: str) -> bool:
    return " " not in text and not _ADDRESS.match(text) and not text.startswith(("$", "%", "<")) and len(text) >= 3


def _of_literal(value: Value, key: str) -> ValueClass:
    text = value.text or ""
    if value.name == "null":
        return "unknown"
    return "placeholder" if value.name == "str" and is_placeholder(text) else "literal"


def _of_call(value: Value) -> ValueClass:
    name = value.name or ""
    if _RANDOM.search(name) or any(part.kind == "call" and _RANDOM.search(part.name or "") for part in value.parts):
        return "ephemeral"
    if _STORE.search(name):
        return "mounted"
    if any(part.kind == "env" for part in value.parts):
        return "env"
    return "unknown"


def _of_template(value: Value) -> ValueClass:
    kinds = {classify(part) for part in value.parts}
    if "env" in kinds or "harmless default" in kinds or "secret default" in kinds:
        return "env"
    return "literal" if not value.parts else "unknown"
