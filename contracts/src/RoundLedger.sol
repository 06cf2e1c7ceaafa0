// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { LibBit } from "solady/utils/LibBit.sol";
import { INodeRegistry } from "./interfaces/INodeRegistry.sol";
import { IRoundLedger } from "./interfaces/IRoundLedger.sol";
import { Run, Seat } from "./libraries/Run.sol";
import { Rounds } from "./Rounds.sol";

/// @title RoundLedger
/// @notice See IRoundLedger; seats, promises and deadlines are in Rounds.
contract RoundLedger is IRoundLedger, Rounds {
    constructor(INodeRegistry registry_) Rounds(registry_, 0) { }

    /// @inheritdoc IRoundLedger
    function hold(uint64 run, uint32 round, uint256 bits) external override {
        // Check
        (Run storage r, Seat storage s, uint32 member) = _speaker(run, round, Phase.Hold);
        uint256 held = r.held.get();
        if (_has(held, s.number)) revert Already(s.number);
        uint256 unknown = bits & ~r.revealed.get();
        if (unknown != 0) revert NotRevealed(unknown);

        // Effect
        r.holders.add(bits, LibBit.popCount(held));
        r.held.set(held | _bit(s.number));
        emit Held(run, round, member, bits);
        _closeIfDone(run, r);
    }

    /// @inheritdoc IRoundLedger
    function attest(uint64 run, uint32 round, bytes32 merged, bytes32 receipt) external override {
        // Check
        Run storage r = _existing(run);
        bool late = _isLate(r, round);
        if (!late) _checkNow(r, round, Phase.Attest);
        (Seat storage s, uint32 member) = _callerSeat(run, r, round);
        uint256 attested = r.attested[round & 1].get();
        if (_has(attested, s.number)) revert Already(s.number);
        if (merged == 0 || receipt == 0) revert Zero();

        // Effect
        r.attested[round & 1].set(attested | _bit(s.number));
        emit Attested(run, round, member, merged, receipt);
        if (late) return;
        bytes32 answer = keccak256(abi.encode(round, merged, receipt));
        uint256 count = r.tallies[answer] + 1;
        r.tallies[answer] = count;
        if (count >= r.quorum) _finalize(run, r, merged, receipt);
    }

    /// @inheritdoc IRoundLedger
    function stateOf(uint64 run) external view override returns (State memory state) {
        Run storage r = _run[run];
        if (r.phase == Phase.None) return state;
        state.phase = r.phase;
        state.round = r.round;
        state.deadline = r.deadline;
        state.f = r.f;
        state.quorum = r.quorum;
        state.base = r.base;
        state.seed = bytes32(r.seed.get());
        state.roster = r.roster.get();
        // A bitmap is emptied when its phase opens, and says nothing before that.
        if (r.phase == Phase.Entering || r.phase == Phase.Closed) return state;
        state.expected = r.expected.get();
        state.committed = r.committed.get();
        if (r.phase >= Phase.Reveal) state.revealed = r.revealed.get();
        if (r.phase >= Phase.Hold) state.held = r.held.get();
        if (r.phase == Phase.Attest) {
            state.inputs = r.inputs.get();
            state.attested = r.attested[r.round & 1].get();
        }
    }

    /// @inheritdoc IRoundLedger
    function finalizedOf(uint64 run, uint32 round) external view override returns (bytes32 merged) {
        return _run[run].finalized[round];
    }

    function _baseOf(uint64, Run storage r, uint32) internal view override returns (bytes32) {
        return r.base;
    }

    function _checkParent(Terms calldata terms) internal view override {
        bytes32 finalized = _run[terms.parentRun].finalized[terms.parentRound];
        if (finalized != terms.base) revert BadParent(terms.parentRun, terms.parentRound, finalized);
    }

    function _announce(
        uint64 run,
        Run storage r,
        uint32 round,
        uint256 roster,
        uint256 expected,
        uint8 f,
        uint8 quorum,
        uint40 deadline
    ) internal override {
        emit RoundOpened(run, round, r.base, roster, expected, f, quorum, deadline);
    }

    function _afterReveal(uint64 run, Run storage r, uint256, bytes32) internal override {
        r.held.set(0);
        _startPhase(run, r, Phase.Hold, r.holdSeconds);
    }

    function _closeLater(uint64 run, Run storage r) internal override {
        if (r.phase == Phase.Hold) _closeHold(run, r);
        else _closeAttest(run, r);
    }

    /// @dev All that counts has been held once E has called: E alone is at least a quorum.
    function _closeLaterIfDone(uint64 run, Run storage r, uint256 expected) internal override {
        if (r.phase == Phase.Hold && expected & ~r.held.get() == 0) _closeHold(run, r);
    }

    function _closeHold(uint64 run, Run storage r) private {
        uint256 expected = r.expected.get();
        uint256 held = r.held.get();
        uint256 revealed = r.revealed.get();
        uint256 inputs = r.holders.atLeast(r.quorum, LibBit.popCount(held)) & revealed;
        // An update that fewer than a quorum could get is as good as none, also when the round fails
        // for want of it: who withholds would otherwise never be benched. When no update reached a
        // quorum it is for want of holds, and no fault of the authors.
        _noteAbsent(r, expected & ~(inputs == 0 ? held : held & inputs));
        if (!_isEnough(r, inputs)) return _skip(run, r, Skip.TooFewInputs);

        r.inputs.set(inputs);
        emit InputsFixed(run, r.round, inputs, bytes32(r.seed.get()));
        r.attested[r.round & 1].set(0);
        _startPhase(run, r, Phase.Attest, r.attestSeconds);
    }

    function _closeAttest(uint64 run, Run storage r) private {
        _noteAbsent(r, r.expected.get() & ~r.attested[r.round & 1].get());
        _skip(run, r, Skip.NoQuorum);
    }

    function _finalize(uint64 run, Run storage r, bytes32 merged, bytes32 receipt) private {
        uint32 round = r.round;
        r.finalized[round] = merged;
        r.base = merged;
        emit RoundFinalized(run, round, merged, receipt);
        _endRound(run, r);
    }

    /// @dev Whether a round is finalized and may still be attested: the one before the present one,
    /// or the last one of a run that is closed.
    function _isLate(Run storage r, uint32 round) private view returns (bool) {
        bool isLast = r.phase == Phase.Closed && round == r.round;
        return (isLast || uint256(round) + 1 == r.round) && r.finalized[round] != 0;
    }
}
