// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { IRoundLedger } from "../../src/interfaces/IRoundLedger.sol";
import { IRounds } from "../../src/interfaces/IRounds.sol";
import { Base } from "../utils/Base.sol";

contract EnterTest is Base {
    function test_RevertGiven_NoRun() external {
        vm.expectRevert(abi.encodeWithSelector(IRounds.NoRun.selector, 9));
        ledger.enter(9);
    }

    function test_RevertGiven_Closed() external {
        openWith(4);
        ledger.closeRun(run);
        refuse(abi.encodeWithSelector(IRounds.WrongPhase.selector, IRounds.Phase.Closed));
        enter(0);
    }

    function test_RevertWhen_CallerIsNotMember() external {
        open(termsFor(4));
        refuse(abi.encodeWithSelector(IRounds.NotMember.selector, account(0)));
        enter(0);
    }

    function test_RevertGiven_AllSeatsTaken() external {
        openWith(256);
        registry.admit(account(256), peerKey(256), 0);
        refuse(abi.encodeWithSelector(IRounds.RunFull.selector, run));
        enter(256);
    }

    function test_RevertGiven_WaitedFor() external {
        admit(2);
        open(termsFor(2));
        enter(0);
        refuse(abi.encodeWithSelector(IRounds.AlreadyEntered.selector, run, 1));
        enter(0);
        enter(1);
        refuse(abi.encodeWithSelector(IRounds.AlreadyEntered.selector, run, 1));
        enter(0);
    }

    function test_RevertGiven_WillBeWaitedFor() external {
        openWith(4);
        registry.admit(account(4), peerKey(4), 0);
        enter(4);
        refuse(abi.encodeWithSelector(IRounds.AlreadyEntered.selector, run, 5));
        enter(4);
        finishRound(15);
        refuse(abi.encodeWithSelector(IRounds.AlreadyEntered.selector, run, 5));
        enter(4);
        finishRound(15);
        refuse(abi.encodeWithSelector(IRounds.AlreadyEntered.selector, run, 5));
        enter(4);
    }

    function test_GivenEntering() external {
        admit(2);
        open(termsFor(3));
        vm.expectEmit();
        emit IRounds.Entered(run, 1, 0, 0);
        enter(0);
        vm.prank(account(1));
        assertEq(ledger.enter(run), 1);
        assertEq(state().roster, 3);
        assertPhase(IRounds.Phase.Entering);
    }

    function test_WhenLastSeat() external {
        admit(4);
        open(termsFor(4));
        enter(0);
        enter(1);
        enter(2);
        vm.expectEmit();
        emit IRounds.Entered(run, 4, 3, 0);
        vm.expectEmit();
        emit IRoundLedger.RoundOpened(run, 0, BASE, 15, 15, 1, 3, uint64(block.timestamp) + COMMIT_SECONDS);
        enter(3);
        assertPhase(IRounds.Phase.Commit);
    }

    function test_GivenSeatWasFreed() external {
        admit(3);
        open(termsFor(2));
        enter(0);
        revoke(0);
        assertEq(state().roster, 0);
        vm.prank(account(1));
        assertEq(ledger.enter(run), 1);
        assertPhase(IRounds.Phase.Entering);
        enter(2);
        assertPhase(IRounds.Phase.Commit);
        assertEq(state().roster, 6);
    }

    function test_GivenUnderWay() external {
        openWith(4);
        registry.admit(account(4), peerKey(4), 0);
        vm.expectEmit();
        emit IRounds.Entered(run, 5, 4, 2);
        enter(4);
        refuse(abi.encodeWithSelector(IRounds.NotSeated.selector, run, 5));
        commit(4);
        finishRound(15);
        assertEq(state().roster, 15);
        refuse(abi.encodeWithSelector(IRounds.NotSeated.selector, run, 5));
        commit(4);
        finishRound(15);
        assertEq(state().roster, 31);
        assertEq(state().expected, 31);
        finishRound(31);
    }

    function test_GivenBenched() external {
        openWith(4);
        benchLast();
        assertEq(round(), 2);
        vm.expectEmit();
        emit IRounds.Entered(run, 4, 3, 4);
        enter(3);
        finishRound(7);
        assertEq(state().expected, 7);
        finishRound(7);
        assertEq(state().expected, 15);
        benchLast();
        assertEq(round(), 6);
        vm.expectEmit();
        emit IRounds.Entered(run, 4, 3, 9);
        enter(3);
        finishRound(7);
        refuse(abi.encodeWithSelector(IRounds.AlreadyEntered.selector, run, 4));
        enter(3);
    }

    /// @dev Seat 3 misses two rounds that the others finish.
    function benchLast() private {
        for (uint256 i = 0; i < 2; i++) {
            commitAll(7);
            expire();
            revealAll(7);
            holdAll(7, 7);
            expire();
            attestAll(7, round());
        }
        assertEq(state().expected, 7);
        assertEq(state().roster, 15);
    }
}
