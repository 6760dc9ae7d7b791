"""Blameless: who made a change, or did something, is no part of the story. Names of persons are left out of every text.

Known are the names that the evidence itself calls persons: authors of changes, people who are mentioned in commits, and
names that stand before an e-mail address. Changes are told by their subject and hash.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from gather_diagnostics.model import Evidence
from gather_diagnostics.redaction.renaming.finding import Found, find
from gather_diagnostics.tables import JOURNAL

SOMEONE = "someone"
_BEFORE = re.compile(r"^(?:[a-z]\S* )+(?=[^\W\d_a-z])")
"""Words of the sentence that a name before an e-mail address stands in: 'with Ada Lovelace <ada@...>'."""
_PART = re.compile(r"[^\W\d_]{3,}")


@dataclass(frozen=True, slots=True)
class Names:
    """What takes names of persons out of texts."""

    whole: re.Pattern[str] | None
    parts: re.Pattern[str] | None
    """First and last names alone, as people write them in notes."""

    def without(self, text: str, *, note: bool = False) -> str:
        """'“Pool” by Amara Okafor changed it' becomes '“Pool” changed it'; elsewhere 'someone' stands for the name.

        `note`: people wrote it, so that a first name alone means one of them.
        """
        for pattern in (self.whole, self.parts if note else None):
            text = pattern.sub(lambda match: "" if match["by"] else SOMEONE, text) if pattern else text
        return text


def names(evidences: Iterable[Evidence]) -> Names:
    """Those of all the bundles of an incident."""
    whole: set[str] = set()
    parts: set[str] = set()
    for evidence in evidences:
        found = _found(evidence)
        known = {name for name in found.names["person"] if found.is_distinct(name) and name != evidence.request.owner}
        whole |= {_BEFORE.sub("", name) for name in known} | {
            mail for name in known for mail in found.mails.get(name, ())
        }
        parts |= {
            part for name in known if " " in name for part in _PART.findall(name)
            if part[0].isupper() and found.is_distinct(part)
        }  # fmt: skip
    return Names(_pattern(whole), _pattern(parts))


def _found(evidence: Evidence) -> Found:
    """Logs are left out: whom they name are users, and they are many."""
    tables = {name: frame for name, frame in evidence.tables.items() if name in ("changes", JOURNAL)}
    texts = [finding.headline for finding in evidence.findings]
    if JOURNAL in tables:
        texts += [text for column in ("title", "answer") for text in tables[JOURNAL][column].dropna()]
    return find(replace(evidence, tables=tables), texts)


def _pattern(names: set[str]) -> re.Pattern[str] | None:
    if not names:
        return None
    longest_first = "|".join(re.escape(name) for name in sorted(names, key=lambda n: (-len(n), n)))
    return re.compile(rf"(?P<by>,? by )?(?<![\w.-])@?(?:{longest_first})(?: <[^<>\s]{{1,256}}>)?(?![\w@-])")
