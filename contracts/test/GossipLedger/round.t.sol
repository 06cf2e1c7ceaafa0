// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { IGossipLedger } from "../../src/interfaces/IGossipLedger.sol";
import { IRounds } from "../../src/interfaces/IRounds.sol";
import { GossipBase } from "../utils/GossipBase.sol";

contract GossipRoundTest is GossipBase {
    function setUp() public override {
        super.setUp();
        openWith(4);
    }

    function test_OpenRun_RevertWhen_Parent() external {
        IRounds.Terms memory t = termsFor(4);
        t.parentRun = 1;
        vm.expectRevert(abi.encodeWithSelector(IRounds.BadTerms.selector, "parentRun"));
        gossip.openRun(t, MANIFEST);
    }

    function test_OpenRun_CountsFromAMillion() external {
        assertEq(run, FIRST);
        vm.expectEmit();
        emit IRounds.RunOpened(FIRST + 1, keccak256(MANIFEST), termsFor(4), MANIFEST);
        vm.expectEmit();
        emit IRounds.PhaseAdvanced(FIRST + 1, 0, IRounds.Phase.Entering, uint64(block.timestamp) + ENTER_SECONDS);
        gossip.openRun(termsFor(4), MANIFEST);
        assertEq(ledger.openRun(termsFor(4), MANIFEST), 1);
    }

    function test_Base_GivenNothingAttested() external view {
        assertEq(gossip.modelOf(run, 1), BASE);
        assertEq(gossip.modelOf(run, 99), BASE);
        assertEq(gossip.modelOf(FIRST + 9, 1), 0);
    }

    function test_Base_GivenAttested() external {
        toAttest(15);
        attestOwnAll(3, 15);
        bytes32 mine = own(1);
        expire();
        assertEq(gossip.modelOf(run, 2), mine);
        toAttest(15); // the commitments name each seat's own model
        assertEq(told().revealed, 15);
    }

    function test_Reveal_RevertWhen_CommittedToAnotherBase() external {
        toAttest(15);
        attestOwnAll(15, 15);
        bytes32 wrong = gossip.commitmentOf(run, 1, BASE, 1, digest(0), 64, 5, saltOf(0));
        vm.prank(account(0));
        gossip.commit(run, 1, wrong, 5);
        commitAll(14);
        bytes32 right = commitment(0);
        refuse(abi.encodeWithSelector(IRounds.RevealMismatch.selector, wrong, right));
        reveal(0);
    }

    function test_CloseReveal_GivenEnough() external {
        commitAll(15);
        revealAll(7);
        bytes32 entropy = keccak256(abi.encode(saltOf(0), member(0))) ^ keccak256(abi.encode(saltOf(1), member(1)))
            ^ keccak256(abi.encode(saltOf(2), member(2))) ^ keccak256(abi.encode(saltOf(3), member(3)));
        bytes32 seed = keccak256(abi.encode(bytes32(0), entropy, run, uint32(0)));
        (bytes32 d, bytes32 s) = (digest(3), saltOf(3));
        vm.expectEmit();
        emit IRounds.Revealed(run, 0, 4, d, 64, 5, s);
        vm.expectEmit();
        emit IGossipLedger.NeighboursDrawn(run, 0, 15, seed);
        vm.expectEmit();
        emit IRounds.PhaseAdvanced(
            run, 0, IRounds.Phase.Attest, uint64(block.timestamp) + HOLD_SECONDS + ATTEST_SECONDS
        );
        vm.prank(account(3));
        gossip.reveal(run, 0, d, 64, 5, s);
        assertEq(told().seed, seed);
    }

    function test_CloseReveal_GivenLongestTerms() external {
        IRounds.Terms memory t = termsFor(4);
        (t.holdSeconds, t.attestSeconds) = (type(uint24).max, type(uint24).max);
        open(t);
        for (uint256 i = 0; i < 4; i++) {
            enter(i);
        }
        toAttest(15);
        assertEq(deadline(), block.timestamp + 2 * uint256(type(uint24).max));
    }

    function test_CloseReveal_GivenTooFew() external {
        commitAll(15);
        revealAll(3);
        vm.warp(deadline());
        vm.expectEmit();
        emit IRounds.RoundSkipped(run, 0, IRounds.Skip.TooFewRevealed);
        gossip.advance(run);
        assertTrue(told().seed != 0);
        assertPhase(IRounds.Phase.Commit);
    }

    function test_CloseAttest_RevertWhen_Early() external {
        toAttest(15);
        vm.expectRevert(abi.encodeWithSelector(IRounds.TooEarly.selector, block.timestamp, deadline()));
        gossip.advance(run);
    }

    function test_CloseAttest_BenchesTheSilent() external {
        toAttest(15);
        attestOwnAll(7, 15);
        expire();
        toAttest(15);
        attestOwnAll(7, 15);
        vm.warp(deadline());
        vm.expectEmit();
        emit IGossipLedger.RoundEnded(run, 1);
        vm.expectEmit();
        emit IRounds.SeatsBenched(run, 1, 8);
        gossip.advance(run);
        assertEq(told().expected, 7);
        assertEq(told().roster, 15);
    }

    function test_CloseAttest_BenchesWhoWithholds() external {
        // What was merged in one round says nothing of the next.
        toAttest(15);
        attestOwnAll(15, 15);
        for (uint256 i = 0; i < 2; i++) {
            toAttest(15);
            attestOwn(3, 15);
            attestOwnAll(7, 7);
        }
        assertEq(told().expected, 7);
    }

    function test_CloseAttest_GivenOneFriend() external {
        for (uint256 i = 0; i < 2; i++) {
            toAttest(15);
            attestOwnAll(12, 15);
            attestOwnAll(3, 7);
        }
        assertEq(told().expected, 15);
    }

    function test_CloseAttest_GivenOnlyOneAttested() external {
        toAttest(15);
        attestOwn(0, 15);
        expire();
        toAttest(15);
        attestOwn(0, 15);
        vm.warp(deadline());
        vm.expectEmit();
        emit IGossipLedger.RoundEnded(run, 1);
        vm.expectEmit();
        emit IRounds.SeatsBenched(run, 1, 14);
        gossip.advance(run);
    }

    function test_Evict_GivenAttest() external {
        toAttest(15);
        revoke(3);
        assertEq(told().revealed, 15);
        assertEq(told().expected, 7);
        attestOwnAll(7, 15);
        assertEq(round(), 1);
    }

    function test_Evict_GivenAllOthersAttested() external {
        toAttest(15);
        attestOwnAll(7, 15);
        revoke(3);
        assertEq(round(), 1);
        assertEq(told().roster, 7);
    }

    function test_Evict_GivenReveal() external {
        commitAll(15);
        reveal(3);
        revoke(3);
        assertEq(told().revealed, 0);
        revealAll(7);
        assertPhase(IRounds.Phase.Attest);
        assertEq(told().revealed, 7);
    }
}
