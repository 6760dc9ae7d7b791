"""Whether what stands at a secret's place is one: masks, variables, states, code and prose are not.

Two strengths of key. After a strong one (password, api_key, client_secret, ...) everything is a secret that is not
plainly something else. After a weak one (a bare token, secret, auth, credential) only what looks like one is, for
logs say 'token: invalid' and 'secret=checkout-tls' all day.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

LONGEST_JUDGED = 512
"""Characters; anything longer next to a key's name is taken for a secret unseen, which bounds the work."""


@dataclass(frozen=True, slots=True)
class Context:
    """How the value stands in its text."""

    strength: Literal["strong", "weak"]
    word: str
    """The key's last word in lower case."""
    key: str
    quoted: bool = False
    prose: bool = False
    """After ': ' without quotes, where sentences occur too."""
    spaced: bool = False
    """Blanks around '=', as in code."""
    last: bool = True
    """Nothing but punctuation follows on the line."""


_STATES = frozenset(
    """null none nil true false undefined yes no on off n/a na nan empty unset set missing required optional invalid
    valid expired expires revoked changed incorrect wrong correct failed failure fail error ok okay success succeeded
    denied rejected accepted unknown unauthorized forbidden mismatch hidden masked redacted filtered removed omitted
    secret-ref present absent disabled enabled rotated updated created deleted default unchanged authentication must
    should can cannot is was has have had not the this that your and or for from in to of with if when use using enter
    str string text bytes int integer bool boolean number object any char varchar optional[str] str|none string?
    basic bearer digest negotiate login plain password username user type name key value prompt interactive publickey
    keyboard-interactive/pam eof ident""".split()
)

_MASKS = re.compile(
    r"[*xX•.#_?-]+|<[^<>]{0,200}>?|\[[A-Za-z _:-]{0,60}\]?|\([a-z ]{0,60}\)>?|\{\{.{0,400}|\{\w{0,60}\}|\$[0-9]?"
    r"|\$[{(].{0,400}|\$[A-Z_][A-Z0-9_]{0,100}|%[A-Z_]{1,100}%|%(?:\(\w{1,60}\))?[sdrvq]|:[a-z_]{1,60}|#\{.{0,400}",
    re.ASCII,
)
_MEASURES = re.compile(r"[+-]?[0-9]{1,5}(?:\.[0-9]{1,6})?(?:[num]?s|[mhd%BkKMG]|[KMG]i?B?)?", re.ASCII)
_REFERENCES = re.compile(
    r"(?:arn:aws|projects/|vault:|op://|ssm:|sm://|secretsmanager:|awssecret|ENC\[|!Ref|!Sub|!ImportValue|!vault|AES256:).*",
    re.ASCII,
)
_LINKS = re.compile(r"[a-z][a-z0-9+.-]{1,20}://.*", re.ASCII)
_CALLS = re.compile(
    r"(?:await |new )?[A-Za-z_][\w.]{0,100}(?:\((?:.{0,400}\)[;,)]{0,4})?|\[(?::?\w{1,60}\][,;)]{0,4})?)", re.ASCII
)
_CODE_ROOTS = re.compile(
    r"(?:os|self|args|config|settings|request|req|env|process|this|cfg|opts|options|params|System|app|ctx|c|s)"
    r"(?:\.|\[|->)[\w.\[\]()\"'>-]{1,200}|ENV\[.{0,100}",
    re.ASCII,
)
_PATHS = re.compile(
    r"(?:/|\./|\.\./|~/|[A-Z]:\\{1,4})?[a-z0-9_.-]{1,40}(?:[/\\]{1,4}[a-z0-9_.-]{1,40}){1,20}", re.ASCII
)
_NAMES = re.compile(r"[a-z0-9]{1,63}(?:[-/][a-z0-9]{1,63}){1,20}", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_OBJECTS = re.compile(
    r"0x[0-9a-f]{1,16}|[0-9a-f]{1,8}|[0-9]{1,11}|[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?::[0-9]{1,5})?", re.ASCII
)
_TOKEN_CHARACTERS = re.compile(r"[A-Za-z0-9+/=_.~%:!#$^&*|-]{8,}", re.ASCII)
_ALGORITHMS = re.compile(r"(?i:sha-?[0-9]|md5|bcrypt|argon2|pbkdf2|aes|rsa|v[0-9]|[0-9]{4}-)", re.ASCII)
_PUNCTUATION = ",.;:!?)]}"


def is_secret(value: str, context: Context) -> bool:
    """Whether the value after a key's name has to go."""
    if len(value) > LONGEST_JUDGED:
        return True
    bare = value.strip()
    if not bare or _is_plain(bare, context) or (not context.quoted and _is_code(bare, context)):
        return False
    if context.strength == "weak":
        return _is_like_secret(bare, context)
    return not (context.prose and _is_prose(bare, context))


def is_mask(value: str) -> bool:
    """A variable, a template's place or a row of stars."""
    return bool(_MASKS.fullmatch(value.strip()))


def is_random(value: str) -> bool:
    """Looks drawn at random: letters and digits, at least 16, that are neither words nor an id every log has."""
    value = value.rstrip(_PUNCTUATION)
    digits, uppers, lowers = (sum(map(t, value)) for t in (str.isdigit, str.isupper, str.islower))
    if len(value) < 16 or not digits or not (uppers or lowers) or _is_name(value) or _UUID.fullmatch(value):
        return False
    is_whole = value.replace("=", "").isalnum()
    return bool(uppers and lowers and digits > 1) or (is_whole and len(value) >= 20)


def is_word_with_digits(value: str) -> bool:
    """Looks like a password in the middle of prose, where nothing but a blank leads to it."""
    has_both = any(c.isdigit() for c in value) and any(c.isalpha() for c in value)
    return has_both and bool(_TOKEN_CHARACTERS.fullmatch(value)) and not (_is_name(value) or _ALGORITHMS.match(value))


def _is_plain(value: str, context: Context) -> bool:
    lowered = value.casefold().strip(_PUNCTUATION)
    if lowered in _STATES or _MASKS.fullmatch(value) or _MEASURES.fullmatch(value) or _REFERENCES.match(value):
        return True
    if context.word == "pwd" and context.key.casefold() in ("pwd", "oldpwd"):
        return value[0] in "/~\\" or value[1:2] == ":"
    is_password = context.word.startswith("pass")
    return not is_password and bool(_LINKS.match(value) or _is_path(value))


def _is_path(value: str) -> bool:
    """Lower case throughout: a base64 secret with slashes is not."""
    is_rooted = value[0] in "/.~" or value[1:2] == ":"
    return is_rooted and bool(_PATHS.fullmatch(value))


def _is_code(value: str, context: Context) -> bool:
    """A call, a subscript, an attribute or the variable of the same name: where the secret comes from."""
    bare = value.rstrip(",;)")
    if bare.casefold() in (context.key.casefold(), context.word) or _CODE_ROOTS.fullmatch(value):
        return True
    if context.spaced and value[0] == "$" and value[1:].rstrip(";,").isidentifier():
        return True
    if "()" in value or value.endswith(("(", "[")):
        return bool(_CALLS.fullmatch(value))
    if not (context.spaced or context.prose):
        return False
    is_reference = bare.replace("_", "").replace(".", "").isalnum() and bare.casefold().endswith(context.word)
    return is_reference or bool(_CALLS.fullmatch(value))


def _is_prose(value: str, context: Context) -> bool:
    """A word of a sentence: letters only, and more words behind or the key within a sentence too."""
    word = value.strip(_PUNCTUATION + "-'")
    is_word = word.isalpha() and (word.islower() or word.istitle() or word.isupper())
    return is_word and not context.last


def _is_like_secret(value: str, context: Context) -> bool:
    if not context.quoted:
        value = value.rstrip(_PUNCTUATION)
    if _OBJECTS.fullmatch(value) or not _TOKEN_CHARACTERS.fullmatch(value):
        return False
    if _is_name(value) or (context.word == "secret" and _NAMES.fullmatch(value) and not _UUID.fullmatch(value)):
        return False
    if context.word == "auth" and (context.prose or context.spaced) and len(value) < 20:
        return False
    if any(c.isdigit() for c in value):
        return any(c.isalpha() for c in value) or len(value) >= 16
    return _is_mixed(value) or (context.word == "secret" and not context.prose)


def _is_name(value: str) -> bool:
    """Words and short numbers between separators: 'com.example.app/4505'."""
    parts = re.split(r"[^A-Za-z0-9]+", value.strip("-_./:"))
    return len(parts) > 1 and all(p.isalpha() or (p.isdigit() and len(p) < 6) for p in parts)


def _is_mixed(value: str) -> bool:
    """16 letters or more that are no camel-cased name: the case changes too often."""
    changes = sum(a.islower() != b.islower() for a, b in pairwise(value))
    return len(value) >= 16 and changes * 3 >= len(value) and "." not in value
