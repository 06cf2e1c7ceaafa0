// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { IRounds } from "../interfaces/IRounds.sol";
import { Bits } from "./Bits.sol";
import { Counter } from "./Counter.sol";

/// @notice A member's place in a run.
struct Seat {
    // slot 0
    uint8 number;
    bool taken;
    /// How often it asked to be waited for again.
    uint8 comebacks;
    /// Cumulative privacy declared spent.
    uint64 privacy;
    /// The first round whose roster has it.
    uint32 rosterFrom;
    /// The round from which it is, or will be, waited for; past once it has been benched.
    uint32 waitedFrom;
    // slot 1: only of this round if the seat is in `committed`
    Bits commitment;
}

/// @notice All that the ledger keeps of a run. Bitmaps are by seat, and what belongs to a round is
/// used again by the next one.
struct Run {
    // slot 0: read by every call, written when a phase closes
    IRounds.Phase phase;
    uint8 f;
    uint8 quorum;
    uint16 entered;
    uint16 seats;
    uint16 minInputs;
    uint16 joinDelay;
    uint32 round;
    uint32 rounds;
    uint40 deadline;
    uint64 privacyBudget;
    // slot 1: read when a phase closes
    uint24 enterSeconds;
    uint24 commitSeconds;
    uint24 revealSeconds;
    uint24 holdSeconds;
    uint24 attestSeconds;
    // slot 2
    bytes32 base;
    // slot 3: the chain of seeds, moved on whenever a reveal phase closes
    Bits seed;
    // slot 4: XOR of the salts revealed in this round, empty outside Reveal
    Bits entropy;
    // slots 5 and 6: who takes part, and who of them is waited for from the next opening on
    Bits roster;
    Bits waited;
    // slots 7 to 13: this round. attested is by the round's parity, since the round before may still
    // be attested late
    Bits expected;
    Bits committed;
    Bits revealed;
    Bits held;
    Bits inputs;
    Bits[2] attested;
    // slots 14 and 15: who was waited for in vain, in this round and in the one before
    Bits missed;
    Bits missedBefore;
    // slots 16 to 24: how many hold each update
    Counter holders;
    mapping(uint32 round => uint256 seats) pending;
    mapping(uint32 round => bytes32 merged) finalized;
    mapping(uint32 member => Seat) seatOf;
    mapping(bytes32 answer => uint256 count) tallies;
}

using RunLib for Run global;

/// @title Setting up a run's storage.
library RunLib {
    /// @notice Occupies every slot that a later call would find empty, so that whoever opens the run
    /// pays for it once and no node's call does.
    function touch(Run storage self) internal {
        self.seed.set(0);
        self.entropy.set(0);
        self.roster.set(0);
        self.waited.set(0);
        self.expected.set(0);
        self.committed.set(0);
        self.revealed.set(0);
        self.held.set(0);
        self.inputs.set(0);
        self.attested[0].set(0);
        self.attested[1].set(0);
        self.missed.set(0);
        self.missedBefore.set(0);
        self.holders.touch();
    }
}
