// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { IRoundLedger } from "../../src/interfaces/IRoundLedger.sol";
import { IRounds } from "../../src/interfaces/IRounds.sol";
import { Base } from "../utils/Base.sol";

contract AdvanceTest is Base {
    function test_RevertGiven_NoRun() external {
        vm.expectRevert(abi.encodeWithSelector(IRounds.NoRun.selector, 9));
        ledger.advance(9);
    }

    function test_RevertGiven_Closed() external {
        openWith(4);
        ledger.closeRun(run);
        vm.expectRevert(abi.encodeWithSelector(IRounds.WrongPhase.selector, IRounds.Phase.Closed));
        ledger.advance(run);
    }

    function testFuzz_RevertWhen_TooEarly(uint64 early) external {
        openWith(4);
        uint64 deadline = state().deadline;
        early = uint64(bound(early, 1, COMMIT_SECONDS));
        vm.warp(deadline - early);
        vm.expectRevert(abi.encodeWithSelector(IRounds.TooEarly.selector, deadline - early, deadline));
        ledger.advance(run);
    }

    function test_GivenEntering_EnoughEntered() external {
        IRounds.Terms memory t = termsFor(4);
        t.minInputs = 3;
        admit(4);
        open(t);
        enter(0);
        enter(1);
        enter(2);
        expire();
        assertPhase(IRounds.Phase.Commit);
        assertEq(state().roster, 7);
        assertEq(state().f, 0);
        assertEq(state().quorum, 3);
    }

    function test_GivenEntering_TooFewEntered() external {
        IRounds.Terms memory t = termsFor(4);
        t.minInputs = 3;
        admit(4);
        open(t);
        enter(0);
        enter(1);
        vm.warp(state().deadline + 7);
        vm.expectEmit();
        emit IRounds.PhaseAdvanced(run, 0, IRounds.Phase.Entering, uint64(block.timestamp) + ENTER_SECONDS);
        ledger.advance(run);
        assertEq(state().roster, 3);
    }

    function test_GivenCommit_Enough() external {
        openWith(4);
        commitAll(7);
        // The next deadline counts from the block, not from the deadline that passed.
        vm.warp(state().deadline + 1000);
        vm.expectEmit();
        emit IRounds.PhaseAdvanced(run, 0, IRounds.Phase.Reveal, uint64(block.timestamp) + REVEAL_SECONDS);
        ledger.advance(run);
    }

    function test_GivenCommit_TooFew() external {
        openWith(4);
        commitAll(3);
        skips(IRounds.Skip.TooFewCommitted);
        assertEq(state().seed, 0);
    }

    function test_GivenCommit_FewerThanMinInputs() external {
        IRounds.Terms memory t = termsFor(4);
        t.minInputs = 4;
        openWith(t);
        commitAll(7);
        skips(IRounds.Skip.TooFewCommitted);
    }

    function test_GivenReveal_Enough() external {
        openWith(4);
        commitAll(15);
        revealAll(7);
        expire();
        assertPhase(IRounds.Phase.Hold);
    }

    function test_GivenReveal_TooFew() external {
        openWith(4);
        commitAll(15);
        revealAll(3);
        skips(IRounds.Skip.TooFewRevealed);
        assertTrue(state().seed != 0);
    }

    function test_GivenHold_Enough() external {
        openWith(4);
        commitAll(15);
        revealAll(15);
        holdAll(7, 7);
        expire();
        assertPhase(IRounds.Phase.Attest);
        assertEq(state().inputs, 7);
    }

    function test_GivenHold_TooFew() external {
        openWith(4);
        commitAll(15);
        revealAll(15);
        holdAll(3, 15);
        skips(IRounds.Skip.TooFewInputs);
    }

    function test_GivenAttest() external {
        openWith(4);
        commitAll(15);
        revealAll(15);
        holdAll(15, 15);
        attestAll(3, 0);
        skips(IRounds.Skip.NoQuorum);
        assertEq(ledger.finalizedOf(run, 0), 0);
    }

    function test_GivenLastRound() external {
        IRounds.Terms memory t = termsFor(4);
        t.rounds = 1;
        openWith(t);
        vm.warp(state().deadline);
        vm.expectEmit();
        emit IRounds.RoundSkipped(run, 0, IRounds.Skip.TooFewCommitted);
        vm.expectEmit();
        emit IRounds.RunClosed(run, IRounds.Close.RoundsDone);
        ledger.advance(run);
    }

    function skips(IRounds.Skip reason) private {
        vm.warp(state().deadline);
        vm.expectEmit();
        emit IRounds.RoundSkipped(run, 0, reason);
        vm.expectEmit();
        emit IRoundLedger.RoundOpened(run, 1, BASE, 15, 15, 1, 3, uint64(block.timestamp) + COMMIT_SECONDS);
        ledger.advance(run);
    }
}

contract BenchingTest is Base {
    function setUp() public override {
        super.setUp();
        openWith(4);
    }

    function test_GivenAbsentTwiceInCommit() external {
        roundWithout(8);
        assertEq(state().expected, 15);
        roundWithout(8);
        assertEq(state().expected, 7);
        assertEq(state().roster, 15);
        assertEq(state().quorum, 3);
        assertEq(state().f, 1);

        // Not waited for, still allowed to take part.
        commit(3);
        finishRound(7);
    }

    function test_GivenAbsentTwice_Event() external {
        expire();
        vm.warp(state().deadline);
        vm.expectEmit();
        emit IRounds.RoundSkipped(run, 1, IRounds.Skip.TooFewCommitted);
        vm.expectEmit();
        emit IRounds.SeatsBenched(run, 1, 15);
        ledger.advance(run);
    }

    function test_GivenAbsentInReveal() external {
        for (uint256 i = 0; i < 2; i++) {
            commitAll(15);
            revealAll(7);
            expire();
            holdAll(15, 7);
            attestAll(7, i);
        }
        assertEq(state().expected, 7);
    }

    function test_GivenAbsentInHold() external {
        for (uint256 i = 0; i < 2; i++) {
            commitAll(15);
            revealAll(15);
            holdAll(7, 15);
            expire();
            attestAll(7, i);
        }
        assertEq(state().expected, 7);
    }

    function test_GivenAbsentInAttest() external {
        for (uint256 i = 0; i < 2; i++) {
            commitAll(15);
            revealAll(15);
            holdAll(15, 15);
            attest(0, 0);
            attest(1, 1);
            attest(2, 2);
            expire();
        }
        assertEq(state().expected, 7);
    }

    function test_GivenLateInAttest() external {
        for (uint256 i = 0; i < 3; i++) {
            finishRound(15);
        }
        assertEq(state().expected, 15);
    }

    function test_GivenWithheld() external {
        for (uint256 i = 0; i < 2; i++) {
            commitAll(15);
            revealAll(15);
            holdAll(7, 7);
            hold(3, 15);
            assertEq(state().inputs, 7);
            attestAll(7, i);
        }
        assertEq(state().expected, 7);
    }

    function test_GivenFailedForWantOfAnUpdate() external {
        IRounds.Terms memory t = termsFor(4);
        t.minInputs = 4;
        open(t);
        for (uint256 i = 0; i < 4; i++) {
            enter(i);
        }
        for (uint32 i = 0; i < 2; ++i) {
            commitAll(15);
            revealAll(15);
            holdAll(7, 7);
            hold(3, 15);
            assertEq(round(), i + 1);
        }
        assertEq(state().expected, 7);
    }

    function test_GivenFailedForWantOfHolds() external {
        for (uint32 i = 0; i < 2; ++i) {
            commitAll(15);
            revealAll(15);
            holdAll(3, 15);
            expire();
        }
        assertEq(state().expected, 3);
    }

    function test_GivenPresentInBetween() external {
        roundWithout(8);
        finishRound(15);
        roundWithout(8);
        assertEq(state().expected, 15);
        roundWithout(8);
        assertEq(state().expected, 7);
    }

    function test_GivenAbsentInOtherPhases() external {
        roundWithout(8);
        commitAll(15);
        revealAll(7);
        expire();
        holdAll(15, 7);
        attestAll(7, 1);
        assertEq(state().expected, 7);
    }

    /// @dev Nobody is left to wait for: everybody is. Whoever comes back by entering is counted again.
    function test_GivenAllAreGone() external {
        expire();
        expire();
        assertEq(round(), 2);
        assertEq(state().expected, 15);
        assertEq(state().quorum, 3);
        finishRound(15);
        enter(0);
        finishRound(15);
        finishRound(15);
        assertEq(round(), 5);
        // One seat isn't more than f = 1.
        assertEq(state().expected, 15);
        enter(1);
        finishRound(15);
        finishRound(15);
        assertEq(state().expected, 3);
        assertEq(state().quorum, 2);
    }

    function test_GivenBenchedStartsAfresh() external {
        roundWithout(8);
        roundWithout(8);
        enter(3);
        assertEq(round(), 2);
        roundWithout(8);
        roundWithout(8);
        assertEq(round(), 4);
        assertEq(state().expected, 15);
        roundWithout(8);
        assertEq(state().expected, 15);
        roundWithout(8);
        assertEq(state().expected, 7);
    }

    function roundWithout(uint256 absent) private {
        uint256 seats = 15 & ~absent;
        bool waits = state().expected & absent != 0;
        commitAll(seats);
        if (waits) expire();
        revealAll(seats);
        holdAll(seats, seats);
        if (waits) expire();
        attestAll(seats, round());
    }
}
