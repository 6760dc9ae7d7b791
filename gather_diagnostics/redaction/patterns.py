"""What leads to a secret: names of keys, headers, blocks. Declared data, no code that runs over text.

Of the same syntax class as the rules, see there.
"""

from __future__ import annotations

import re

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
    r"passw(?:or[dt]|d)s?|passphrase|passcode|pass|pwd?|contrase(?:ñ|n)a|token"
    r"|client[-_. ]?secret|secret[-_. ]?(?:access[-_. ]?)?key(?:[-_]base)?|secret"
    r"|(?:api|access|private|account|encryption|signing|master|shared|storage|auth)[-_. ]?key"
    r"|(?:app|application|service|db|database|client|consumer|license|admin|hmac|jwt|webhook)[-_.]?key"
    r"|key[-_]data|x-honeycomb-team|credentials?|creds?|auth|jsessionid|phpsessid"
)
"""Last words of a key whose value is a secret (matched without case)."""

_QUOTES = r"[\\\"'`\[\]]{0,9}"
OPENER = re.compile(
    rf"(?P<word>(?i:{WORD}))(?P<quote>{_QUOTES})"
    r"(?:[ \t]{0,32}(?P<sep>=>|:=|[!=]?={1,2}|\?=|\|\||:|%3[dD])[ \t]{0,64}"
    r"|(?P<gap>,[ \t]{0,32}|[ \t]{1,32})|(?P<tag>>))",
    re.ASCII,
)
"""A key's last word and what leads to its value: an assignment, a flag's blank, a list's comma, or a tag's end."""

PAIR = re.compile(
    r"(?i:name|key)" + _QUOTES + r"[ \t]{0,8}[:=][ \t]{0,8}[\\\"'`]{0,9}(?P<name>[A-Za-z0-9_.-]{1,96})"
    r"[\\\"'`]{0,9},?(?:[ \t\r\n]|\\n){0,80}[\\\"'`]{0,9}(?i:value)" + _QUOTES + r"[ \t]{0,8}[:=][ \t]{0,8}",
    re.ASCII,
)
"""{"name": "DB_PASSWORD", "value": ...} as Kubernetes, ECS and tags have it, in JSON or YAML."""

_VENDORS = (
    "adafruit|adobe|airtable|algolia|alibaba|asana|atlassian|beamer|bitbucket|bittrex|cloudflare|codecov|coinbase"
    "|confluent|contentful|datadog|discord|dropbox|facebook|fastly|flickr|github|gitlab|google|heroku|hubspot|jfrog|jira"
    "|kraken|launchdarkly|linear|linkedin|mailchimp|mailgun|mattermost|netlify|okta|plaid|rapidapi|sendbird|sentry|snyk"
    "|sonar|square|stripe|sumologic|travis|twilio|twitch|twitter|zendesk"
)
_SUFFIXED = rf"(?i:passw(?:or)?d|secret|token|api[_-]?key|credential|(?:{_VENDORS})(?:[_.-][a-z]{{1,12}})?[_.-]?key)"
_LEADS = r"[ \t]{0,32}(?:=>|:=|\?=|={1,2}|\|\||:|>|,)[ \t]{0,8}[\\\"'`@]{0,9}"
SUFFIXED = re.compile(
    _SUFFIXED + r"(?P<suffix>[A-Za-z0-9_.-]{0,24})[\\\"'`\]]{0,9}" + _LEADS + r"(?P<value>[A-Za-z0-9+/=_.~-]{16,512})",
    re.ASCII,
)
"""A key with something behind its word: api_token_123, mySecretString. Only what looks random is a secret then."""
NO_SECRETS = re.compile(
    r"[_.-]?(?i:names?|ids?|files?|path|size|len|url|uri|types?|counts?|ttl|expir|polic|refs?|endpoint|version|fields?"
    r"|hash|sha|md5|digest|checksum|arn|provider|class|store|mount|label|issuer|audience|bucket|fingerprint|review|keys$)",
    re.ASCII,
)
"""What is said about a secret in the open."""

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
PEM_WORDS = "PRIVATE KEY"
PEM_END = "-----END "
PUTTY_BEGIN = re.compile(r"Private-Lines: {0,4}[0-9]{1,4}", re.ASCII)
PUTTY_END = "Private-MAC"

NEEDS = (
    rf"(?i:{WORD})[\\\"'`\[\]]*(?:[ \t]*(?:[=:!?]|\|\||%3[dD])|,|>|[ \t]+[\"'])",
    r"(?i:passw(?:or[dt]|d)|passphrase)[ \t]+(?:(?i:is|was)[ \t]+)?[^\s]*[0-9]",
    rf"-(?:[A-Za-z0-9_.-]*)(?i:{WORD})[\\\"'`]*[ \t]",
    r"(?i:cookie)[\\\"'`\]]*[ \t]*[:=]",
    rf"(?i:{WORD}|authorization|cookie)[\\\"'`]*,?(?:\s|\\n)*[\\\"'`]*(?i:value)[\\\"'`\]]*[ \t]*[:=]",
    r"-----BEGIN [A-Z0-9 ]*PRIVATE|Private-Lines:",
    _SUFFIXED + r"[A-Za-z0-9_.-]*[\\\"'`\]]*[ \t]*(?:=|:|\?=|\|\||>|,)[=>|]?[ \t]*[\\\"'`@]*[A-Za-z0-9+/=_.~-]{16}",
)
"""What OPENER, PAIR, COOKIE and PEM_BEGIN need at least, for RE2 over whole columns."""
