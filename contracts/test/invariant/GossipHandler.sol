// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { GossipLedger } from "../../src/GossipLedger.sol";
import { IGossipLedger } from "../../src/interfaces/IGossipLedger.sol";
import { INodeRegistry } from "../../src/interfaces/INodeRegistry.sol";
import { IRounds } from "../../src/interfaces/IRounds.sol";
import { NodeRegistry } from "../../src/NodeRegistry.sol";
import { Test } from "../utils/Test.sol";
import { Vm } from "../utils/Vm.sol";
import { GossipReplay } from "./GossipReplay.sol";

/// @notice Everybody who calls the gossip ledger, as Handler does for the other one.
contract GossipHandler is Test {
    NodeRegistry public registry;
    GossipLedger public ledger;
    GossipReplay public replay;
    uint64 public run;

    uint256 public constant MEMBERS = 9;
    uint256 private constant SEATS = 6;
    uint256 private _revoked;
    mapping(uint64 run => mapping(uint32 round => mapping(uint256 i => bytes32))) private _promised;

    /// @dev How often each kind of thing happened, so that a story that never gets far is noticed.
    mapping(bytes32 kind => uint256) public seen;

    error WasTaken(string what);

    modifier logged() {
        vm.recordLogs();
        _;
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; i++) {
            if (logs[i].emitter != address(ledger)) continue;
            seen[logs[i].topics[0]]++;
            replay.fold(logs[i]);
        }
    }

    constructor() {
        registry = new NodeRegistry(address(this), 0, 0);
        ledger = new GossipLedger(registry);
        replay = new GossipReplay();
        for (uint256 i = 0; i < MEMBERS; i++) {
            registry.admit(account(i), keccak256(abi.encode(i)), 0);
        }
        _open();
    }

    function enter(uint256 i) external {
        i %= MEMBERS;
        if (!active(i) || phase() == IRounds.Phase.Closed) return;
        _enter(i);
    }

    /// @dev Most do what is asked of them, so that stories reach every phase.
    function everybodySpeaks(uint256 but, uint256 without) external {
        for (uint256 i = 0; i < MEMBERS; i++) {
            if (i != but % MEMBERS) _speak(i, without % 4 == 0 ? uint256(1) << (without % 7) : 0);
        }
    }

    function speak(uint256 i, uint256 without) external {
        _speak(i % MEMBERS, without);
    }

    function advance(uint256 wait) external logged {
        IGossipLedger.State memory s = ledger.stateOf(run);
        if (s.phase == IRounds.Phase.Closed) return;
        vm.warp(s.deadline + wait % 50);
        ledger.advance(run);
    }

    /// @dev At most two of nine, so that stories go on.
    function revoke(uint256 i, bool tell) external logged {
        i %= MEMBERS;
        if (!active(i) || _revoked == 2) return;
        _revoked++;
        INodeRegistry.RunRef[] memory runs = new INodeRegistry.RunRef[](tell ? 1 : 0);
        if (tell) runs[0] = INodeRegistry.RunRef({ ledger: address(ledger), run: run });
        registry.revoke(member(i), runs, 1);
    }

    function evict(uint256 i) external logged {
        i %= MEMBERS;
        if (!active(i)) ledger.evict(run, member(i));
    }

    function closeAndOpen(uint256 dice) external {
        if (phase() != IRounds.Phase.Closed) {
            if (dice % 8 != 0) return;
            _close();
        }
        _open();
    }

    // What must never be taken.

    function commitAgain(uint256 i, bytes32 other) external {
        i %= MEMBERS;
        IGossipLedger.State memory s = ledger.stateOf(run);
        if (other == 0 || _promised[run][s.round][i] == 0) return;
        vm.prank(account(i));
        try ledger.commit(run, s.round, other, 0) {
            revert WasTaken("a second commitment");
        } catch { }
    }

    /// @dev Not before reveals have closed, not twice, not without the own update.
    function attestAmiss(uint256 i, uint256 inputs) external {
        i %= MEMBERS;
        IGossipLedger.State memory s = ledger.stateOf(run);
        bool mayAttest = s.phase == IRounds.Phase.Attest && s.revealed & ~s.attested & bitOf(i) != 0;
        if (mayAttest) inputs &= ~bitOf(i);
        vm.prank(account(i));
        try ledger.attestOwn(run, s.round, inputs, "m", "r") {
            revert WasTaken("an attestation out of turn");
        } catch { }
    }

    function intrude(uint256 i, uint256 what) external {
        i %= MEMBERS;
        address intruder = active(i) ? address(0xBAD) : account(i);
        uint32 round = ledger.stateOf(run).round;
        vm.prank(intruder);
        (bool taken,) = address(ledger).call(_call(what % 4, round));
        if (taken) revert WasTaken("a call of somebody who is no member");
    }

    function hurry() external {
        if (block.timestamp >= ledger.stateOf(run).deadline) return;
        try ledger.advance(run) {
            revert WasTaken("an advance before the deadline");
        } catch { }
    }

    // How it is done.

    function _speak(uint256 i, uint256 without) private {
        IRounds.Phase p = phase();
        if (p == IRounds.Phase.Entering && active(i)) _enter(i);
        if (p == IRounds.Phase.Commit) _commit(i);
        if (p == IRounds.Phase.Reveal) _reveal(i);
        if (p == IRounds.Phase.Attest) _attest(i, without);
    }

    function _open() private logged {
        IRounds.Terms memory t;
        (t.rounds, t.seats, t.minInputs, t.joinDelay) = (12, uint16(SEATS), 3, 2);
        (t.enterSeconds, t.commitSeconds, t.revealSeconds, t.holdSeconds, t.attestSeconds) = (10, 10, 10, 10, 10);
        t.base = "base";
        run = ledger.openRun(t, "{}");
    }

    function _close() private logged {
        ledger.closeRun(run);
    }

    function _enter(uint256 i) private logged {
        vm.prank(account(i));
        try ledger.enter(run) { }
        catch (bytes memory reason) {
            assertEq(bytes32(bytes4(reason)), bytes32(IRounds.AlreadyEntered.selector));
        }
    }

    function _commit(uint256 i) private logged {
        IGossipLedger.State memory s = ledger.stateOf(run);
        if (!maySpeak(i, s.committed)) return;
        bytes32 c = _commitment(i, s.round);
        _promised[run][s.round][i] = c;
        vm.prank(account(i));
        ledger.commit(run, s.round, c, 0);
    }

    function _reveal(uint256 i) private logged {
        IGossipLedger.State memory s = ledger.stateOf(run);
        if (!maySpeak(i, s.revealed) || s.committed & bitOf(i) == 0) return;
        vm.prank(account(i));
        ledger.reveal(run, s.round, _digest(i, s.round), 64, 0, _digest(i, s.round));
    }

    function _attest(uint256 i, uint256 without) private logged {
        IGossipLedger.State memory s = ledger.stateOf(run);
        if (!maySpeak(i, s.attested) || s.revealed & bitOf(i) == 0) return;
        uint256 inputs = (s.revealed & ~without) | bitOf(i);
        vm.prank(account(i));
        ledger.attestOwn(run, s.round, inputs, keccak256(abi.encode(s.round, i)), "receipt");
    }

    function _call(uint256 what, uint32 round) private view returns (bytes memory) {
        if (what == 0) return abi.encodeCall(ledger.enter, (run));
        if (what == 1) return abi.encodeCall(ledger.commit, (run, round, "c", 0));
        if (what == 2) return abi.encodeCall(ledger.reveal, (run, round, "d", 64, 0, "s"));
        return abi.encodeCall(ledger.attestOwn, (run, round, 1, "m", "r"));
    }

    function _commitment(uint256 i, uint32 round) private view returns (bytes32) {
        bytes32 d = _digest(i, round);
        return ledger.commitmentOf(run, round, replay.modelOf(run, member(i)), member(i), d, 64, 0, d);
    }

    function _digest(uint256 i, uint32 round) private pure returns (bytes32) {
        return keccak256(abi.encode(i, round));
    }

    function maySpeak(uint256 i, uint256 spoken) private view returns (bool) {
        uint256 bit = bitOf(i);
        return active(i) && ledger.stateOf(run).roster & bit != 0 && spoken & bit == 0;
    }

    function bitOf(uint256 i) private view returns (uint256) {
        return replay.bitOf(run, member(i));
    }

    function phase() private view returns (IRounds.Phase) {
        return ledger.stateOf(run).phase;
    }

    function active(uint256 i) private view returns (bool) {
        return registry.memberOf(account(i)) != 0;
    }

    function account(uint256 i) private pure returns (address) {
        return address(uint160(0xACC0000 + i));
    }

    function member(uint256 i) private pure returns (uint32) {
        return uint32(i + 1);
    }
}
