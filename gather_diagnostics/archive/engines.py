"""Who does the passes: this machine's cores, or the workers of a Dask cluster.

An engine gives partials in whatever order they come. Neither writes anything to a disk but Dask's workers, which may
spill partials: those are redacted.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gather_diagnostics.archive.counting import Partial
from gather_diagnostics.archive.cuts import Part
from gather_diagnostics.archive.passing import Pass
from gather_diagnostics.errors import GatherError, InputError

if TYPE_CHECKING:
    from distributed import Client, LocalCluster

Engine = Callable[[Pass, Sequence[Part]], Iterator[Partial]]

_PATIENCE = 30
"""Seconds that a scheduler is given to answer, and again to get a worker."""
_WORKERS = {
    "MALLOC_TRIM_THRESHOLD_": 256 << 20,
    "MALLOC_MMAP_THRESHOLD_": 32 << 20,
    "MALLOC_ARENA_MAX": 1,
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "OPENBLAS_NUM_THREADS": 1,
}
"""Environment of a process that does passes: bytes that glibc's allocator keeps for the next block, for all threads and
for Arrow, too, since asking the kernel for each array anew costs page faults (with Dask's own settings as much again as
the pass: benchmarks/scale.py); and no threads for matrices, which spin while there are none."""


def local(work: Pass, parts: Sequence[Part]) -> Iterator[Partial]:
    """A process for each core; a single part, or core, is done here. Raises GatherError where a process died."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor, as_completed
    from concurrent.futures.process import BrokenProcessPool

    cores = min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, len(parts))
    if cores < 2:
        yield from map(work, parts)
        return
    # Arrow's threads do not survive a fork.
    pool = ProcessPoolExecutor(cores, multiprocessing.get_context("spawn"))
    try:
        with _environment(_WORKERS):
            # Nobody else holds the futures: a partial's memory goes with its turn.
            done = as_completed([pool.submit(work, part) for part in parts])
        for future in done:
            yield future.result()
    except BrokenProcessPool as error:
        raise GatherError(
            "a process that read the archive was killed, most likely for want of memory:"
            " ask for a shorter time with --at or --from, or use --engine dask with more machines"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _environment(values: Mapping[str, object]) -> Iterator[None]:
    """Processes that are started meanwhile get these variables, where nobody has set them."""
    new = {name: str(value) for name, value in values.items() if name not in os.environ}
    os.environ.update(new)
    try:
        yield
    finally:
        for name in new:
            del os.environ[name]


def dask(scheduler: str = "") -> Engine:
    """The workers of the scheduler at that address; without one, a cluster of this machine's cores, on loopback.

    Raises InputError where Dask is not installed. The engine raises it where the scheduler can't be reached or has no
    workers, and GatherError where a part killed several workers. A worker lost on the way is made good by others.
    """
    try:
        import distributed
    except ImportError as error:
        raise InputError("--engine dask needs Dask: pip install 'gather-diagnostics[dask]'") from error

    def engine(work: Pass, parts: Sequence[Part]) -> Iterator[Partial]:
        with _connected(scheduler) as client:
            try:
                # No key by content: it would be a hash of the redactors' key.
                futures = client.map(work, parts, pure=False)
                for future, partial in distributed.as_completed(futures, with_results=True):  # type: ignore[no-untyped-call]
                    yield partial
                    future.release()
            except distributed.scheduler.KilledWorker as error:
                raise GatherError(
                    "a part of the archive killed one worker after the other, most likely for want of memory:"
                    f" give workers more of it ({error})"
                ) from error

    return engine


def on_loopback(workers: int | None = None) -> LocalCluster:
    """A cluster of this machine, a worker for each core unless told otherwise; a context manager."""
    import dask.config
    from distributed import LocalCluster

    where = "distributed.nanny.pre-spawn-environ"
    with dask.config.set({where: {**dask.config.get(where), **_WORKERS}}):
        return LocalCluster(  # type: ignore[no-untyped-call]
            host="127.0.0.1", n_workers=workers, threads_per_worker=1, dashboard_address="127.0.0.1:0"
        )


@contextmanager
def _connected(scheduler: str) -> Iterator[Client]:
    from distributed import Client

    if not scheduler:
        with on_loopback() as cluster, Client(cluster) as client:  # type: ignore[no-untyped-call]
            yield client
        return
    try:
        client = Client(scheduler, timeout=_PATIENCE)  # type: ignore[no-untyped-call]
        client.wait_for_workers(1, timeout=_PATIENCE)
    except (OSError, ValueError) as error:
        raise InputError(
            f"--scheduler {scheduler}: no Dask scheduler with workers answers there ({error});"
            " start one with: dask scheduler, and dask worker ADDRESS"
        ) from error
    with client:
        yield client
