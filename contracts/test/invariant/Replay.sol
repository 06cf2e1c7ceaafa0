// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { INodeRegistry } from "../../src/interfaces/INodeRegistry.sol";
import { IRoundLedger } from "../../src/interfaces/IRoundLedger.sol";
import { IRounds } from "../../src/interfaces/IRounds.sol";
import { Vm } from "../utils/Vm.sol";

/// @notice A run's state as its events tell it, written independently of the contract.
contract Replay {
    mapping(uint64 run => IRoundLedger.State) private _state;
    mapping(uint64 run => mapping(uint32 member => uint256)) private _bit;
    mapping(uint64 run => mapping(uint32 round => bytes32)) public finalized;
    mapping(uint64 run => uint256) private _entropy;

    mapping(bytes32 peerKey => bool) public audits;
    mapping(bytes32 peerKey => bool) public keyTaken;

    error SeedDiffers(bytes32 event_, bytes32 replayed);
    error FinalizedAgain(uint64 run, uint32 round);
    error RoundWentBack(uint32 round, uint32 before);

    function stateOf(uint64 run) external view returns (IRoundLedger.State memory s) {
        s = _state[run];
        if (s.phase == IRounds.Phase.Entering || s.phase == IRounds.Phase.Closed) {
            (s.expected, s.committed, s.revealed, s.held, s.inputs, s.attested) = (0, 0, 0, 0, 0, 0);
        }
    }

    function bitOf(uint64 run, uint32 member) external view returns (uint256) {
        return _bit[run][member];
    }

    function fold(Vm.Log calldata log) external {
        bytes32 kind = log.topics[0];
        uint64 run = uint64(uint256(log.topics[1]));
        IRoundLedger.State storage s = _state[run];
        if (kind == IRounds.RunOpened.selector) {
            (IRounds.Terms memory terms,) = abi.decode(log.data, (IRounds.Terms, bytes));
            s.base = terms.base;
        } else if (kind == IRounds.Entered.selector) {
            (uint8 seat,) = abi.decode(log.data, (uint8, uint32));
            _bit[run][memberIn(log)] = uint256(1) << seat;
            if (s.phase == IRounds.Phase.Entering) s.roster |= uint256(1) << seat;
        } else if (kind == IRoundLedger.RoundOpened.selector) {
            openRound(s, log);
        } else if (kind == IRounds.PhaseAdvanced.selector) {
            (s.phase, s.deadline) = abi.decode(log.data, (IRounds.Phase, uint64));
            if (s.phase == IRounds.Phase.Hold) moveSeed(run, s);
        } else if (kind == IRounds.Evicted.selector) {
            evict(s, ~_bit[run][uint32(uint256(log.topics[2]))]);
        } else if (kind == IRounds.RunClosed.selector) {
            s.phase = IRounds.Phase.Closed;
        } else {
            foldRound(run, s, log, kind);
        }
    }

    function foldRegistry(Vm.Log calldata log) external {
        bytes32 kind = log.topics[0];
        if (kind == INodeRegistry.AuditorAdmitted.selector) {
            (audits[log.topics[1]], keyTaken[log.topics[1]]) = (true, true);
        } else if (kind == INodeRegistry.AuditorRevoked.selector) {
            audits[log.topics[1]] = false;
        } else if (kind == INodeRegistry.PeerKeyRotated.selector) {
            keyTaken[log.topics[2]] = true;
        } else if (kind == INodeRegistry.MemberAdmitted.selector) {
            keyTaken[log.topics[3]] = true;
        }
    }

    function foldRound(uint64 run, IRoundLedger.State storage s, Vm.Log calldata log, bytes32 kind) private {
        uint32 round = uint32(uint256(log.topics[2]));
        if (kind == IRoundLedger.RoundFinalized.selector) {
            if (finalized[run][round] != 0) revert FinalizedAgain(run, round);
            (s.base,) = abi.decode(log.data, (bytes32, bytes32));
            finalized[run][round] = s.base;
        } else if (kind == IRounds.RoundSkipped.selector) {
            IRounds.Skip reason = abi.decode(log.data, (IRounds.Skip));
            if (reason == IRounds.Skip.TooFewRevealed) moveSeed(run, s);
        } else if (kind == IRoundLedger.InputsFixed.selector) {
            bytes32 seed;
            (s.inputs, seed) = abi.decode(log.data, (uint256, bytes32));
            if (seed != s.seed) revert SeedDiffers(seed, s.seed);
        } else if (kind != IRounds.SeatsBenched.selector) {
            speak(run, s, log, kind, round);
        }
    }

    function speak(uint64 run, IRoundLedger.State storage s, Vm.Log calldata log, bytes32 kind, uint32 round) private {
        uint256 bit = _bit[run][memberIn(log)];
        if (kind == IRounds.Committed.selector) {
            s.committed |= bit;
        } else if (kind == IRounds.Revealed.selector) {
            s.revealed |= bit;
            (,,, bytes32 salt) = abi.decode(log.data, (bytes32, uint64, uint64, bytes32));
            _entropy[run] ^= uint256(keccak256(abi.encode(salt, memberIn(log))));
        } else if (kind == IRoundLedger.Held.selector) {
            s.held |= bit;
        } else if (round == s.round && s.phase == IRounds.Phase.Attest) {
            s.attested |= bit;
        }
    }

    function openRound(IRoundLedger.State storage s, Vm.Log calldata log) private {
        uint32 round = uint32(uint256(log.topics[2]));
        bool isFirst = s.phase == IRounds.Phase.Entering;
        if (round != (isFirst ? 0 : s.round + 1)) revert RoundWentBack(round, s.round);
        s.round = round;
        s.phase = IRounds.Phase.Commit;
        (s.base, s.roster, s.expected, s.f, s.quorum, s.deadline) =
            abi.decode(log.data, (bytes32, uint256, uint256, uint16, uint16, uint64));
        (s.committed, s.revealed, s.held, s.inputs, s.attested) = (0, 0, 0, 0, 0);
    }

    function evict(IRoundLedger.State storage s, uint256 others) private {
        s.roster &= others;
        s.expected &= others;
        if (s.phase == IRounds.Phase.Attest) return;
        s.committed &= others;
        s.revealed &= others;
    }

    function moveSeed(uint64 run, IRoundLedger.State storage s) private {
        s.seed = keccak256(abi.encode(s.seed, _entropy[run], run, s.round));
        _entropy[run] = 0;
    }

    function memberIn(Vm.Log calldata log) private pure returns (uint32) {
        // Entered and Evicted carry no round.
        return uint32(uint256(log.topics[log.topics.length - 1]));
    }
}
