"""A bundle of the sample evidence."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from evidencesample import DOCUMENTS, sample_evidence

from gather_diagnostics import Evidence
from gather_diagnostics.bundle import Written, write


@pytest.fixture
def evidence(now: datetime) -> Evidence:
    return sample_evidence(now)


@pytest.fixture
def written(evidence: Evidence, tmp_path: Path) -> Written:
    return write(evidence, DOCUMENTS, tmp_path / "out")
