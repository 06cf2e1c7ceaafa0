// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { INodeRegistry } from "../../src/interfaces/INodeRegistry.sol";
import { IRoundLedger } from "../../src/interfaces/IRoundLedger.sol";
import { IRounds } from "../../src/interfaces/IRounds.sol";
import { NodeRegistry } from "../../src/NodeRegistry.sol";
import { RoundLedger } from "../../src/RoundLedger.sol";
import { Test } from "../utils/Test.sol";
import { Vm } from "../utils/Vm.sol";
import { Replay } from "./Replay.sol";

/// @notice Everybody who calls the ledger. Each action is taken or known to be refused: where nothing
/// fits the present phase, it does nothing.
contract Handler is Test {
    NodeRegistry public registry;
    RoundLedger public ledger;
    Replay public replay;
    uint64 public run;

    uint256 private constant MEMBERS = 9;
    uint256 private constant SEATS = 6;
    uint256 public constant AUDITOR_KEYS = 5;
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
            seen[logs[i].topics[0]]++;
            if (logs[i].emitter == address(ledger)) replay.fold(logs[i]);
            else replay.foldRegistry(logs[i]);
        }
    }

    constructor() {
        registry = new NodeRegistry(address(this), 0, 0);
        ledger = new RoundLedger(registry);
        replay = new Replay();
        for (uint256 i = 0; i < MEMBERS; i++) {
            _admit(i);
        }
        _open();
    }

    function enter(uint256 i) external {
        i %= MEMBERS;
        if (!active(i) || phase() == IRounds.Phase.Closed) return;
        _enter(i);
    }

    function commit(uint256 i) external {
        _commit(i % MEMBERS);
    }

    function reveal(uint256 i) external {
        _reveal(i % MEMBERS);
    }

    function hold(uint256 i, uint256 without) external {
        _hold(i % MEMBERS, without);
    }

    function attest(uint256 i, uint256 outcome) external {
        _attest(i % MEMBERS, outcome);
    }

    /// @dev Most do what is asked of them, so that stories reach every phase.
    function everybodySpeaks(uint256 but, uint256 without) external {
        for (uint256 i = 0; i < MEMBERS; i++) {
            if (i == but % MEMBERS) continue;
            IRounds.Phase p = phase();
            if (p == IRounds.Phase.Entering && active(i)) _enter(i);
            if (p == IRounds.Phase.Commit) _commit(i);
            if (p == IRounds.Phase.Reveal) _reveal(i);
            if (p == IRounds.Phase.Hold) _hold(i, without % 4 == 0 ? uint256(1) << (without % 7) : 0);
            if (p == IRounds.Phase.Attest) _attest(i, 0);
        }
    }

    function attestLate(uint256 i, uint256 outcome) external {
        i %= MEMBERS;
        IRoundLedger.State memory s = ledger.stateOf(run);
        if (s.round == 0 || ledger.finalizedOf(run, s.round - 1) == 0 || !active(i)) return;
        _tryLate(i, s.round - 1, outcome);
    }

    function advance(uint256 wait) external logged {
        IRoundLedger.State memory s = ledger.stateOf(run);
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
        if (active(i)) return;
        ledger.evict(run, member(i));
    }

    /// @dev Refused if the key is anybody's, or was.
    function admitAuditor(uint256 i) external logged {
        bytes32 key = auditorKey(i % AUDITOR_KEYS);
        bool free = !replay.keyTaken(key);
        (bool taken,) = address(registry).call(abi.encodeCall(registry.admitAuditor, (key, 0)));
        assertTrue(taken == free);
    }

    /// @dev Refused if the key is no auditor's, or no longer.
    function revokeAuditor(uint256 i) external logged {
        bytes32 key = auditorKey(i % AUDITOR_KEYS);
        bool audits = replay.audits(key);
        (bool taken,) = address(registry).call(abi.encodeCall(registry.revokeAuditor, (key)));
        assertTrue(taken == audits);
    }

    /// @dev A member wants a key that auditors want, too; rarely, so that some are left for these.
    function rotatePeerKey(uint256 i, uint256 k) external logged {
        i %= MEMBERS;
        if (!active(i) || k % 4 != 0) return;
        bytes32 key = auditorKey(k / 4 % AUDITOR_KEYS);
        bool free = !replay.keyTaken(key);
        vm.prank(account(i));
        (bool taken,) = address(registry).call(abi.encodeCall(registry.rotatePeerKey, (key)));
        assertTrue(taken == free);
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
        IRoundLedger.State memory s = ledger.stateOf(run);
        if (other == 0 || _promised[run][s.round][i] == 0) return;
        vm.prank(account(i));
        try ledger.commit(run, s.round, other, 0) {
            revert WasTaken("a second commitment");
        } catch { }
    }

    function intrude(uint256 i, uint256 what) external {
        i %= MEMBERS;
        address intruder = active(i) ? address(0xBAD) : account(i);
        uint32 round = ledger.stateOf(run).round;
        vm.prank(intruder);
        (bool taken,) = address(ledger).call(_call(what % 5, round));
        if (taken) revert WasTaken("a call of somebody who is no member");
    }

    function hurry() external {
        IRoundLedger.State memory s = ledger.stateOf(run);
        if (block.timestamp >= s.deadline) return;
        try ledger.advance(run) {
            revert WasTaken("an advance before the deadline");
        } catch { }
    }

    // How it is done.

    function _admit(uint256 i) private logged {
        registry.admit(account(i), keccak256(abi.encode(i)), 0);
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
        IRoundLedger.State memory s = ledger.stateOf(run);
        if (s.phase != IRounds.Phase.Commit || !maySpeak(i, s.committed)) return;
        bytes32 c = _commitment(i, s);
        _promised[run][s.round][i] = c;
        vm.prank(account(i));
        ledger.commit(run, s.round, c, 0);
    }

    function _reveal(uint256 i) private logged {
        IRoundLedger.State memory s = ledger.stateOf(run);
        if (s.phase != IRounds.Phase.Reveal || !maySpeak(i, s.revealed)) return;
        if (s.committed & bitOf(i) == 0) return;
        vm.prank(account(i));
        ledger.reveal(run, s.round, _digest(i, s.round), 64, 0, _digest(i, s.round));
    }

    function _hold(uint256 i, uint256 without) private logged {
        IRoundLedger.State memory s = ledger.stateOf(run);
        if (s.phase != IRounds.Phase.Hold || !maySpeak(i, s.held)) return;
        vm.prank(account(i));
        ledger.hold(run, s.round, s.revealed & ~without);
    }

    function _attest(uint256 i, uint256 outcome) private logged {
        IRoundLedger.State memory s = ledger.stateOf(run);
        if (s.phase != IRounds.Phase.Attest || !maySpeak(i, s.attested)) return;
        outcome = outcome % 4 == 3 ? 1 : 0;
        vm.prank(account(i));
        ledger.attest(run, s.round, keccak256(abi.encode(s.round, outcome)), "receipt");
    }

    /// @dev Refused if the seat has answered in that round, or wasn't in its roster.
    function _tryLate(uint256 i, uint32 round, uint256 outcome) private logged {
        vm.prank(account(i));
        try ledger.attest(run, round, keccak256(abi.encode(outcome)), "receipt") { } catch { }
    }

    function _call(uint256 what, uint32 round) private view returns (bytes memory) {
        if (what == 0) return abi.encodeCall(ledger.enter, (run));
        if (what == 1) return abi.encodeCall(ledger.commit, (run, round, "c", 0));
        if (what == 2) return abi.encodeCall(ledger.reveal, (run, round, "d", 64, 0, "s"));
        if (what == 3) return abi.encodeCall(ledger.hold, (run, round, 0));
        return abi.encodeCall(ledger.attest, (run, round, "m", "r"));
    }

    function _commitment(uint256 i, IRoundLedger.State memory s) private view returns (bytes32) {
        bytes32 d = _digest(i, s.round);
        return ledger.commitmentOf(run, s.round, s.base, member(i), d, 64, 0, d);
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

    function auditorKey(uint256 i) public pure returns (bytes32) {
        return keccak256(abi.encode("auditor", i));
    }

    function member(uint256 i) private pure returns (uint32) {
        return uint32(i + 1);
    }
}
