// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { IGossipLedger } from "../../src/interfaces/IGossipLedger.sol";
import { IRounds } from "../../src/interfaces/IRounds.sol";
import { Vm } from "../utils/Vm.sol";

/// @notice A gossip run's state as its events tell it, written independently of the contract.
contract GossipReplay {
    mapping(uint64 run => IGossipLedger.State) private _state;
    mapping(uint64 run => mapping(uint32 member => uint256)) private _bit;
    mapping(uint64 run => mapping(uint32 member => bytes32)) private _model;
    mapping(uint64 run => bytes32) private _base;
    mapping(uint64 run => uint256) private _entropy;

    error SeedDiffers(bytes32 event_, bytes32 replayed);
    error RevealedDiffers(uint256 event_, uint256 replayed);
    error OwnLeftOut(uint32 member);
    error RoundWentBack(uint32 round, uint32 before);

    function stateOf(uint64 run) external view returns (IGossipLedger.State memory s) {
        s = _state[run];
        if (s.phase == IRounds.Phase.Entering || s.phase == IRounds.Phase.Closed) {
            (s.expected, s.committed, s.revealed, s.attested) = (0, 0, 0, 0);
        }
    }

    function modelOf(uint64 run, uint32 member) external view returns (bytes32) {
        bytes32 model = _model[run][member];
        return model == 0 ? _base[run] : model;
    }

    function bitOf(uint64 run, uint32 member) external view returns (uint256) {
        return _bit[run][member];
    }

    function fold(Vm.Log calldata log) external {
        bytes32 kind = log.topics[0];
        uint64 run = uint64(uint256(log.topics[1]));
        IGossipLedger.State storage s = _state[run];
        if (kind == IRounds.RunOpened.selector) {
            (IRounds.Terms memory terms,) = abi.decode(log.data, (IRounds.Terms, bytes));
            _base[run] = terms.base;
        } else if (kind == IRounds.Entered.selector) {
            (uint8 seat,) = abi.decode(log.data, (uint8, uint32));
            _bit[run][memberIn(log)] = uint256(1) << seat;
            if (s.phase == IRounds.Phase.Entering) s.roster |= uint256(1) << seat;
        } else if (kind == IGossipLedger.RoundBegan.selector) {
            begin(s, log);
        } else if (kind == IRounds.PhaseAdvanced.selector) {
            (s.phase, s.deadline) = abi.decode(log.data, (IRounds.Phase, uint64));
        } else if (kind == IRounds.Evicted.selector) {
            evict(s, ~_bit[run][memberIn(log)]);
        } else if (kind == IRounds.RunClosed.selector) {
            s.phase = IRounds.Phase.Closed;
        } else {
            foldRound(run, s, log, kind);
        }
    }

    function foldRound(uint64 run, IGossipLedger.State storage s, Vm.Log calldata log, bytes32 kind) private {
        uint256 bit = _bit[run][memberIn(log)];
        if (kind == IRounds.Committed.selector) {
            s.committed |= bit;
        } else if (kind == IRounds.Revealed.selector) {
            s.revealed |= bit;
            (,,, bytes32 salt) = abi.decode(log.data, (bytes32, uint64, uint64, bytes32));
            _entropy[run] ^= uint256(keccak256(abi.encode(salt, memberIn(log))));
        } else if (kind == IGossipLedger.NeighboursDrawn.selector) {
            (uint256 revealed, bytes32 seed) = abi.decode(log.data, (uint256, bytes32));
            if (revealed != s.revealed) revert RevealedDiffers(revealed, s.revealed);
            moveSeed(run, s);
            if (seed != s.seed) revert SeedDiffers(seed, s.seed);
        } else if (kind == IGossipLedger.AttestedOwn.selector) {
            s.attested |= bit;
            (uint256 inputs, bytes32 merged,) = abi.decode(log.data, (uint256, bytes32, bytes32));
            if (inputs & bit == 0) revert OwnLeftOut(memberIn(log));
            _model[run][memberIn(log)] = merged;
        } else if (kind == IRounds.RoundSkipped.selector) {
            IRounds.Skip reason = abi.decode(log.data, (IRounds.Skip));
            if (reason == IRounds.Skip.TooFewRevealed) moveSeed(run, s);
        }
    }

    function begin(IGossipLedger.State storage s, Vm.Log calldata log) private {
        uint32 round = uint32(uint256(log.topics[2]));
        bool isFirst = s.phase == IRounds.Phase.Entering;
        if (round != (isFirst ? 0 : s.round + 1)) revert RoundWentBack(round, s.round);
        s.round = round;
        s.phase = IRounds.Phase.Commit;
        (s.roster, s.expected, s.f, s.deadline) = abi.decode(log.data, (uint256, uint256, uint16, uint64));
        (s.committed, s.revealed, s.attested) = (0, 0, 0);
    }

    function evict(IGossipLedger.State storage s, uint256 others) private {
        s.roster &= others;
        s.expected &= others;
        if (s.phase == IRounds.Phase.Attest) return;
        s.committed &= others;
        s.revealed &= others;
    }

    function moveSeed(uint64 run, IGossipLedger.State storage s) private {
        s.seed = keccak256(abi.encode(s.seed, _entropy[run], run, s.round));
        _entropy[run] = 0;
    }

    function memberIn(Vm.Log calldata log) private pure returns (uint32) {
        return uint32(uint256(log.topics[log.topics.length - 1]));
    }
}
