"""What secrets look like: declared data, no code that runs over text.

Every pattern is in RE2's syntax class (no look-around, no back-references) and every quantifier but a last one is
bounded and unnested, so that Python's engine, too, takes time linear in the text. Shapes are the vendors' own:
each rule's comment or kind names the issuer, whose documentation gives prefix and length. Lengths here are lower
than the documented ones, because logs cut tokens.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gather_diagnostics.redaction import checks

KINDS_OF_WORD = {
    "passw": "password",
    "pw": "password",
    "passphrase": "passphrase",
    "pass": "password",
    "apikey": "api-key",
    "accesskey": "access-key",
    "privatekey": "private-key",
    "secret": "secret",
    "token": "token",
    "credential": "credential",
    "auth": "auth",
    "sess": "session",
}
"""Start of a key's last word, without separators and in lower case, to the kind reported."""

OTHER_KEY_KIND = "secret-key"
"""Kind of account keys, signing keys, ... : words that KINDS_OF_WORD does not tell apart."""

WORD = (
    r"passw(?:or[dt]|d)s?|passphrase|passcode|pass|pwd?|token"
    r"|client[-_. ]?secret|secret[-_. ]?(?:access[-_. ]?)?key(?:[-_]base)?|secret"
    r"|(?:api|access|private|account|encryption|signing|master|shared|storage|auth)[-_. ]?key"
    r"|credentials?|auth|jsessionid|phpsessid"
)
"""Last words of a key whose value is a secret (matched without case)."""

_QUOTES = r"[\\\"'`\]]{0,9}"
OPENER = re.compile(
    rf"(?P<word>(?i:{WORD}))(?P<quote>{_QUOTES})"
    r"(?:[ \t]{0,32}(?P<sep>=>|:=|={1,2}|:|%3[dD])[ \t]{0,64}|(?P<gap>,[ \t]{0,32}|[ \t]{1,32})|(?P<tag>>))",
    re.ASCII,
)
"""A key's last word and what leads to its value: an assignment, a flag's blank, a list's comma, or a tag's end."""

PAIR = re.compile(
    r"(?i:name|key)" + _QUOTES + r"[ \t]{0,8}[:=][ \t]{0,8}[\\\"'`]{0,9}(?P<name>[A-Za-z0-9_.-]{1,96})"
    r"[\\\"'`]{0,9},?(?:[ \t\r\n]|\\n){0,80}[\\\"'`]{0,9}(?i:value)" + _QUOTES + r"[ \t]{0,8}[:=][ \t]{0,8}",
    re.ASCII,
)
"""{"name": "DB_PASSWORD", "value": ...} as Kubernetes, ECS and tags have it, in JSON or YAML."""

SAID = re.compile(r"(?:(?i:is|was)[ \t]{1,8})?", re.ASCII)
"""'the password is VALUE'"""

COOKIE = re.compile(
    r"\b(?P<set>(?i:set[-_]))?(?i:cookie)" + _QUOTES + r"[ \t]{0,8}[:=][ \t]{0,8}[\\\"'`\[]{0,9}", re.ASCII
)
COOKIE_PAIR = re.compile(r"[ \t]{0,8}[^\s=;,\"'\\]{1,128}=(?P<secret>[^\s;,\"'\\]{1,4096})(?P<more>;?)", re.ASCII)

HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})
"""Keys of JSON objects that are read as the header of that name."""

PLACEHOLDER = re.compile(r"\[redacted:[a-z0-9-]{1,32}:[0-9a-f]{8}\]", re.ASCII)

PEM_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----", re.ASCII)
PEM_END = "-----END "

_KEY_NEEDS = (
    rf"(?i:{WORD})[\\\"'`\]]*(?:[ \t]*(?:[=:]|%3[dD])|,|>|[ \t]+')",
    r"(?i:passw(?:or[dt]|d)|passphrase)[ \t]+(?:(?i:is|was)[ \t]+)?[^\s]*[0-9]",
    rf"-(?:[A-Za-z0-9_.-]*)(?i:{WORD})[\\\"'`]*[ \t]",
    r"(?i:cookie)[\\\"'`\]]*[ \t]*[:=]",
    rf"(?i:{WORD}|authorization|cookie)[\\\"'`]*,?(?:\s|\\n)*[\\\"'`]*(?i:value)[\\\"'`\]]*[ \t]*[:=]",
    r"-----BEGIN [A-Z0-9 ]*PRIVATE",
)
"""What OPENER, PAIR, COOKIE and PEM_BEGIN need at least, for RE2 over whole columns."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One shape of secret."""

    kind: str
    pattern: str
    """What is replaced is the group 'secret', or the whole match where there is none."""
    hints: tuple[str, ...]
    """In lower case; a text without any of them can't match (cheap, before the pattern)."""
    needs: str
    """RE2: matches wherever `pattern` does, without counting; the columns' prefilter is the union of these."""
    check: Callable[[re.Match[str]], bool] | None = None
    """A last word in Python, e.g. a checksum."""

    def compiled(self) -> re.Pattern[str]:
        return _compiled(self.pattern)


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII)


def _prefixed(kind: str, prefixes: str, body: str, hints: Sequence[str], check: bool = False) -> Rule:
    """A token that is known by its first characters."""
    return Rule(
        kind,
        rf"\b(?:{prefixes}){body}",
        tuple(hints),
        rf"(?:{prefixes})[A-Za-z0-9]",
        checks.has_digit if check else None,
    )


_GITLAB = ("glpat-", "gldt-", "glrt-", "glcbt-", "glptt-", "glft-", "glimt-", "glsoat-", "gloas-", "glagent-")
_DATABASES = (
    r"(?i:postgres(?:ql)?|mysql|mariadb|mongodb|rediss?|amqps?|sqlserver|clickhouse|oracle)(?:\+[a-z0-9]{1,16})?"
)
_SLASHES = r":\\{0,3}/\\{0,3}/"
_CLIENTS = (
    "mysql|mysqldump|mysqladmin|mariadb|mariadb-dump|sshpass|mongosh|mongodump|mongo|docker login|redis-cli|sqlcmd"
    "|ldapsearch"
)
_GAP = "(?:[ +-]|%20)?"
_CARD_START = r"\b(?:4[0-9]|5[0-9]|6[0-9]|3[0-9]|2[2-7])[0-9]{2}"
_SCHEME = r"(?i:bearer|basic|token|apikey|api-key|digest|negotiate)"

RULES: tuple[Rule, ...] = (
    _prefixed("aws-access-key-id", "AKIA|ASIA|ABIA|ACCA", r"[A-Z2-7]{16}\b", ("akia", "asia", "abia", "acca")),
    Rule(  # the two columns of a credentials.csv, or two lines of a console
        "aws-secret-access-key",
        r"\b(?:AKIA|ASIA)[A-Z2-7]{16}[\"',:;|\s]{1,6}(?P<secret>[A-Za-z0-9/+]{40})",
        ("akia", "asia"),
        "(?:AKIA|ASIA)[A-Z2-7]",
    ),
    _prefixed(
        "aws-session-token", "FwoGZXIvYXdz|IQoJb3JpZ2lu", r"[A-Za-z0-9/+=%]{40,}", ("fwogzxivyxdz", "iqojb3jpz2lu")
    ),
    Rule(
        "signature",
        r"(?i:X-Amz-Signature|X-Amz-Security-Token|X-Goog-Signature)(?:=|%3[dD])(?P<secret>[A-Za-z0-9%+/=_-]{16,})",
        ("x-amz-s", "x-goog-s"),
        r"(?i:x-amz-s|x-goog-s)",
    ),
    _prefixed("gcp-api-key", "AIza", r"[A-Za-z0-9_-]{30,}", ("aiza",)),
    _prefixed("gcp-oauth-token", r"ya29\.|GOCSPX-", r"[A-Za-z0-9_-]{20,}", ("ya29.", "gocspx-")),
    Rule("azure-sas", r"(?i:[?&;]sig=)(?P<secret>[A-Za-z0-9%+/=_-]{30,})", ("sig=",), r"(?i:[?&;]sig=)"),
    _prefixed("github-token", "gh[pousr]_", r"[A-Za-z0-9]{20,}", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_")),
    _prefixed("github-token", "github_pat_", r"[A-Za-z0-9_]{20,}", ("github_pat_",)),
    _prefixed("gitlab-token", "|".join(_GITLAB), r"[A-Za-z0-9_-]{16,}(?:\.[a-z0-9]{2}\.[a-z0-9]{1,16})?", _GITLAB),
    _prefixed("slack-token", "xox[abeoprs]-|xapp-", r"[A-Za-z0-9-]{10,}", ("xox", "xapp-"), check=True),
    Rule(
        "slack-webhook",
        r"hooks\.slack\.com\\{0,3}/(?:services|workflows|triggers)(?P<secret>(?:\\{0,3}/[A-Za-z0-9_]{1,64}){2,4})",
        ("hooks.slack.com",),
        r"hooks\.slack\.com",
    ),
    Rule(
        "webhook",
        r"discord(?:app)?\.com/api/webhooks/[0-9]{10,24}/(?P<secret>[A-Za-z0-9_-]{20,})",
        ("/api/webhooks/",),
        "/api/webhooks/",
    ),
    _prefixed(
        "stripe-key",
        "[rs]k_(?:live|test|prod)_|whsec_",
        r"[A-Za-z0-9+/=]{10,}",
        ("k_live_", "k_test_", "k_prod_", "whsec_"),
    ),
    Rule("sendgrid-key", r"\bSG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16,}", ("sg.",), r"SG\.[A-Za-z0-9_-]"),
    Rule("twilio-key", r"\bSK[0-9a-f]{32}\b", ("sk",), r"SK[0-9a-f]{8}"),
    _prefixed("npm-token", "npm_", r"[A-Za-z0-9]{30,}", ("npm_",)),
    _prefixed("pypi-token", "pypi-", r"[A-Za-z0-9_-]{50,}", ("pypi-",), check=True),
    _prefixed("llm-api-key", "sk-(?:ant-|proj-|or-v1-)?", r"[A-Za-z0-9_-]{32,}", ("sk-",), check=True),
    _prefixed("huggingface-token", "hf_", r"[A-Za-z0-9]{30,}", ("hf_",)),
    _prefixed("vault-token", r"hv[sbr]\.", r"[A-Za-z0-9_-]{20,}", ("hvs.", "hvb.", "hvr.")),
    _prefixed("digitalocean-token", "do[opr]_v1_", r"[0-9a-f]{40,}", ("_v1_",)),
    _prefixed("databricks-token", "dapi", r"[0-9a-f]{32}(?:-[0-9]{1,2})?\b", ("dapi",)),
    _prefixed("grafana-token", "glsa_|glc_", r"[A-Za-z0-9_=+/]{24,}", ("glsa_", "glc_"), check=True),
    _prefixed("newrelic-key", "NRAK-|NRII-", r"[A-Za-z0-9_-]{20,}", ("nrak-", "nrii-")),
    _prefixed("shopify-token", "shp(?:at|ca|pa|ss)_", r"[0-9a-fA-F]{32,}", ("shpat_", "shpca_", "shppa_", "shpss_")),
    _prefixed("atlassian-token", "ATATT3|ATCTT3", r"[A-Za-z0-9_=-]{40,}", ("atatt3", "atctt3")),
    _prefixed("age-key", "AGE-SECRET-KEY-1", r"[A-Z0-9]{40,}", ("age-secret-key-1",)),
    Rule("telegram-token", r"\b[0-9]{8,10}:AA[A-Za-z0-9_-]{33}\b", (":aa",), ":AA[A-Za-z0-9_-]{16}"),
    Rule(  # RFC 7519 and, with its five parts, RFC 7516; a cut one still has its payload
        "jwt",
        r"\beyJ[A-Za-z0-9_-]{8,2048}\.[A-Za-z0-9_-]{8}[A-Za-z0-9_.-]*",
        ("eyj",),
        r"eyJ[A-Za-z0-9_-]*\.[A-Za-z0-9_-]",
    ),
    Rule(
        "authorization",
        r"(?i:authorization)[\\\"'`\]]{0,9}[ \t]{0,8}[:=]?[ \t]{0,8}[\\\"'`\[(]{0,9}"
        rf"{_SCHEME}[ \t]{{1,8}}(?P<secret>[^\s\"'\\`,;<>\])]{{4,}})",
        ("authorization",),
        r"(?i:authorization)[\\\"'`\]]*[ \t]*[:=]?[ \t]*[\\\"'`\[(]*" + _SCHEME + r"[ \t]",
    ),
    Rule(
        "authorization",
        r"(?i:authorization)[\\\"'`\]]{0,9}[ \t]{0,8}[:=][ \t]{0,8}[\\\"'`\[(]{0,9}(?P<secret>[A-Za-z0-9+/=_.~:-]{8,})",
        ("authorization",),
        r"(?i:authorization)[\\\"'`\]]*[ \t]*[:=]",
        checks.has_letter_and_digit,
    ),
    Rule(
        "authorization",
        r"\b(?i:bearer)[ \t]{1,8}(?P<secret>[A-Za-z0-9+/=_.~-]{16,})",
        ("bearer",),
        r"(?i:bearer)[ \t]",
        checks.has_letter_and_digit,
    ),
    Rule(  # RFC 7617, without its header's name
        "authorization",
        r"\b(?i:basic)[ \t]{1,8}(?P<secret>[A-Za-z0-9+/]{8,1024}={0,2})",
        ("basic",),
        r"(?i:basic)[ \t]+[A-Za-z0-9+/]{8}",
        checks.is_user_and_password,
    ),
    Rule(
        "url-password",
        _SLASHES + r"[^\s/:@\"'<>\\?#\[\](){}]{0,128}:(?P<secret>[^\s/\"'<>\\?#]{1,256})@[A-Za-z0-9\[_$%{*.-]",
        ("/",),
        r":\\*/\\*/[^\s/@\"'<>]*:[^\s/\"'<>]+@",
        checks.is_url_password,
    ),
    Rule(  # a '/' or '?' that should have been percent-encoded
        "url-password",
        _DATABASES + _SLASHES + r"[^\s/:@\"'<>\\?#]{0,128}:(?P<secret>[^\s@\"'<>\\]{1,256})@",
        ("://", ":\\/"),
        r":\\*/\\*/[^\s/@\"'<>]*:[^\s@\"'<>]+@",
        checks.is_url_password,
    ),
    Rule(
        "url-password",
        _SLASHES + r"(?P<secret>[A-Za-z0-9_-]{20,256})(?::(?:x-oauth-basic)?)?@",
        ("/",),
        r":\\*/\\*/[A-Za-z0-9_-]*(?::x-oauth-basic|:)?@",
        checks.has_letter_and_digit,
    ),
    Rule(  # the DSN of Go's MySQL driver
        "url-password",
        r"\b[A-Za-z0-9_.-]{1,64}:(?P<secret>[^\s@\"'<>\\]{1,256})@(?:tcp|unix)\(",
        ("@tcp(", "@unix("),
        r"@(?:tcp|unix)\(",
        checks.is_open,
    ),
    Rule(
        "url-password",
        r"(?i:jdbc:oracle:[a-z0-9]{1,8}:)[^\s/@\"'<>\\]{1,128}/(?P<secret>[^\s@\"'<>\\]{1,256})@",
        ("jdbc:oracle:",),
        "(?i:jdbc:oracle:)",
        checks.is_open,
    ),
    Rule(  # mysql -u root -pSECRET, sshpass -p SECRET, redis-cli -a SECRET
        "password",
        rf"\b(?:{_CLIENTS})"
        r"[ \t](?:[^\n|;]{0,200}[ \t])?-[paPw][ \t]{0,4}(?P<secret>[^\s\"'<>|;-][^\s\"'<>|;]{2,128})",
        ("mysql", "mariadb", "sshpass", "mongo", "docker login", "redis-cli", "sqlcmd", "ldapsearch"),
        r"(?:mysql|mariadb|sshpass|mongo|docker login|redis-cli|sqlcmd|ldapsearch).*[ \t]-[paPw]",
        checks.is_flag_value,
    ),
    Rule(
        "password",
        r"\bcurl[ \t](?:[^\n|;]{0,200}[ \t])?(?:-u|--user)[ \t=]{0,4}[\"']?[^\s:\"']{1,64}:(?P<secret>[^\s\"']{1,128})",
        ("curl",),
        r"curl[ \t].*-u",
        checks.is_open,
    ),
    Rule(
        "password",
        r"(?i:identified[ \t]{1,8}by)[ \t]{1,8}(?i:password[ \t]{1,8})?\\{0,3}['\"](?P<secret>[^'\"\\\n]{1,256})",
        ("identified",),
        r"(?i:identified)[ \t]+(?i:by)[ \t]",
        checks.is_open,
    ),
    Rule(  # one line of a PEM body that a logger wrote as a record of its own
        "key-material",
        r"(?m:^[A-Za-z0-9+/]{60,76}={0,2}\r?$)",
        ("",),
        r"(?m:^[A-Za-z0-9+/]{60,76}=?=?\r?$)",
        checks.is_base64_line,
    ),
    Rule(
        "card-number",
        _CARD_START
        + f"(?:{_GAP}[0-9]{{4}}{_GAP}[0-9]{{4}}{_GAP}[0-9]{{1,7}}|{_GAP}[0-9]{{6}}{_GAP}[0-9]{{4,5}})"
        + r"\b",
        ("",),
        _CARD_START + f"{_GAP}(?:[0-9]{{4}}{_GAP}[0-9]{{4}}|[0-9]{{6}}){_GAP}[0-9]",
        checks.is_card_number,
    ),
)

EMAILS = Rule(
    "email",
    r"\b[A-Za-z0-9_.+%-]{1,64}@[A-Za-z0-9-]{1,63}\.[A-Za-z0-9.-]{1,190}[A-Za-z0-9]",
    ("@",),
    r"@[A-Za-z0-9-]+\.[A-Za-z0-9]",
)
ADDRESSES = Rule(
    "address",
    r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}|[0-9A-Fa-f:]{2,40}(?:\.[0-9]{1,3}){0,3}",
    (".", ":"),
    r"[0-9]\.[0-9]+\.[0-9]+\.[0-9]|[0-9A-Fa-f:]*:[0-9A-Fa-f]*:",
    checks.is_address,
)


def prefilter(rules: Sequence[Rule]) -> str:
    """RE2: a text it does not match holds nothing that the rules, keys, cookies or PEM blocks would take."""
    return "|".join(f"(?:{need})" for need in dict.fromkeys((*_KEY_NEEDS, *(rule.needs for rule in rules))))
