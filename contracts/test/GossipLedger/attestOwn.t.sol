// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { IGossipLedger } from "../../src/interfaces/IGossipLedger.sol";
import { IRounds } from "../../src/interfaces/IRounds.sol";
import { GossipBase } from "../utils/GossipBase.sol";

contract AttestOwnTest is GossipBase {
    function setUp() public override {
        super.setUp();
        IRounds.Terms memory t = termsFor(4);
        t.rounds = 3;
        openWith(t);
    }

    function test_RevertGiven_NoRun() external {
        vm.expectRevert(abi.encodeWithSelector(IRounds.NoRun.selector, 1));
        gossip.attestOwn(1, 0, 1, "m", "r");
    }

    function test_RevertGiven_AnotherPhase() external {
        refuse(abi.encodeWithSelector(IRounds.WrongPhase.selector, IRounds.Phase.Commit));
        attestOwn(0, 1);
        commitAll(15);
        revealAll(7);
        refuse(abi.encodeWithSelector(IRounds.WrongPhase.selector, IRounds.Phase.Reveal));
        attestOwn(0, 1);
    }

    function test_RevertWhen_AnotherRound() external {
        toAttest(15);
        vm.expectRevert(abi.encodeWithSelector(IRounds.WrongRound.selector, 1, 0));
        vm.prank(account(0));
        gossip.attestOwn(run, 1, 15, "m", "r");
    }

    function test_RevertWhen_CallerIsNotMember() external {
        toAttest(15);
        vm.expectRevert(abi.encodeWithSelector(IRounds.NotMember.selector, STRANGER));
        vm.prank(STRANGER);
        gossip.attestOwn(run, 0, 15, "m", "r");
    }

    function test_RevertGiven_NoSeat() external {
        toAttest(15);
        registry.admit(account(4), peerKey(4), 0);
        refuse(abi.encodeWithSelector(IRounds.NotSeated.selector, run, 5));
        attestOwn(4, 15);
    }

    function test_RevertGiven_AttestedAlready() external {
        toAttest(15);
        attestOwn(0, 15);
        refuse(abi.encodeWithSelector(IRounds.Already.selector, 0));
        attestOwn(0, 1);
    }

    function test_RevertWhen_Zero() external {
        toAttest(15);
        expectRevert(IRounds.Zero.selector);
        vm.prank(account(0));
        gossip.attestOwn(run, 0, 15, 0, "r");
        expectRevert(IRounds.Zero.selector);
        vm.prank(account(0));
        gossip.attestOwn(run, 0, 15, "m", 0);
    }

    function test_RevertGiven_NotRevealed() external {
        withoutLast();
        refuse(abi.encodeWithSelector(IRounds.NotRevealed.selector, 8));
        attestOwn(3, 15);
        refuse(abi.encodeWithSelector(IRounds.NotRevealed.selector, 8));
        attestOwn(3, 7);
    }

    function test_RevertWhen_InputsWereNotRevealed() external {
        withoutLast();
        refuse(abi.encodeWithSelector(IRounds.NotRevealed.selector, 24));
        attestOwn(0, 31);
    }

    function test_RevertWhen_OwnIsLeftOut() external {
        toAttest(15);
        refuse(abi.encodeWithSelector(IGossipLedger.OwnMissing.selector, 2));
        attestOwn(2, 11);
        refuse(abi.encodeWithSelector(IGossipLedger.OwnMissing.selector, 2));
        attestOwn(2, 0);
    }

    function test_WhenOthersAreWaitedFor() external {
        toAttest(15);
        vm.expectEmit();
        emit IGossipLedger.AttestedOwn(run, 0, 2, 3, merged(7), receipt(7));
        vm.prank(account(1));
        gossip.attestOwn(run, 0, 3, merged(7), receipt(7));
        assertEq(told().attested, 2);
        assertEq(gossip.modelOf(run, 2), merged(7));
        assertEq(gossip.modelOf(run, 1), BASE);
        assertPhase(IRounds.Phase.Attest);
    }

    function test_WhenAllHave() external {
        toAttest(15);
        attestOwnAll(7, 15);
        (bytes32 m, bytes32 r) = (own(3), receipt(3));
        vm.expectEmit();
        emit IGossipLedger.AttestedOwn(run, 0, 4, 15, m, r);
        vm.expectEmit();
        emit IGossipLedger.RoundEnded(run, 0);
        vm.expectEmit();
        emit IGossipLedger.RoundBegan(run, 1, 15, 15, 1, uint64(block.timestamp) + COMMIT_SECONDS);
        vm.prank(account(3));
        gossip.attestOwn(run, 0, 15, m, r);
        assertEq(told().attested, 0);
    }

    function test_WhenAllThatRevealedHave() external {
        withoutLast();
        attestOwnAll(7, 7);
        assertEq(round(), 1);
    }

    function test_WhenTooFewAreWaitedFor() external {
        for (uint256 i = 0; i < 2; i++) {
            withoutLast();
            attestOwnAll(3, 7);
            expire();
        }
        // Seats 2 and 3 are benched; three are enough to merge.
        withoutLast();
        attestOwnAll(3, 7);
        assertPhase(IRounds.Phase.Attest);
        attestOwn(2, 7);
        assertPhase(IRounds.Phase.Closed);
    }

    function test_GivenLastRound() external {
        for (uint256 i = 0; i < 3; i++) {
            toAttest(15);
            attestOwnAll(15, 15);
        }
        assertPhase(IRounds.Phase.Closed);
    }

    function test_RevertWhen_RoundBefore() external {
        withoutLast();
        attestOwnAll(3, 7);
        expire();
        vm.expectRevert(abi.encodeWithSelector(IRounds.WrongRound.selector, 0, 1));
        vm.prank(account(2));
        gossip.attestOwn(run, 0, 7, "m", "r");
    }

    function testFuzz_AttestOwn(uint8 seat, uint256 inputs, uint256 revealed) external {
        seat = uint8(bound(seat, 0, 3));
        revealed = (revealed & 15) | 7;
        commitAll(15);
        revealAll(revealed);
        if (revealed != 15) expire();
        uint256 unknown = (inputs | uint256(1) << seat) & ~revealed;
        if (unknown != 0) refuse(abi.encodeWithSelector(IRounds.NotRevealed.selector, unknown));
        else if (inputs >> seat & 1 == 0) refuse(abi.encodeWithSelector(IGossipLedger.OwnMissing.selector, seat));
        attestOwn(seat, inputs);
        bool taken = unknown == 0 && inputs >> seat & 1 == 1;
        assertEq(told().attested, taken ? uint256(1) << seat : 0);
        assertEq(gossip.modelOf(run, member(seat)), taken ? own(seat) : BASE);
    }

    /// @dev Attest, with three of four.
    function withoutLast() private {
        commitAll(7);
        if (phase() == IRounds.Phase.Commit) expire();
        revealAll(7);
        if (phase() == IRounds.Phase.Reveal) expire();
        assertPhase(IRounds.Phase.Attest);
    }
}
