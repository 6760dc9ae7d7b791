"""Secrets known by their own looks: declared data, no code that runs over text.

Every pattern is in RE2's syntax class (no look-around, no back-references) and every quantifier but a last one is
bounded and unnested, so that Python's engine, too, takes time linear in the text. Shapes are the vendors' own:
each rule's comment or kind names the issuer, whose documentation gives prefix and length. Lengths here are lower
than the documented ones, because logs cut tokens.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass

from gather_diagnostics.redaction import checks, encoded, manifests, patterns
from gather_diagnostics.redaction.tokens import TOKENS, Token


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


def _token(token: Token) -> Rule:
    """A token that is known by its first characters, behind a word's boundary or an escape ('\\n', '%20')."""
    literal = "|".join(map(re.escape, token.prefixes))
    lead = _BOUNDARY if min(map(len, token.prefixes)) < 4 else _BOUNDARY + "|_"
    pattern = rf"(?:{lead})(?P<secret>(?:{literal}){token.body})"
    # Four characters begin many words: then RE2 looks at the whole of it, else at one more.
    first = _CLASS.match(token.body) if min(map(len, token.prefixes)) > 4 else None
    needs = rf"(?:{literal}){first[0] if first else _MANY.sub('{8,}', token.body)}"
    return Rule(token.kind, pattern, tuple(prefix.lower() for prefix in token.prefixes), needs, token.check)


_CLASS = re.compile(r"\[[^\]]{1,64}\]")
_MANY = re.compile(r"\{(?:9|[0-9]{2,3})(?:,[0-9]{0,4})?\}")
_BOUNDARY = r"\b|\\[nrtbf]|%[0-9A-Fa-f]{2}"
_DATABASES = (
    r"(?i:postgres(?:ql)?|mysql|mariadb|mongodb|rediss?|amqps?|sqlserver|clickhouse|oracle)(?:\+[a-z0-9]{1,16})?"
)
_SLASHES = r":\\{0,3}/\\{0,3}/"
_CLIENTS = (
    "mysql|mysqldump|mysqladmin|mariadb|mariadb-dump|sshpass|mongosh|mongodump|mongo|docker login|redis-cli|sqlcmd"
    "|ldapsearch|snowsql"
)
_GAP = "(?:[ +-]|%20)?"
_CARD_START = r"\b(?:4[0-9]|5[0-9]|6[0-9]|3[0-9]|2[2-7])[0-9]{2}"
_CARD_NEEDS = f"{_GAP}(?:[0-9]{{4}}{_GAP}[0-9]{{4}}{_GAP}[0-9]|[0-9]{{6}}{_GAP}[0-9]{{4}})"
_CARD_REST = f"(?:{_GAP}[0-9]{{4}}{_GAP}[0-9]{{4}}{_GAP}[0-9]{{1,7}}|{_GAP}[0-9]{{6}}{_GAP}[0-9]{{4,5}})" + r"\b"
_SCHEME = r"(?i:bearer|basic|token|apikey|api-key|api-token|ssws|digest|negotiate)"

_TOKEN_RULES = tuple(map(_token, TOKENS))

RULES: tuple[Rule, ...] = (
    *_TOKEN_RULES,
    Rule(  # the two columns of a credentials.csv, or two lines of a console
        "aws-secret-access-key",
        r"\b(?:AKIA|ASIA)[A-Z2-7]{16}[\"',:;|\s]{1,6}(?P<secret>[A-Za-z0-9/+]{40})",
        ("akia", "asia"),
        "(?:AKIA|ASIA)[A-Z2-7]",
    ),
    Rule(
        "signature",
        r"(?i:X-Amz-Signature|X-Amz-Security-Token|X-Goog-Signature)(?:=|%3[dD])(?P<secret>[A-Za-z0-9%+/=_-]{16,})",
        ("x-amz-s", "x-goog-s"),
        r"(?i:x-amz-s|x-goog-s)",
    ),
    Rule("azure-sas", r"(?i:[?&;]sig=)(?P<secret>[A-Za-z0-9%+/=_-]{30,})", ("sig=",), r"(?i:[?&;]sig=)"),
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
    Rule("sendgrid-key", r"\bSG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16,}", ("sg.",), r"SG\.[A-Za-z0-9_-]"),
    Rule("twilio-key", r"\bSK[0-9a-f]{32}\b", ("sk",), r"SK[0-9a-f]{8}"),
    Rule("telegram-token", r"\b[0-9]{8,10}:A[A-Za-z0-9_-]{34}\b", (":a",), "[0-9]:A[A-Za-z0-9_-]{30}", checks.is_mixed),
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
        checks.is_open,
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
        _SLASHES + r"[^\s/:@\"'<>\\?#\[\](){}]{0,128}:(?P<secret>[^\s/\"'<>\\]{1,256})@[A-Za-z0-9\[_$%{*.-]",
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
        ("mysql", "mariadb", "sshpass", "mongo", "docker login", "redis-cli", "sqlcmd", "ldapsearch", "snowsql"),
        r"(?:mysql|mariadb|sshpass|mongo|docker login|redis-cli|sqlcmd|ldapsearch|snowsql).*[ \t]-[paPw]",
        checks.is_flag_value,
    ),
    Rule(
        "password",
        r"\s(?:-u|--user)(?:=|[ \t]{0,4})[\"']?[^\s:\"']{0,64}[\"']?:[\"']?(?P<secret>[^\s\"']{1,128})",
        ("curl",),
        r"\s(?:-u|--user)[=\s\"'][^\s]*:",
        checks.is_typed,
    ),
    Rule(  # a key as the user's name
        "password",
        r"\s(?:-u|--user)(?:=|[ \t]{0,4})[\"'](?P<secret>[^\s:\"']{8,64}):[\"']",
        ("curl",),
        r"\s(?:-u|--user)[=\s\"'][^\s]*:",
        checks.has_letter_and_digit,
    ),
    Rule(
        "password",
        r"(?i:identified[ \t]{1,8}by)[ \t]{1,8}(?i:password[ \t]{1,8})?\\{0,3}['\"](?P<secret>[^'\"\\\n]{1,256})",
        ("identified",),
        r"(?i:identified)[ \t]+(?i:by)[ \t]",
        checks.is_open,
    ),
    Rule(
        "azure-client-secret",
        r"\b(?P<secret>[A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34})",
        ("q~",),
        r"[0-9]Q~[A-Za-z0-9_~.-]",
    ),
    Rule(
        "azure-function-key",
        r"(?i:azurewebsites\.net/)[^\s?\"']{1,200}\?(?:[^\s\"'&]{1,200}&)?code=(?P<secret>[A-Za-z0-9%/_-]{20,}={0,2})",
        ("azurewebsites.net",),
        r"(?i:azurewebsites\.net/).*code=",
    ),
    Rule("terraform-token", r"\b[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{40,}", (".atlasv1.",), r"\.atlasv1\."),
    Rule("mailchimp-key", r"\b[0-9a-f]{32}-us[0-9]{1,2}\b", ("-us",), "-us[0-9]"),
    Rule("maxmind-key", r"\b[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk", ("_mmk",), r"[A-Za-z0-9]_mmk"),
    Rule("okta-token", r"\b00[A-Za-z0-9_-]{40}\b", ("okta", "ssws"), "(?i:okta|ssws)", checks.is_mixed),
    Rule(
        "discord-token",
        r"\b[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}",
        (".",),
        r"\b[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27}",
        checks.is_mixed,
    ),
    Rule(
        "webhook",
        r"webhook\.office\.com/webhookb2/[A-Za-z0-9@-]{1,128}/IncomingWebhook/(?P<secret>[A-Za-z0-9]{16,64}/[A-Za-z0-9-]{1,64})",
        ("webhook.office.com",),
        r"webhook\.office\.com/",
    ),
    Rule(  # crypt(3), as in /etc/shadow and htpasswd files; PHC strings
        "password-hash",
        r"\$(?:apr1|1|2[abxy]?|5|6|7|y|gy|argon2(?:id|i|d)|scrypt|pbkdf2-sha(?:1|256|512))\$[A-Za-z0-9./+$=,]{20,}",
        ("$",),
        r"\$(?:[125-7]|apr1|2[abxy]|g?y|argon2|scrypt|pbkdf2)[a-z0-9-]*\$[A-Za-z0-9./+$=,]{20}",
    ),
    Rule(  # ~/.pgpass: host:port:database:user:password
        "password",
        r"(?m:^[A-Za-z0-9.*_-]{1,255}:(?:5432|\*):[^\s:]{1,64}:[^\s:]{1,64}:(?P<secret>[^\s]{4,256}))",
        (":5432:", ":*:"),
        r"(?m:^[A-Za-z0-9.*_-]*:(?:5432|\*):)",
        checks.has_letter_and_digit,
    ),
    Rule(
        "session",
        r"(?i:_session|connect\.sid|\bsessionid|\bsid)=(?P<secret>[A-Za-z0-9%+/=_.-]{24,})",
        ("_session=", "connect.sid=", "sid=", "sessionid="),
        r"(?i:session|sessionid|sid)=[A-Za-z0-9%+/=_.-]{16}",
        checks.has_letter_and_digit,
    ),
    Rule(  # "VALUE" == password
        "password",
        r"[\"'](?P<secret>[^\s\"']{4,128})[\"'][ \t]{0,4}[!=]={1,2}[ \t]{0,4}"
        r"[A-Za-z0-9_.]{0,64}(?i:passw(?:or)?d|secret|token)\b",
        ("pass", "secret", "token"),
        r"[\"'][ \t]*[!=]==?[ \t]*[A-Za-z0-9_.]*(?i:passw(?:or)?d|secret|token)",
        checks.has_letter_and_digit,
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
        _CARD_START + _CARD_REST,
        ("",),
        _CARD_START + _CARD_NEEDS,
        checks.is_card_number,
    ),
)

BY_DIGITS = RULES[-1]
"""The one rule that asks which digits there are; to the others all digits are alike."""
DIGITS_ENOUGH = r"\b[0-9]{4}" + _CARD_REST.replace("%20", "%[0-9]{2}")
"""RE2 and Python: what it takes, whatever the digits."""

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


@functools.cache
def prefilters(chosen: tuple[Rule, ...]) -> tuple[str, ...]:
    """RE2: a text that none of them matches holds nothing that anything here would take.

    Three, since one automaton of all outgrows RE2's cache of states and is then seven times as slow as its parts.
    """
    tokens = [rule.needs for rule in chosen if rule in _TOKEN_RULES]
    others = [rule.needs for rule in chosen if rule not in _TOKEN_RULES]
    groups = ((*patterns.NEEDS, manifests.NEEDS), (encoded.NEEDS, *tokens), others)
    return tuple("|".join(f"(?:{_LONG.sub(_COUNTED, need)})" for need in dict.fromkeys(g)) for g in groups if g)


_LONG = re.compile(r"\{(?:49|[5-9][0-9]|[0-9]{3,4})(?:,[0-9]{0,5})?\}")
_COUNTED = "{48,}"
"""RE2 unrolls what is counted, and Arrow compiles for each batch: beyond 48 random characters more say no more."""
