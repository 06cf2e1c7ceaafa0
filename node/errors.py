"""Every error that Waggle raises on purpose. Tracebacks are for bugs only.

WaggleError
├── WrongUse            what the operator gave can't work: says what to change. Exit code 2
├── BadAnswer           the work was done and the answer is bad: a failed audit. Exit code 1
├── PeerFault           a peer's: it lied, dawdled or went away. Never ends a node
│   ├── PeerUnreachable   no connection, no answer in time, closed early
│   ├── PeerRefused       it answered that it won't serve this
│   ├── PeerLied          its bytes contradict a digest or the protocol: drop it this round
│   └── BadUpdate         its update fails verification
├── InfrastructureFault the machine's or the network's: may pass, so it is tried again
│   ├── ChainUnreachable  no RPC endpoint answers
│   ├── DiskFull          the blob or database could not be written
│   └── Damaged           a blob or database on our own disk is not what was written
│       └── LostBlob        a blob, and it was dropped: peers may have it
├── LedgerRefusal       the contract refused a call; carries the custom error and its values
└── Unfit               this node must not take part in this run: other task, other arithmetic
"""

from __future__ import annotations


class WaggleError(Exception):
    """Root of all errors raised on purpose; the message is one line that names cause and remedy."""

    exit_code = 1


class WrongUse(WaggleError):
    """What the operator gave can't work; the message says what to change."""

    exit_code = 2


class BadAnswer(WaggleError):
    """The work was done, and its answer is bad: an audit that found something, an unfinished run."""


class PeerFault(WaggleError):
    """A peer's fault. Costs that peer its place in the round at most, never the node."""


class PeerUnreachable(PeerFault):
    """No connection to the peer, no answer in time, or an answer that broke off."""


class PeerRefused(PeerFault):
    """The peer answered, and won't serve what was asked for."""


class PeerLied(PeerFault):
    """The peer's bytes contradict a digest or the protocol."""


class BadUpdate(PeerFault):
    """An update that must not reach a merge; the message names the first check that failed."""


class InfrastructureFault(WaggleError):
    """The machine's or the network's fault; may pass."""


class ChainUnreachable(InfrastructureFault):
    """No RPC endpoint answers, or its answers make no sense."""


class DiskFull(InfrastructureFault):
    """There was no room for a blob or the database."""


class Damaged(InfrastructureFault):
    """Something on our own disk is not what was written; the message says which file."""


class LostBlob(Damaged):
    """A blob of ours was damaged or is gone; it was dropped, so that it can be fetched again."""


class Unfit(WaggleError):
    """This node must not take part in this run; the message says why."""

    exit_code = 2


class LedgerRefusal(WaggleError):
    """The contract refused a call.

    `name` is the custom error as in the Solidity interfaces, `values` its arguments in order.
    """

    def __init__(self, name: str, *values: object) -> None:
        self.name = name
        self.values = values
        super().__init__(f"the contract refused: {name}({', '.join(map(str, values))})")
