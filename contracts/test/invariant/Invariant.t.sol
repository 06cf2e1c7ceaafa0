// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { INodeRegistry } from "../../src/interfaces/INodeRegistry.sol";
import { IRoundLedger } from "../../src/interfaces/IRoundLedger.sol";
import { IRounds } from "../../src/interfaces/IRounds.sol";
import { RoundLedger } from "../../src/RoundLedger.sol";
import { Test } from "../utils/Test.sol";
import { Handler } from "./Handler.sol";
import { Replay } from "./Replay.sol";

/// @notice See README.md. What is refused or taken wrongly fails inside the handler.
contract InvariantTest is Test {
    Handler private handler;
    RoundLedger private ledger;
    Replay private replay;

    function setUp() external {
        handler = new Handler();
        ledger = handler.ledger();
        replay = handler.replay();
    }

    /// @dev Forge asks which contracts to call.
    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function invariant_ReplayRebuildsStorage() external view {
        for (uint64 run = 1; run <= handler.run(); run++) {
            assertEq(keccak256(abi.encode(ledger.stateOf(run))), keccak256(abi.encode(replay.stateOf(run))));
        }
    }

    function invariant_ReplayKnowsAuditors() external view {
        for (uint256 i = 0; i < handler.AUDITOR_KEYS(); i++) {
            bytes32 key = handler.auditorKey(i);
            assertTrue(handler.registry().isAuditor(key) == replay.audits(key));
        }
    }

    /// @dev The replay refuses a round that is finalized twice, and rounds that don't ascend.
    function invariant_FinalizedRoundsStay() external view {
        for (uint64 run = 1; run <= handler.run(); run++) {
            for (uint32 round = 0; round < 12; round++) {
                assertEq(ledger.finalizedOf(run, round), replay.finalized(run, round));
            }
        }
    }

    function invariant_BitmapsNest() external view {
        IRoundLedger.State memory s = ledger.stateOf(handler.run());
        assertEq(s.expected & ~s.roster, 0);
        assertEq(s.revealed & ~s.committed, 0);
        assertEq(s.inputs & ~s.revealed, 0);
    }

    /// @dev The quorum is of the opening; evictions since only make it harder to reach.
    function invariant_QuorumsOverlap() external view {
        IRoundLedger.State memory s = ledger.stateOf(handler.run());
        if (s.phase < IRounds.Phase.Commit) return;
        assertTrue(s.quorum > s.f);
        assertTrue(2 * uint256(s.quorum) > count(s.expected));
    }

    /// @dev A long quiet story reaches everything: otherwise the invariants above would say little.
    function test_StoriesReachEverything() external {
        for (uint256 i = 0; i < 400; i++) {
            uint256 draw = uint256(keccak256(abi.encode(i)));
            handler.everybodySpeaks(draw >> 8, draw >> 16);
            if (draw % 3 == 0) handler.advance(draw);
            if (draw % 5 == 0) handler.enter(draw);
            if (draw % 7 == 0) handler.attestLate(draw, draw);
            if (draw % 101 == 0) handler.revoke(draw, draw % 2 == 0);
            if (draw % 61 == 0) handler.admitAuditor(draw >> 8);
            if (draw % 67 == 0) handler.revokeAuditor(draw >> 8);
            if (draw % 71 == 0) handler.rotatePeerKey(draw >> 8, draw >> 16);
            handler.closeAndOpen(1);
        }
        this.invariant_ReplayRebuildsStorage();
        this.invariant_FinalizedRoundsStay();
        this.invariant_ReplayKnowsAuditors();
        assertTrue(handler.seen(IRoundLedger.RoundFinalized.selector) > 10);
        assertTrue(handler.seen(IRounds.RoundSkipped.selector) > 3);
        assertTrue(handler.seen(IRounds.SeatsBenched.selector) > 0);
        assertTrue(handler.seen(IRounds.Evicted.selector) > 0);
        assertTrue(handler.seen(IRounds.RunClosed.selector) > 1);
        assertTrue(handler.seen(INodeRegistry.AuditorAdmitted.selector) > 1);
        assertTrue(handler.seen(INodeRegistry.AuditorRevoked.selector) > 0);
    }

    function count(uint256 bits) private pure returns (uint256 n) {
        for (; bits != 0; bits &= bits - 1) {
            n++;
        }
    }
}
