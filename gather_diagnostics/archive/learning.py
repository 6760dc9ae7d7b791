"""What was learned about shapes of lines: their plans, and what their lines are called by."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gather_diagnostics.archive import plans
from gather_diagnostics.archive.plans import NAMED, Plan, PlanArrays, Probe
from gather_diagnostics.archive.shapes import strings, without_hex
from gather_diagnostics.logparse import Context, singles, stamps
from gather_diagnostics.logparse.arrays import ranges
from gather_diagnostics.patterns import masks

if TYPE_CHECKING:
    import pyarrow as pa

    from gather_diagnostics.redaction import Redactor

MOST_SHAPES = 50_000
"""Shapes remembered, some 50 MB as lines mostly are, 400 MB at most; then lines of new ones go through the parser."""
LONGEST = 4_000
"""Characters of a shape that is remembered: few lines are longer, and memory has to end somewhere."""
WORTH = 8
"""Lines from which on a shape gets a plan: making one takes as long as parsing so many."""
MOST_NAMES = 200_000
MOST_KEYS = 500
"""Ways in which what is told by digits may differ within one shape; beyond, its lines go through the parser."""
NONE = -1
"""For a shape or key: its lines go through the parser."""
_OPEN = -2
_REDACTED = ("message", "labels", "endpoint", "service", "instance", "tenant", "trace_id", "request_id")


class Prober:
    """Has single lines parsed and looked through for secrets."""

    def __init__(self, context: Context, redactor: Redactor) -> None:
        self._context = context
        self._redactor = redactor
        self._enough = re.compile(redactor.digits_enough, re.ASCII)

    def plans(self, probes: Sequence[Probe | None]) -> list[Plan | None]:
        """The plan that each line gives."""
        found = iter(plans.made([probe for probe in probes if probe], self._context, self._enough))
        return [next(found) if probe else None for probe in probes]

    def probes(self, lines: pa.Array, shapes: Sequence[str]) -> list[Probe | None]:
        """What the parser makes of each of these lines alone; None where it is no record of its own, or not clean."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        told = singles(lines, self._context)
        found: list[Probe | None] = [None] * len(lines)
        told = told.filter(pc.is_valid(told["time"])).combine_chunks()
        index = told["index"].to_numpy()
        columns = [pc.fill_null(told[name].combine_chunks(), "") for name in _REDACTED]
        # Arrow compiles patterns on every call, which for a few lines is most of the work: so one call for all.
        suspect = self._redactor.suspects(pa.concat_arrays([lines, *columns])).to_numpy(zero_copy_only=False)
        whole, *fields = np.split(suspect, len(lines) + len(index) * np.arange(len(columns)))
        # A trace is kept word for word wherever it occurs (`counting`).
        many = pc.match_substring(told["message"], "\n").to_numpy()
        dirty = np.logical_or.reduce([whole[index], *fields, many])
        told = told.append_column("template", masks(told["message"].combine_chunks()))
        micros = told["time"].to_numpy()
        messages = told["message"].to_pylist()
        texts = lines.to_pylist()
        named = list(zip(*(told[name].to_pylist() for name in NAMED), strict=True))
        for row in np.flatnonzero(~dirty).tolist():
            at = int(index[row])
            found[at] = Probe(texts[at], shapes[at], int(micros[row]), messages[row], named[row])
        return found


@dataclass
class Known:
    """It holds for every part of every archive, as long as the zone and what is redacted are the same."""

    plans: list[Plan] = field(default_factory=list)
    named: list[tuple[str | None, ...]] = field(default_factory=list)
    """NAMED of lines that are called the same; service and instance are None where the line says none."""
    _keys: list[dict[str, int]] = field(default_factory=list)
    """For each plan: what stands in the telling places to the number in `named`, or NONE."""
    _shapes: dict[str, int] = field(default_factory=dict)
    """By shape, `without_hex`; its number in `plans`, or NONE."""
    _short: tuple[list[pa.Array], list[Any]] = field(default_factory=lambda: ([], []))
    """The same of those seen often, by shape with its hexadecimal letters: the shapes, and the numbers (int64), in
    arrays of as many."""
    _seen: dict[str, int] = field(default_factory=dict)
    """Lines met so far of shapes that are not worth a plan yet."""
    _places: PlanArrays | None = None

    @property
    def places(self) -> PlanArrays:
        """All plans as arrays; made anew only when there are more of them."""
        if self._places is None or self._places.count != len(self.plans):
            self._places = PlanArrays(self.plans)
        return self._places

    def shapes(self, texts: pa.Array, prober: Prober) -> Any:
        """The number of each line's plan, or NONE (int64)."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        encoded = stamps.shaped(texts).dictionary_encode()
        codes = encoded.indices.to_numpy()
        counts = np.bincount(codes, minlength=len(encoded.dictionary))
        found = self._remembered(encoded.dictionary)
        new = np.flatnonzero(found == _OPEN)
        if len(new):
            shorter = encoded.dictionary.take(pa.array(new))
            canonical = without_hex(shorter).dictionary_encode()
            which = canonical.indices.to_numpy()
            lines = np.bincount(which, weights=counts[new], minlength=len(canonical.dictionary))
            spread = np.full(len(counts), -1)
            spread[new] = which
            numbers = self._learned(texts, spread[codes], canonical.dictionary.to_pylist(), lines, prober)
            found[new] = numbers[which]
            often = np.flatnonzero((counts[new] > 1) & (found[new] > _OPEN))
            if len(often) and sum(map(len, self._short[1])) < MOST_SHAPES:
                self._short[0].append(pc.take(shorter, pa.array(often)))
                self._short[1].append(found[new[often]])
        return np.maximum(found, NONE)[codes]

    def _remembered(self, shapes: pa.Array) -> Any:
        """The number of each of these, hexadecimal letters and all, or _OPEN."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        names, numbers = self._short
        if not names:
            return np.full(len(shapes), _OPEN)
        if len(names) > 1:
            names[:], numbers[:] = [pa.concat_arrays(names)], [np.concatenate(numbers)]
        place = pc.fill_null(pc.index_in(shapes, value_set=names[0]), -1).to_numpy()
        return np.where(place < 0, _OPEN, numbers[0][place])

    def _learned(self, texts: pa.Array, which: Any, shapes: list[str], lines: Any, prober: Prober) -> Any:
        """The number of each shape's plan, NONE, or _OPEN where that is open; `which` shape each line has, or -1."""
        import numpy as np

        found = np.array([self._shapes.get(shape, _OPEN) for shape in shapes], np.int64)
        new = np.flatnonzero(found == _OPEN)
        again = np.array([self._is_worth_it(shapes[n], int(lines[n])) for n in new.tolist()], bool)
        room = max(MOST_SHAPES - len(self._shapes), 0)
        for number, (plan, probes) in _planned(texts, which, shapes, new[again][:room], prober).items():
            self._seen.pop(shapes[number], None)
            found[number] = NONE if plan is None else len(self.plans)
            self._shapes[shapes[number]] = int(found[number])
            if plan is not None:
                self.plans.append(plan)
                self._keys.append({})
                for probe in probes:
                    self._learn(len(self.plans) - 1, plan.told(probe.text), probe)
        return found

    def _is_worth_it(self, shape: str, lines: int) -> bool:
        if len(shape) > LONGEST:
            return False
        if len(self._seen) > MOST_SHAPES:
            self._seen.clear()
        self._seen[shape] = self._seen.get(shape, 0) + lines
        return self._seen[shape] >= WORTH

    def keys(self, texts: pa.Array, lines: Any, raw: Any, starts: Any, plan: Any, prober: Prober) -> Any:
        """What each of these `lines` of `texts` is called by: the number in `named`, or NONE. The line begins at
        `starts` in `raw` and has the plan of that number."""
        import numpy as np
        import pyarrow as pa

        at, sizes, line = self.places.telling.of(starts, plan)
        lengths = np.bincount(line, weights=sizes, minlength=len(starts)).astype(np.int64)
        told = strings(raw[ranges(at, sizes)], np.append(0, np.cumsum(lengths))).dictionary_encode()
        values = told.dictionary.to_pylist()
        both = pa.array(plan * max(len(values), 1) + told.indices.to_numpy()).dictionary_encode()
        back = both.indices.to_numpy()
        pairs = [(number // len(values), values[number % len(values)]) for number in both.dictionary.to_pylist()]
        new = [n for n, (number, value) in enumerate(pairs) if self._is_new(number, value)]
        if new:
            first = np.empty(len(pairs), np.int64)
            first[back[::-1]] = np.arange(len(back))[::-1]
            for n, probe in zip(
                new, prober.probes(texts.take(pa.array(lines[first[new]])), [""] * len(new)), strict=True
            ):
                self._learn(*pairs[n], probe)
        return np.array([self._keys[number].get(value, NONE) for number, value in pairs], np.int64)[back]

    def _is_new(self, plan: int, value: str) -> bool:
        return value not in self._keys[plan] and len(self._keys[plan]) < MOST_KEYS and len(self.named) < MOST_NAMES

    def _learn(self, plan: int, value: str, probe: Probe | None) -> None:
        if value in self._keys[plan]:
            return
        self._keys[plan][value] = NONE if probe is None else len(self.named)
        if probe is not None:
            self.named.append(probe.named)


def _planned(
    texts: pa.Array, which: Any, shapes: list[str], new: Any, prober: Prober
) -> dict[int, tuple[Plan | None, list[Probe]]]:
    """Plans of the new shapes, each read off its first line and held against its last, and these lines."""
    import numpy as np
    import pyarrow as pa

    if not len(new):
        return {}
    position = np.arange(len(which))
    first, last = np.zeros(len(shapes) + 1, np.int64), np.zeros(len(shapes) + 1, np.int64)
    first[which[::-1]] = position[::-1]
    last[which] = position
    names = [shapes[number] for number in new.tolist()]
    probes = prober.probes(texts.take(pa.array(np.concatenate([first[new], last[new]]))), [*names, *names])
    both = prober.plans(probes)
    made: dict[int, tuple[Plan | None, list[Probe]]] = {}
    for place, number in enumerate(new.tolist()):
        plan, other = both[place], both[place + len(new)]
        if plan is not None and plan == other:
            sound = [probe for probe in (probes[place], probes[place + len(new)]) if probe and plan.fits(probe.text)]
            called = {(plan.told(probe.text), probe.named) for probe in sound}
            if len(called) == len({told for told, _ in called}):
                made[number] = (plan, sound)
                continue
        made[number] = (None, [])
    return made
