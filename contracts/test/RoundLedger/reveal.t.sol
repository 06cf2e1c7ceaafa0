// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { IRounds } from "../../src/interfaces/IRounds.sol";
import { Base } from "../utils/Base.sol";

contract RevealTest is Base {
    function setUp() public override {
        super.setUp();
        openWith(4);
        commitAll(7);
        expire();
        assertPhase(IRounds.Phase.Reveal);
    }

    function test_RevertWhen_AnotherRound() external {
        vm.expectRevert(abi.encodeWithSelector(IRounds.WrongRound.selector, 1, 0));
        vm.prank(account(0));
        ledger.reveal(run, 1, "d", 64, 5, "s");
    }

    function test_RevertGiven_AnotherPhase() external {
        revealAll(7);
        refuse(abi.encodeWithSelector(IRounds.WrongPhase.selector, IRounds.Phase.Hold));
        reveal(0);
        finishFromHold();
        refuse(abi.encodeWithSelector(IRounds.WrongPhase.selector, IRounds.Phase.Commit));
        reveal(0);
    }

    function test_RevertWhen_CallerIsNotMember() external {
        vm.expectRevert(abi.encodeWithSelector(IRounds.NotMember.selector, STRANGER));
        vm.prank(STRANGER);
        ledger.reveal(run, 0, "d", 64, 5, "s");
    }

    function test_RevertGiven_NoSeat() external {
        registry.admit(account(4), peerKey(4), 0);
        refuse(abi.encodeWithSelector(IRounds.NotSeated.selector, run, 5));
        reveal(4);
    }

    function test_RevertGiven_DidNotCommit() external {
        refuse(abi.encodeWithSelector(IRounds.RevealMismatch.selector, bytes32(0), commitment(3)));
        reveal(3);
    }

    function test_RevertGiven_CommittedOnlyBefore() external {
        revealAll(7);
        finishFromHold();
        commitAll(14);
        expire();
        // Seat 0 still has the commitment of round 0 in its slot, and opens it truly.
        bytes32 old = ledger.commitmentOf(run, 1, state().base, 1, "d", 64, 5, "s");
        vm.expectRevert(abi.encodeWithSelector(IRounds.RevealMismatch.selector, bytes32(0), old));
        vm.prank(account(0));
        ledger.reveal(run, 1, "d", 64, 5, "s");
    }

    function test_RevertGiven_RevealedAlready() external {
        reveal(1);
        refuse(abi.encodeWithSelector(IRounds.Already.selector, 1));
        reveal(1);
    }

    function test_RevertWhen_DigestIsZero() external {
        expectRevert(IRounds.Zero.selector);
        vm.prank(account(0));
        ledger.reveal(run, 0, 0, 64, 5, "s");
    }

    function testFuzz_RevertWhen_WeightIsNotPowerOfTwo(uint64 weight) external {
        vm.assume(weight == 0 || weight & (weight - 1) != 0);
        vm.expectRevert(abi.encodeWithSelector(IRounds.BadWeight.selector, weight));
        vm.prank(account(0));
        ledger.reveal(run, 0, "d", weight, 5, "s");
    }

    function testFuzz_RevertWhen_SomethingDiffers(bytes32 d, uint8 power, uint64 privacy, bytes32 s) external {
        uint64 weight = uint64(1) << uint64(bound(power, 0, 63));
        vm.assume(d != 0);
        vm.assume(d != digest(0) || weight != 64 || privacy != 5 || s != saltOf(0));
        bytes32 got = ledger.commitmentOf(run, 0, BASE, 1, d, weight, privacy, s);
        vm.expectRevert(abi.encodeWithSelector(IRounds.RevealMismatch.selector, commitment(0), got));
        vm.prank(account(0));
        ledger.reveal(run, 0, d, weight, privacy, s);
    }

    function test_RevertWhen_CommitmentOfAnotherMemberIsCopied() external {
        openAgain();
        bytes32 c = commitment(0);
        vm.prank(account(1));
        ledger.commit(run, 0, c, 5);
        commitAll(13);
        (bytes32 d, bytes32 s) = (digest(0), saltOf(0));
        bytes32 got = ledger.commitmentOf(run, 0, BASE, 2, d, 64, 5, s);
        vm.expectRevert(abi.encodeWithSelector(IRounds.RevealMismatch.selector, c, got));
        vm.prank(account(1));
        ledger.reveal(run, 0, d, 64, 5, s);
    }

    function test_RevertWhen_PrivacyDiffersFromTheDeclared() external {
        openAgain();
        bytes32 c = ledger.commitmentOf(run, 0, BASE, 1, "d", 64, 900, "s");
        vm.prank(account(0));
        ledger.commit(run, 0, c, 5);
        commitAll(14);
        vm.expectRevert(abi.encodeWithSelector(IRounds.RevealMismatch.selector, c, c));
        vm.prank(account(0));
        ledger.reveal(run, 0, "d", 64, 900, "s");
    }

    function test_WhenItOpensTheCommitment() external {
        (bytes32 d, bytes32 s) = (digest(1), saltOf(1));
        vm.expectEmit();
        emit IRounds.Revealed(run, 0, 2, d, 64, 5, s);
        reveal(1);
        assertEq(state().revealed, 2);
        assertPhase(IRounds.Phase.Reveal);
    }

    function test_GivenAllExpectedThatCommitted() external {
        uint256 entropy = 0;
        for (uint256 i = 0; i < 3; i++) {
            entropy ^= uint256(keccak256(abi.encode(saltOf(i), member(i))));
        }
        revealAll(3);
        assertEq(state().seed, 0);
        vm.expectEmit();
        emit IRounds.PhaseAdvanced(run, 0, IRounds.Phase.Hold, uint64(block.timestamp) + HOLD_SECONDS);
        reveal(2);
        bytes32 seed = keccak256(abi.encode(bytes32(0), entropy, run, uint32(0)));
        assertEq(state().seed, seed);

        // The next seed chains on this one, and starts from no salt.
        finishFromHold();
        commitAll(7);
        expire();
        expire();
        assertEq(round(), 2);
        assertEq(state().seed, keccak256(abi.encode(seed, uint256(0), run, uint32(1))));
    }

    function finishFromHold() private {
        holdAll(15, 7);
        attestAll(7, 0);
    }

    function openAgain() private {
        open(termsFor(4));
        for (uint256 i = 0; i < 4; i++) {
            enter(i);
        }
    }
}
