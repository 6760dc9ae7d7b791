"""Names to stand-ins in any text: in messages, JSON, URLs with their percent signs, patches."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote_plus, unquote_plus

from gather_diagnostics.redaction import rules, shapes
from gather_diagnostics.redaction.patterns import PLACEHOLDER
from gather_diagnostics.redaction.renaming import finding, words
from gather_diagnostics.redaction.renaming.standins import MAIL_DOMAIN, Kind, StandIns

_WORD = re.compile(r"%[0-9A-Fa-f]{2}|\\[nrtbf]|[^\W_]+")
"""Escapes are no part of the word behind them."""
_PERCENT = re.compile(r"[^\s&?=/#\"'<>]*%[0-9A-Fa-f]{2}[^\s&?=/#\"'<>]*", re.ASCII)
_SPECIAL = re.compile(r"127\.|0\.0\.0\.0$|255\.255\.|169\.254\.169\.254$|::1?$")
"""Addresses that are everybody's: loopback, any, broadcast, the cloud's metadata."""
_PARTS = re.compile(r"[^\W\d_]{3,40}")


class _Swap(NamedTuple):
    start: int
    end: int
    by: str


class Renamer:
    """Replaces the names that were found, and what its looks give away. The same name is the same in every text."""

    def __init__(self, found: finding.Found, stand_ins: StandIns) -> None:
        self._found = found
        self._stand_ins = stand_ins
        self._known: dict[str, list[tuple[str, str, bool]]] = {}
        self._seen: dict[str, str] = {}
        self._parts: set[str] = set()
        shared = Counter(part.casefold() for name in found.mails for part in set(_PARTS.findall(name)))
        self._shared_parts = {part for part, times in shared.items() if times > 1}
        # Those whose addresses are known come first: a lone 'Dana' is one of them.
        for person in sorted(found.names["person"], key=lambda name: (name not in found.mails, name)):
            self._learn_person(person)
        for kind in ("tenant", "host", "account"):
            for name in sorted(found.names[kind]):
                if found.is_distinct(name) or kind == "account":
                    self._learn(name, stand_ins.of(kind, name))

    def text(self, text: str) -> str:
        """The text with stand-ins for names; twice is as once."""
        if text not in self._seen:
            shown = _PERCENT.sub(self._unescaped, text) if "%" in text else text
            self._seen[text] = self._renamed(shown)
        return self._seen[text]

    def cell(self, text: str, kind: Kind | None) -> str:
        """The text as one name, where its column or key says so; else as any text."""
        if kind is None:
            return self.text(text)
        if kind == "person" and (whole := words.PERSON_WITH_MAIL.fullmatch(text)):
            person = (
                self._stand_ins.of("person", whole["name"]) if self._found.is_name(whole["name"]) else whole["name"]
            )
            return f"{person} <{self.text(whole['mail'])}>"
        if kind == "host":
            shown = self.text(text)
            return shown if shown != text else self._host_cell(text)
        return self._one(kind, text)

    def json(self, text: str) -> str:
        """JSON text: each string by its key. What is no JSON is a text."""
        try:
            value = json.loads(text)
        except ValueError:
            return self.text(text)
        clean = self.value(value)
        return text if clean == value else json.dumps(clean, sort_keys=True, ensure_ascii=False)

    def value(self, value: Any, key: str = "") -> Any:
        match value:
            case str():
                return self.cell(value, words.key_kind(key))
            case int() if not isinstance(value, bool) and (kind := words.key_kind(key)):
                return self._one(kind, str(value))
            case Mapping():
                return {self.text(str(k)): self.value(v, str(k)) for k, v in value.items()}
            case list() | tuple():
                return [self.value(v, key) for v in value]
        return value

    def shows(self, text: str) -> bool:
        """Whether a name that is replaced everywhere can still be read."""
        return any(True for _ in self._names(text))

    def _one(self, kind: Kind, name: str) -> str:
        shown = self.text(name)
        if shown != name or not self._found.is_name(name) or "\n" in name or len(name) > 128:
            return shown
        return self._stand_ins.of(kind, name)

    def _host_cell(self, text: str) -> str:
        bare, colon, port = text.partition(":")
        is_host = re.fullmatch(r"[A-Za-z][\w-]{0,62}", bare, re.ASCII) and re.search(r"[0-9-]", bare)
        if not is_host or self._found.is_pod(bare) or not self._found.is_name(bare):
            return text
        return self._stand_ins.of("host", bare) + colon + port

    def _learn_person(self, name: str) -> None:
        """A person's forms: the whole name, the login of the address, the name as a login, its parts."""
        if not self._found.is_distinct(name) or name in self._parts:
            return
        stand_in = self._stand_ins.of("person", name)
        self._learn(name, stand_in)
        parts = _PARTS.findall(name)
        for mail in sorted(self._found.mails.get(name, ())):
            self._stand_ins.same("person", name, mail)
            login = mail.partition("@")[0]
            if self._found.is_distinct(login) and login.casefold() not in ("git", "noreply", "no-reply"):
                self._stand_ins.same("person", name, login)
                self._learn(login, stand_in)
        if len(parts) < 2 or not all(self._found.is_name(part) for part in parts):
            return  # a bot, a team: its words are everybody's
        for form in (*(s.join(parts) for s in ("", ".", "-", "_")), f"{parts[-1]}, {parts[0]}"):
            self._learn(form, stand_in)
        for part in parts:
            if part.casefold() not in self._shared_parts:
                self._parts.add(part)
                self._stand_ins.same("person", name, part)
                self._learn(part, stand_in, exact=True)

    def _learn(self, name: str, by: str, *, exact: bool = False) -> None:
        first = _WORD.search(name)
        if first and first.start() == 0:
            known = self._known.setdefault(first[0].lower(), [])
            if all(name != other for other, _, _ in known):
                known.append((name, by, exact))
                known.sort(key=lambda entry: -len(entry[0]))

    def _unescaped(self, part: re.Match[str]) -> str:
        plain = unquote_plus(part[0])
        shown = self._renamed(plain)
        return part[0] if shown == plain else quote_plus(shown, safe="~*()")

    def _renamed(self, text: str) -> str:
        kept = [(found.start(), found.end()) for found in PLACEHOLDER.finditer(text)] if "[redacted:" in text else []
        swaps = sorted(self._swaps(text), key=lambda s: (s.start, -s.end))
        parts, position = [], 0
        for swap in swaps:
            if swap.start < position or any(a < swap.end and swap.start < b for a, b in kept):
                continue
            parts += [text[position : swap.start], swap.by]
            position = swap.end
        return "".join([*parts, text[position:]])

    def _swaps(self, text: str) -> Iterator[_Swap]:
        yield from self._mails(text)
        yield from self._addresses(text)
        yield from self._hosts(text)
        yield from self._names(text)
        yield from self._keyed(text)

    def _mails(self, text: str) -> Iterator[_Swap]:
        if "@" not in text:
            return
        for mail in words.MAIL.finditer(text):
            login, _, domain = mail[0].partition("@")
            if login != "git" and not (domain == MAIL_DOMAIN and self._stand_ins.is_ours(login)):
                yield _Swap(*mail.span(), f"{self._stand_ins.of('person', mail[0])}@{MAIL_DOMAIN}")

    def _addresses(self, text: str) -> Iterator[_Swap]:
        if text.count(".") < 3 and text.count(":") < 2:
            return
        for span in shapes.spans_of(text, rules.ADDRESSES):
            address = text[span.start : span.end]
            if not _SPECIAL.match(address) and any(c.isdigit() for c in address):
                yield _Swap(span.start, span.end, self._stand_ins.of("address", address))

    def _hosts(self, text: str) -> Iterator[_Swap]:
        if "." not in text and "://" not in text and "@" not in text and "ip-" not in text:
            return
        for host in words.DOMAIN_NAME.finditer(text):
            yield from self._host(host[0], host.start())
        for host in words.AUTHORITY.finditer(text):
            yield from self._host(host["name"], host.start("name"))
        for host in words.MACHINE.finditer(text):
            yield _Swap(*host.span(), self._stand_ins.of("host", host[0]))

    def _host(self, name: str, start: int) -> Iterator[_Swap]:
        lowered = name.lower()
        if lowered.endswith(words.CLUSTER) or name.replace(".", "").isdigit() or self._is_own_host(lowered):
            return
        first, _, domain = name.partition(".")
        if not domain:
            if self._found.is_name(name) and not self._found.is_pod(name):
                yield _Swap(start, start + len(name), self._stand_ins.of("host", name))
            return
        if self._found.is_pod(first):  # a service is found by its host's first label
            by = f"{first}.{self._stand_ins.of('host', domain)}.example"
        elif first.casefold() in (n.casefold() for n in self._found.names["host"]):
            self._stand_ins.same("host", first, name)
            by = f"{self._stand_ins.of('host', first)}.example"
        else:
            by = f"{self._stand_ins.of('host', name)}.example"
        yield _Swap(start, start + len(name), self._stand_ins.derived(by))

    def _is_own_host(self, name: str) -> bool:
        return name == MAIL_DOMAIN or self._stand_ins.is_ours(name)

    def _names(self, text: str) -> Iterator[_Swap]:
        """Known names, as whole words."""
        position = 0
        for word in _WORD.finditer(text):
            if word.start() < position:
                continue
            for name, by, exact in self._known.get(word[0].lower(), ()):
                end = word.start() + len(name)
                there = text[word.start() : end]
                is_same = there == name if exact else there.lower() == name.lower()
                if is_same and not text[end : end + 1].isalnum():
                    yield _Swap(word.start(), end, by)
                    position = end
                    break

    def _keyed(self, text: str) -> Iterator[_Swap]:
        """What a text calls a person, a host or a tenant, also where the word alone would say nothing."""
        for kind, name, start in finding.keyed_at(text):
            if not self._found.is_name(name) or self._stand_ins.is_ours(name):
                continue
            if kind == "host":
                shown = self._host_cell(name)
                if shown != name:
                    yield _Swap(start, start + len(name), shown)
            elif not any(c in name for c in "@/.") or self._found.is_distinct(name):
                yield _Swap(start, start + len(name), self._stand_ins.of(kind, name))
