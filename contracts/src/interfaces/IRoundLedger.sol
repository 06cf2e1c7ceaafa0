// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { IRounds } from "./IRounds.sol";

/// @title What was said: runs and rounds.
/// @notice Records who promised which update, who holds which, and which merge a quorum attests.
/// A seat is a member's bit in a run's bitmaps. All digests are those of docs/protocol.md.
interface IRoundLedger is IRounds {
    /// @notice A run's present state, for auditors and other contracts. Bitmaps are by seat.
    struct State {
        Phase phase;
        uint32 round;
        uint64 deadline;
        uint16 f;
        uint16 quorum;
        bytes32 base;
        bytes32 seed;
        uint256 roster;
        uint256 expected;
        uint256 committed;
        uint256 revealed;
        uint256 held;
        uint256 inputs;
        uint256 attested;
    }

    event RoundOpened(
        uint64 indexed run,
        uint32 indexed round,
        bytes32 base,
        uint256 roster,
        uint256 expected,
        uint16 f,
        uint16 quorum,
        uint64 deadline
    );
    event Held(uint64 indexed run, uint32 indexed round, uint32 indexed member, uint256 bits);
    /// @notice The round's inputs and seed are known: who had them must merge exactly these.
    event InputsFixed(uint64 indexed run, uint32 indexed round, uint256 inputs, bytes32 seed);
    event Attested(uint64 indexed run, uint32 indexed round, uint32 indexed member, bytes32 merged, bytes32 receipt);
    event RoundFinalized(uint64 indexed run, uint32 indexed round, bytes32 merged, bytes32 receipt);

    /// @notice Thrown when the parent round wasn't finalized, or with another model than the base.
    error BadParent(uint64 run, uint32 round, bytes32 finalized);

    /// @notice Names the revealed updates that the caller has and has verified.
    function hold(uint64 run, uint32 round, uint256 bits) external;

    /// @notice Says what the caller got by merging the round's inputs; for the present round, or for
    /// the finalized one before it until the present one ends.
    function attest(uint64 run, uint32 round, bytes32 merged, bytes32 receipt) external;

    /// @notice A run's present state.
    function stateOf(uint64 run) external view returns (State memory);

    /// @notice The model that a round finalized, or zero.
    function finalizedOf(uint64 run, uint32 round) external view returns (bytes32 merged);
}
