"""The same archive read by one process, by Dask's workers, and by workers of which one is killed: the same rows."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest
from archivework import START, lines_of, run, same_key, write
from servers.daskcluster import Cluster, cluster

from gather_diagnostics import Evidence, Request
from gather_diagnostics.archive import engines
from gather_diagnostics.archive.counting import Partial
from gather_diagnostics.archive.cuts import Part
from gather_diagnostics.archive.passing import Pass
from gather_diagnostics.errors import InputError
from gather_diagnostics.selection import lines_in

BLOCK = 5_000
"""Bytes: some forty parts of the archive's plain file."""


@pytest.fixture
def request_(make_request, monkeypatch) -> Request:
    same_key(monkeypatch)
    return make_request("shop", now=START + timedelta(hours=2))


@pytest.fixture(scope="module")
def dask() -> Iterator[Cluster]:
    with cluster(workers=3) as running:
        yield running


def same(one: Evidence, other: Evidence) -> None:
    """Row by row, and all that is said about them."""
    pd.testing.assert_frame_equal(lines_of(one), lines_of(other))
    assert (one.request, one.gaps, one.redactions) == (other.request, other.gaps, other.redactions)
    assert one.coverage[0].targets == other.coverage[0].targets


@pytest.mark.slow
def test_dask_gives_the_rows_of_one_process(tmp_path: Path, request_: Request, dask: Cluster) -> None:
    folder = write(tmp_path / "logs")
    (folder / "bad.log.gz").write_bytes((folder / "old" / "web-2.log.1.gz").read_bytes()[:3000])
    one = run(folder, request_)
    assert lines_in(lines_of(one)) > 6300
    same(run(folder, request_, engines.dask(dask.address), block=BLOCK), one)


@pytest.mark.slow
def test_a_killed_worker_changes_nothing(tmp_path: Path, request_: Request) -> None:
    from distributed import Client

    folder = write(tmp_path / "logs", lines=4000)
    lost: list[str] = []

    def interrupted(dask_scheduler: object) -> list[str]:
        """Parts that were under way or done on a worker when it was lost."""
        return [
            str(key)
            for key, start, finish, _, stimulus, *_ in dask_scheduler.transition_log  # type: ignore[attr-defined]
            if start in ("processing", "memory") and finish == "released" and "worker" in stimulus
        ]

    with cluster(workers=3) as dask:

        def engine(work: Pass, parts: Sequence[Part]) -> Iterator[Partial]:
            assert len(parts) > 60
            for done, partial in enumerate(engines.dask(dask.address)(work, parts)):
                if done == 6:
                    dask.kill(1)
                yield partial
            with Client(dask.address) as client:
                assert len(client.scheduler_info()["workers"]) == 2
                lost.extend(client.run_on_scheduler(interrupted))

        survived = run(folder, request_, engine, block=BLOCK)
    assert lost, "the worker had parts when it was killed"
    same(survived, run(folder, request_))


@pytest.mark.slow
def test_dask_without_a_scheduler_is_a_cluster_of_its_own(tmp_path: Path, request_: Request) -> None:
    folder = write(tmp_path / "logs", lines=300)
    same(run(folder, request_, engines.dask(), block=BLOCK), run(folder, request_))


@pytest.mark.slow
def test_processes_of_this_machine_give_the_rows_of_one_and_leave_the_environment(
    tmp_path: Path, request_: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    folder, before = write(tmp_path / "logs", lines=300), dict(os.environ)
    same(run(folder, request_, engines.local, block=BLOCK), run(folder, request_))
    assert dict(os.environ) == before


def test_what_the_environment_says_already_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALLOC_ARENA_MAX", "7")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    with engines._environment(engines._WORKERS):
        assert (os.environ["MALLOC_ARENA_MAX"], os.environ["OPENBLAS_NUM_THREADS"]) == ("7", "1")
    assert os.environ["MALLOC_ARENA_MAX"] == "7"
    assert "OPENBLAS_NUM_THREADS" not in os.environ


def test_a_scheduler_that_is_not_there_is_one_sentence(tmp_path: Path, request_: Request, monkeypatch) -> None:
    monkeypatch.setattr(engines, "_PATIENCE", 0.5)
    with pytest.raises(InputError, match=r"--scheduler tcp://127\.0\.0\.1:1: no Dask scheduler"):
        run(write(tmp_path / "logs", lines=10), request_, engines.dask("tcp://127.0.0.1:1"))


def test_without_dask_one_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"pip install 'gather-diagnostics\[dask\]'"):
        engines.dask()
