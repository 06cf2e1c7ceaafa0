// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { IRounds } from "./IRounds.sol";

/// @title What was said in gossip runs, in which each seat has a model of its own.
/// @notice A round is Commit, Reveal, Attest. There is no Hold and no quorum: who is whose neighbour
/// follows from the revealed seats and the seed (docs/protocol.md), each seat merges what it got of its
/// neighbours, and says what that gave. Nothing is compared; anybody can redo each merge.
/// Runs are numbered from 1,000,001 on: a number says which kind of run it is, wherever it stands.
/// Attest lasts holdSeconds + attestSeconds of the terms; a gossip run has no parent.
interface IGossipLedger is IRounds {
    /// @notice A run's present state, for auditors and other contracts. Bitmaps are by seat.
    struct State {
        Phase phase;
        uint32 round;
        uint64 deadline;
        uint16 f;
        bytes32 seed;
        uint256 roster;
        uint256 expected;
        uint256 committed;
        uint256 revealed;
        uint256 attested;
    }

    /// @notice A round began, and with it Commit.
    event RoundBegan(
        uint64 indexed run, uint32 indexed round, uint256 roster, uint256 expected, uint16 f, uint64 deadline
    );
    /// @notice The round's updates and its seed are known, from which everybody's neighbours follow.
    event NeighboursDrawn(uint64 indexed run, uint32 indexed round, uint256 revealed, bytes32 seed);
    /// @notice A seat merged `inputs`, its own update among them; `merged` is its model from now on.
    event AttestedOwn(
        uint64 indexed run, uint32 indexed round, uint32 indexed member, uint256 inputs, bytes32 merged, bytes32 receipt
    );
    /// @notice Whoever had to has attested, or the time was up.
    event RoundEnded(uint64 indexed run, uint32 indexed round);

    /// @notice Thrown when a seat's merge leaves its own update out.
    error OwnMissing(uint8 seat);

    /// @notice Says what the caller got by merging `inputs`, and makes it the caller's model.
    function attestOwn(uint64 run, uint32 round, uint256 inputs, bytes32 merged, bytes32 receipt) external;

    /// @notice A run's present state.
    function stateOf(uint64 run) external view returns (State memory);

    /// @notice The model that a member's next update starts from.
    function modelOf(uint64 run, uint32 member) external view returns (bytes32 model);
}
