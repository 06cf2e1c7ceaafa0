// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { IRoundLedger } from "../../src/interfaces/IRoundLedger.sol";
import { IRounds } from "../../src/interfaces/IRounds.sol";
import { Base } from "../utils/Base.sol";

contract AttestTest is Base {
    function setUp() public override {
        super.setUp();
        IRounds.Terms memory t = termsFor(4);
        t.rounds = 3;
        openWith(t);
        toAttest();
    }

    function test_RevertGiven_NoRun() external {
        vm.expectRevert(abi.encodeWithSelector(IRounds.NoRun.selector, 9));
        ledger.attest(9, 0, "m", "r");
    }

    function test_RevertWhen_AnotherRound() external {
        refuse(abi.encodeWithSelector(IRounds.WrongRound.selector, 1, 0));
        attest(0, 1, 0);
        refuse(abi.encodeWithSelector(IRounds.WrongRound.selector, type(uint32).max, 0));
        attest(0, type(uint32).max, 0);
    }

    function test_RevertGiven_AnotherPhase() external {
        attestAll(7, 0);
        refuse(abi.encodeWithSelector(IRounds.WrongPhase.selector, IRounds.Phase.Commit));
        attest(3, 1, 0);
    }

    function test_RevertWhen_CallerIsNotMember() external {
        vm.expectRevert(abi.encodeWithSelector(IRounds.NotMember.selector, STRANGER));
        vm.prank(STRANGER);
        ledger.attest(run, 0, "m", "r");
    }

    function test_RevertGiven_NoSeat() external {
        registry.admit(account(4), peerKey(4), 0);
        refuse(abi.encodeWithSelector(IRounds.NotSeated.selector, run, 5));
        attest(4, 0);
    }

    function test_RevertGiven_AttestedAlready() external {
        attest(0, 0);
        refuse(abi.encodeWithSelector(IRounds.Already.selector, 0));
        attest(0, 1);
    }

    function test_RevertWhen_Zero() external {
        expectRevert(IRounds.Zero.selector);
        vm.prank(account(0));
        ledger.attest(run, 0, 0, "r");
        expectRevert(IRounds.Zero.selector);
        vm.prank(account(0));
        ledger.attest(run, 0, "m", 0);
    }

    function test_WhenTooFew() external {
        vm.expectEmit();
        emit IRoundLedger.Attested(run, 0, 1, merged(0), receipt(0));
        vm.prank(account(0));
        ledger.attest(run, 0, merged(0), receipt(0));
        attest(1, 0);
        attest(2, 1);
        assertEq(state().attested, 7);
        assertPhase(IRounds.Phase.Attest);
        assertEq(ledger.finalizedOf(run, 0), 0);
    }

    function test_WhenEqualModelsHaveOtherReceipts() external {
        for (uint256 i = 0; i < 4; i++) {
            vm.prank(account(i));
            ledger.attest(run, 0, merged(0), receipt(i));
        }
        assertPhase(IRounds.Phase.Attest);
    }

    function test_WhenQuorum() external {
        attest(0, 0);
        attest(1, 1);
        attest(2, 0);
        vm.expectEmit();
        emit IRoundLedger.Attested(run, 0, 4, merged(0), receipt(0));
        vm.expectEmit();
        emit IRoundLedger.RoundFinalized(run, 0, merged(0), receipt(0));
        vm.expectEmit();
        emit IRoundLedger.RoundOpened(run, 1, merged(0), 15, 15, 1, 3, uint64(block.timestamp) + COMMIT_SECONDS);
        vm.prank(account(3));
        ledger.attest(run, 0, merged(0), receipt(0));
        assertEq(ledger.finalizedOf(run, 0), merged(0));
        assertEq(state().base, merged(0));
    }

    function test_WhenTheSameAnswerComesAgainInAnotherRound() external {
        attestAll(3, 0);
        expire();
        toAttest();
        attestAll(3, 0);
        assertEq(round(), 1);
        assertPhase(IRounds.Phase.Attest);
        attest(2, 0);
        assertEq(round(), 2);
    }

    function test_GivenLastRound() external {
        attestAll(7, 0);
        finishRound(15);
        toAttest();
        attestAll(3, 2);
        vm.expectEmit();
        emit IRounds.RunClosed(run, IRounds.Close.RoundsDone);
        vm.prank(account(2));
        ledger.attest(run, 2, merged(2), receipt(2));
        assertPhase(IRounds.Phase.Closed);

        // The last round may be attested late; rounds before it not any more, nor twice.
        attest(3, 2, 9);
        assertEq(ledger.finalizedOf(run, 2), merged(2));
        refuse(abi.encodeWithSelector(IRounds.Already.selector, 3));
        attest(3, 2, 2);
        refuse(abi.encodeWithSelector(IRounds.WrongRound.selector, 0, 2));
        attest(3, 0, 0);
    }

    function test_GivenFinalizedBefore() external {
        attestAll(7, 0);
        vm.expectEmit();
        emit IRoundLedger.Attested(run, 0, 4, merged(1), receipt(1));
        attest(3, 0, 1);
        refuse(abi.encodeWithSelector(IRounds.Already.selector, 3));
        attest(3, 0, 0);
        refuse(abi.encodeWithSelector(IRounds.Already.selector, 2));
        attest(2, 0, 0);
        assertEq(state().attested, 0);
        assertEq(ledger.finalizedOf(run, 0), merged(0));
    }

    function test_GivenFinalizedBefore_InEachPhase() external {
        attestAll(7, 0);
        commitAll(15);
        revealAll(15);
        holdAll(15, 15);
        attest(0, 1);
        attest(3, 0, 0);
        assertEq(state().attested, 1);
        attest(3, 1);
        attest(1, 1);
        assertEq(round(), 2);
        refuse(abi.encodeWithSelector(IRounds.WrongRound.selector, 0, 2));
        attest(3, 0, 0);
    }

    function test_GivenFinalizedBefore_WhenSeatJoinedSince() external {
        attestAll(7, 0);
        registry.admit(account(4), peerKey(4), 0);
        IRounds.Terms memory t = termsFor(4);
        t.joinDelay = 1;
        open(t);
        for (uint256 i = 0; i < 4; i++) {
            enter(i);
        }
        enter(4);
        finishRound(15);
        assertEq(state().roster, 31);
        refuse(abi.encodeWithSelector(IRounds.NotSeated.selector, run, 5));
        attest(4, 0, 0);
    }

    function test_RevertGiven_SkippedBefore() external {
        expire();
        assertEq(round(), 1);
        refuse(abi.encodeWithSelector(IRounds.WrongRound.selector, 0, 1));
        attest(0, 0, 0);
    }

    function toAttest() private {
        commitAll(15);
        revealAll(15);
        holdAll(15, 15);
        assertPhase(IRounds.Phase.Attest);
    }
}
