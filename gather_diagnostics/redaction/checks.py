"""What a pattern can't say: checksums, and what a URL's parts mean. Each takes a match of its rule."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re

_PORT = re.compile(r"[0-9]{1,5}(?:$|[/?#])", re.ASCII)
_DIGEST = re.compile(r"sha(?:256|384|512)?", re.ASCII)

_ISSUERS: tuple[tuple[int, int, frozenset[int]], ...] = (
    (4, 4, frozenset({13, 16, 19})),  # Visa
    (51, 55, frozenset({16})),  # Mastercard
    (2221, 2720, frozenset({16})),  # Mastercard
    (34, 34, frozenset({15})),  # American Express
    (37, 37, frozenset({15})),
    (300, 305, frozenset({14, 16})),  # Diners Club
    (36, 36, frozenset({14, 16})),
    (38, 39, frozenset({14, 16})),
    (6011, 6011, frozenset({16, 19})),  # Discover
    (644, 659, frozenset({16, 19})),
    (3528, 3589, frozenset({16, 19})),  # JCB
    (62, 62, frozenset({16, 19})),  # UnionPay
    (5018, 5018, frozenset({16, 18, 19})),  # Maestro
    (5020, 5020, frozenset({16, 18, 19})),
    (5038, 5038, frozenset({16, 18, 19})),
    (6304, 6304, frozenset({16, 18, 19})),
    (6759, 6763, frozenset({16, 18, 19})),
)
"""First and last prefix and the lengths issued under it (ISO/IEC 7812; the networks' published ranges)."""


def taken(match: re.Match[str]) -> str:
    """What the rule would replace."""
    return match[match_group(match)]


def match_group(match: re.Match[str]) -> str | int:
    return "secret" if "secret" in match.re.groupindex else 0


def has_digit(match: re.Match[str]) -> bool:
    return any(c.isdigit() for c in taken(match))


def has_letter_and_digit(match: re.Match[str]) -> bool:
    """Prose after 'Bearer' has no digits, a port or a count has no letters."""
    value = taken(match)
    return any(c.isdigit() for c in value) and any(c.isalpha() for c in value)


def is_mixed(match: re.Match[str]) -> bool:
    """Upper and lower case and digits, as random characters have."""
    return _is_mixed(taken(match))


def _is_mixed(value: str) -> bool:
    return any(c.isupper() for c in value) and any(c.islower() for c in value) and any(c.isdigit() for c in value)


def is_open(match: re.Match[str]) -> bool:
    """Not a variable or a mask that stands where the secret will be."""
    value = taken(match)
    is_named = value.startswith("[") and value.endswith("]")
    return bool(value.strip("*xX•.")) and not is_named and not value.startswith(("$", "{", "<", "%s", "%("))


_STAND_INS = frozenset({"password", "passwd", "pass", "pwd", "token", "secret", "test", "changeme", "changeit"})


def is_typed(match: re.Match[str]) -> bool:
    """Somebody's password, not the word that a manual has in its place."""
    return is_open(match) and taken(match).strip("<>").casefold() not in _STAND_INS


def is_flag_value(match: re.Match[str]) -> bool:
    """`mysql -p shop` asks for the password and 'shop' is the database; `redis-cli -p 6379` is a port."""
    value = taken(match)
    is_apart = match[0][: -len(value)].endswith((" ", "\t"))
    return is_open(match) and not value.isdigit() and not (is_apart and match[0].startswith(("mysql", "mariadb")))


def is_url_password(match: re.Match[str]) -> bool:
    """Not a port with a path behind it ('//host:80/a@b'), nor an image with its digest ('//nginx:1@sha256:..')."""
    value = taken(match)
    rest = match.string[match.end("secret") + 1 : match.end("secret") + 8]
    is_path = any(c in value for c in "/?#") and _PORT.match(value)
    return is_open(match) and not is_path and not _is_digest(rest)


def _is_digest(rest: str) -> bool:
    return bool(_DIGEST.match(rest)) and ":" in rest


def is_user_and_password(match: re.Match[str]) -> bool:
    """Base64 of 'user:password' in printable ASCII."""
    value = taken(match)
    try:
        pair = base64.b64decode(value + "=" * (-len(value) % 4), validate=True)
    except binascii.Error:
        return False
    return b":" in pair and all(32 <= byte < 127 for byte in pair)


def is_base64_line(match: re.Match[str]) -> bool:
    """Bytes that are random have upper and lower case and digits; a path, a word or a hex digest lacks one."""
    return _is_mixed(match[0])


def is_card_number(match: re.Match[str]) -> bool:
    """Luhn's checksum (ISO/IEC 7812-1 annex B), a known issuer, and not part of a longer number or id."""
    digits = re.sub("[ +-]|%20", "", match[0])
    return not _is_part(match) and _is_issued(digits) and _luhn([int(c) for c in digits])


def _is_part(match: re.Match[str]) -> bool:
    before = match.string[max(match.start() - 2, 0) : match.start()]
    after = match.string[match.end() : match.end() + 2]
    return _joins(before[::-1]) or _joins(after)


def _joins(next_two: str) -> bool:
    """Whether a neighbour continues the number: '.5', '-7', ':0' do, a full stop does not."""
    return len(next_two) == 2 and next_two[0] in ".-:/@_" and next_two[1].isalnum()


def _is_issued(digits: str) -> bool:
    return any(
        len(digits) in lengths and first <= int(digits[: len(str(first))]) <= last for first, last, lengths in _ISSUERS
    )


def _luhn(digits: list[int]) -> bool:
    doubled = (d * 2 - 9 if d > 4 else d * 2 for d in digits[-2::-2])
    return len(set(digits)) > 1 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def is_address(match: re.Match[str]) -> bool:
    """An IPv4 or IPv6 address on its own; a time of day ('10:15:00') or a name ('abc::add') is none."""
    before = match.string[max(match.start() - 1, 0) : match.start()]
    after = match.string[match.end() : match.end() + 1]
    if before.isalnum() or after.isalnum() or not has_digit(match):
        return False
    try:
        ipaddress.ip_address(match[0])
    except ValueError:
        return False
    return True
