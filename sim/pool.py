"""Jobs in processes of this machine: each imports what it needs once and does many.

Workers leave Ctrl-C to us, are ended with the context, and leave by themselves when we are gone.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import connection as multiprocessing_connection
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, Generic, TypeVar

from sim.processes import end
from sim.signals import deferred

Job = TypeVar("Job")
Answer = TypeVar("Answer")


@dataclass(slots=True, eq=False)
class _Worker(Generic[Job, Answer]):
    process: SpawnProcess
    connection: Connection[Job, Answer]
    doing: Job | None = None


class LocalPool(Generic[Job, Answer]):
    """Workers of this machine. Made by `local_pool`."""

    def __init__(
        self,
        jobs: int,
        do: Callable[[Job], Answer],
        lost: Callable[[Job, str], Answer],
        log: Path,
    ) -> None:
        self.jobs = jobs
        self._do, self._lost, self._log = do, lost, log
        self._workers: list[_Worker[Job, Answer]] = []

    def run(self, jobs: Sequence[Job]) -> Iterator[Answer]:
        """An answer for each job, as they come. Whoever stops asking stops those that still run."""
        waiting = deque(jobs)
        try:
            while waiting or self._busy():
                self._hand_out(waiting)
                yield from self._collect()
        finally:
            self._end(self._busy())

    def close(self) -> None:
        """End all workers, whatever they do."""
        self._end(list(self._workers))

    def _busy(self) -> list[_Worker[Job, Answer]]:
        return [worker for worker in self._workers if worker.doing is not None]

    def _hand_out(self, waiting: deque[Job]) -> None:
        while len(self._workers) < min(self.jobs, len(waiting) + len(self._busy())):
            with deferred():
                self._workers.append(_start(self._do, self._log))
        for worker in self._workers:
            if waiting and worker.doing is None:
                worker.doing = waiting.popleft()
                worker.connection.send(worker.doing)

    def _collect(self) -> Iterator[Answer]:
        """Wait for answers, at least one."""
        busy = {worker.connection: worker for worker in self._busy()}
        for ready in multiprocessing_connection.wait(list(busy)):
            worker = busy[ready]  # type: ignore[index]  # those that we gave
            job, worker.doing = worker.doing, None
            assert job is not None
            try:
                answer = worker.connection.recv()
            except (EOFError, OSError):
                self._end([worker])
                answer = self._lost(job, f"its process died: {_ending(worker)}: see {self._log}")
            yield answer

    def _end(self, workers: Sequence[_Worker[Job, Answer]]) -> None:
        end([worker.process for worker in workers])
        for worker in workers:
            worker.connection.close()
            self._workers.remove(worker)


@contextmanager
def local_pool(
    jobs: int, do: Callable[[Job], Answer], lost: Callable[[Job, str], Answer], log: Path
) -> Iterator[LocalPool[Job, Answer]]:
    """A pool whose processes have all ended when the context closes.

    do: a job, in a worker. lost: the answer for a job whose process died, and why. log: what is said.
    """
    pool = LocalPool(jobs, do, lost, log)
    try:
        yield pool
    finally:
        pool.close()


def _start(do: Callable[[Job], Answer], log: Path) -> _Worker[Job, Answer]:
    # Not forked: torch and numba have threads, which a fork would lose.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, do, log), daemon=True)
    with _without_interrupts():
        process.start()
    theirs.close()
    return _Worker(process, ours)


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """What starts here never gets Ctrl-C, from its first instruction on; we get it afterwards."""
    resource_tracker.ensure_running()  # starting it would unblock the signal
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])


def _ending(worker: _Worker[Any, Any]) -> str:
    code = worker.process.exitcode or 0
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _serve(connection: Connection[Answer, Job], do: Callable[[Job], Answer], log: Path) -> None:
    """A worker's life."""
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(file, 1)
    os.dup2(file, 2)
    gc.freeze()  # what is imported by now stays: no use looking through it again and again
    while True:
        try:
            job = connection.recv()
        except EOFError:
            return
        connection.send(do(job))


def _leave_with_parent() -> None:
    """Also in the middle of a job, which may take hours."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
