// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { IRounds } from "../../src/interfaces/IRounds.sol";
import { Base } from "../utils/Base.sol";

contract CommitTest is Base {
    function setUp() public override {
        super.setUp();
        openWith(4);
    }

    function test_RevertGiven_NoRun() external {
        vm.expectRevert(abi.encodeWithSelector(IRounds.NoRun.selector, 9));
        ledger.commit(9, 0, "c", 0);
    }

    function test_RevertWhen_AnotherRound() external {
        vm.expectRevert(abi.encodeWithSelector(IRounds.WrongRound.selector, 1, 0));
        say(0, 1, "c", 0);
    }

    function test_RevertGiven_AnotherPhase() external {
        open(termsFor(4));
        refusesIn(IRounds.Phase.Entering);
        for (uint256 i = 0; i < 4; i++) {
            enter(i);
        }
        commitAll(15);
        refusesIn(IRounds.Phase.Reveal);
        revealAll(15);
        refusesIn(IRounds.Phase.Hold);
        holdAll(15, 15);
        refusesIn(IRounds.Phase.Attest);
        ledger.closeRun(run);
        refusesIn(IRounds.Phase.Closed);
    }

    function test_RevertWhen_CallerIsNotMember() external {
        vm.expectRevert(abi.encodeWithSelector(IRounds.NotMember.selector, STRANGER));
        vm.prank(STRANGER);
        ledger.commit(run, 0, "c", 0);
    }

    function test_RevertGiven_RevokedThoughNotEvicted() external {
        revokeOnly(0);
        vm.expectRevert(abi.encodeWithSelector(IRounds.NotMember.selector, account(0)));
        say(0, 0, "c", 0);
    }

    function test_RevertGiven_NoSeat() external {
        registry.admit(account(4), peerKey(4), 0);
        vm.expectRevert(abi.encodeWithSelector(IRounds.NotSeated.selector, run, 5));
        say(4, 0, "c", 0);
    }

    function test_RevertGiven_CommittedAlready() external {
        say(2, 0, "c", 0);
        vm.expectRevert(abi.encodeWithSelector(IRounds.Already.selector, 2));
        say(2, 0, "d", 0);
    }

    function test_RevertWhen_Zero() external {
        expectRevert(IRounds.Zero.selector);
        say(0, 0, 0, 0);
    }

    function test_RevertWhen_PrivacyDecreases() external {
        finishRound(15);
        vm.expectRevert(abi.encodeWithSelector(IRounds.PrivacyDecreased.selector, 4, 5));
        say(0, 1, "c", 4);
    }

    function test_RevertWhen_PrivacyExceedsBudget() external {
        vm.expectRevert(abi.encodeWithSelector(IRounds.OverBudget.selector, 1001, 1000));
        say(0, 0, "c", 1001);
        say(0, 0, "c", 1000);
    }

    function testFuzz_Privacy(uint64 before, uint64 declared) external {
        before = uint64(bound(before, 0, 1000));
        declared = uint64(bound(declared, 0, 1100));
        for (uint256 i = 0; i < 4; i++) {
            say(i, 0, "c", before);
        }
        expire();
        assertEq(round(), 1);
        if (declared < before) {
            vm.expectRevert(abi.encodeWithSelector(IRounds.PrivacyDecreased.selector, declared, before));
        } else if (declared > 1000) {
            vm.expectRevert(abi.encodeWithSelector(IRounds.OverBudget.selector, declared, 1000));
        }
        say(0, 1, "c", declared);
    }

    function test_WhenGood() external {
        vm.expectEmit();
        emit IRounds.Committed(run, 0, 3, "c", 7);
        say(2, 0, "c", 7);
        assertEq(state().committed, 4);
        assertPhase(IRounds.Phase.Commit);
    }

    function test_GivenAllExpected() external {
        commitAll(7);
        vm.expectEmit();
        emit IRounds.Committed(run, 0, 4, "c", 5);
        vm.expectEmit();
        emit IRounds.PhaseAdvanced(run, 0, IRounds.Phase.Reveal, uint64(block.timestamp) + REVEAL_SECONDS);
        say(3, 0, "c", 5);
        assertPhase(IRounds.Phase.Reveal);
    }

    function test_AfterDeadlineUntilAdvanced() external {
        vm.warp(state().deadline + 1 days);
        commit(0);
        assertEq(state().committed, 1);
    }

    function refusesIn(IRounds.Phase now_) private {
        assertPhase(now_);
        vm.expectRevert(abi.encodeWithSelector(IRounds.WrongPhase.selector, now_));
        say(0, 0, "c", 5);
    }

    function say(uint256 i, uint32 round_, bytes32 c, uint64 privacy) private {
        vm.prank(account(i));
        ledger.commit(run, round_, c, privacy);
    }
}

/// @notice Seven members, f = 2, at least five updates needed; three seats are benched, so that the four
/// that are waited for are too few by themselves.
contract CommitWithFewExpectedTest is Base {
    function setUp() public override {
        super.setUp();
        openWith(7);
        for (uint256 i = 0; i < 2; i++) {
            commitAll(15);
            expire();
        }
        assertEq(state().expected, 15);
        assertEq(state().f, 2);
        assertEq(round(), 2);
    }

    function test_GivenAllExpectedButTooFew() external {
        commitAll(31);
        assertPhase(IRounds.Phase.Commit);
        expire();
        assertPhase(IRounds.Phase.Reveal);
        revealAll(31);
        assertPhase(IRounds.Phase.Hold);
    }

    function test_GivenAllOfTheRosterWhereExpectedAreTooFew() external {
        commitAll(63);
        assertPhase(IRounds.Phase.Commit);
        commit(6);
        assertPhase(IRounds.Phase.Reveal);
        revealAll(63);
        assertPhase(IRounds.Phase.Reveal);
        reveal(6);
        assertPhase(IRounds.Phase.Hold);
    }

    function test_GivenAllExpectedButTooFewAtTheDeadline() external {
        commitAll(15);
        vm.warp(state().deadline);
        vm.expectEmit();
        emit IRounds.RoundSkipped(run, 2, IRounds.Skip.TooFewCommitted);
        ledger.advance(run);
    }
}
