// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { LibBit } from "solady/utils/LibBit.sol";
import { INodeRegistry } from "./interfaces/INodeRegistry.sol";
import { IGossipLedger } from "./interfaces/IGossipLedger.sol";
import { Run, Seat } from "./libraries/Run.sol";
import { Rounds } from "./Rounds.sol";

/// @title GossipLedger
/// @notice See IGossipLedger; seats, promises and deadlines are in Rounds.
/// @dev Of a run's words, `held` has here the updates that another seat merged, and `attested[0]` who
/// has attested; inputs, holders, finalized and tallies stay empty.
contract GossipLedger is IGossipLedger, Rounds {
    uint64 private constant RUNS_BEFORE = 1_000_000;

    mapping(uint64 run => mapping(uint32 member => bytes32)) private _model;

    constructor(INodeRegistry registry_) Rounds(registry_, RUNS_BEFORE) { }

    /// @inheritdoc IGossipLedger
    function attestOwn(uint64 run, uint32 round, uint256 inputs, bytes32 merged, bytes32 receipt) external override {
        // Check
        (Run storage r, Seat storage s, uint32 member) = _speaker(run, round, Phase.Attest);
        uint256 attested = r.attested[0].get();
        uint256 own = _bit(s.number);
        if (attested & own != 0) revert Already(s.number);
        if (merged == 0 || receipt == 0) revert Zero();
        uint256 unknown = (inputs | own) & ~r.revealed.get();
        if (unknown != 0) revert NotRevealed(unknown);
        if (inputs & own == 0) revert OwnMissing(s.number);

        // Effect
        r.attested[0].set(attested | own);
        uint256 held = r.held.get();
        uint256 named = held | (inputs & ~own);
        if (named != held) r.held.set(named);
        _model[run][member] = merged;
        emit AttestedOwn(run, round, member, inputs, merged, receipt);
        _closeIfDone(run, r);
    }

    /// @inheritdoc IGossipLedger
    function stateOf(uint64 run) external view override returns (State memory state) {
        Run storage r = _run[run];
        if (r.phase == Phase.None) return state;
        state.phase = r.phase;
        state.round = r.round;
        state.deadline = r.deadline;
        state.f = r.f;
        state.seed = bytes32(r.seed.get());
        state.roster = r.roster.get();
        // A bitmap is emptied when its phase opens, and says nothing before that.
        if (r.phase == Phase.Entering || r.phase == Phase.Closed) return state;
        state.expected = r.expected.get();
        state.committed = r.committed.get();
        if (r.phase >= Phase.Reveal) state.revealed = r.revealed.get();
        if (r.phase == Phase.Attest) state.attested = r.attested[0].get();
    }

    /// @inheritdoc IGossipLedger
    function modelOf(uint64 run, uint32 member) external view override returns (bytes32 model) {
        return _baseOf(run, _run[run], member);
    }

    function _baseOf(uint64 run, Run storage r, uint32 member) internal view override returns (bytes32 model) {
        model = _model[run][member];
        if (model == 0) model = r.base;
    }

    function _checkParent(Terms calldata) internal pure override {
        revert BadTerms("parentRun");
    }

    function _announce(
        uint64 run,
        Run storage,
        uint32 round,
        uint256 roster,
        uint256 expected,
        uint8 f,
        uint8,
        uint40 deadline
    ) internal override {
        emit RoundBegan(run, round, roster, expected, f, deadline);
    }

    function _afterReveal(uint64 run, Run storage r, uint256 revealed, bytes32 seed) internal override {
        emit NeighboursDrawn(run, r.round, revealed, seed);
        r.attested[0].set(0);
        r.held.set(0);
        _startPhase(run, r, Phase.Attest, uint256(r.holdSeconds) + r.attestSeconds);
    }

    /// @dev As in Commit and Reveal, so that a few can't make the others lose their merges.
    function _closeLaterIfDone(uint64 run, Run storage r, uint256 expected) internal override {
        if (r.phase != Phase.Attest) return;
        uint256 attested = r.attested[0].get();
        if (_leadsOn(r, expected, attested, r.revealed.get() & ~attested)) _closeLater(run, r);
    }

    function _closeLater(uint64 run, Run storage r) internal override {
        uint256 attested = r.attested[0].get();
        uint256 due = r.expected.get() & r.revealed.get();
        _noteAbsent(r, due & ~attested);
        // An update that nobody else could get is as good as none: who withholds would otherwise make
        // its neighbours wait, round after round, and never be benched.
        if (LibBit.popCount(attested) > 1) _noteAbsent(r, due & ~r.held.get());
        emit RoundEnded(run, r.round);
        _endRound(run, r);
    }
}
