// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { IRoundLedger } from "../../src/interfaces/IRoundLedger.sol";
import { IRounds } from "../../src/interfaces/IRounds.sol";
import { Quorum } from "../../src/libraries/Quorum.sol";
import { Base } from "../utils/Base.sol";

contract HoldTest is Base {
    function setUp() public override {
        super.setUp();
        openWith(4);
        commitAll(15);
        revealAll(15);
    }

    function test_RevertWhen_AnotherRound() external {
        vm.expectRevert(abi.encodeWithSelector(IRounds.WrongRound.selector, 1, 0));
        vm.prank(account(0));
        ledger.hold(run, 1, 1);
    }

    function test_RevertGiven_AnotherPhase() external {
        holdAll(15, 15);
        refuse(abi.encodeWithSelector(IRounds.WrongPhase.selector, IRounds.Phase.Attest));
        hold(0, 1);
    }

    function test_RevertWhen_CallerIsNotMember() external {
        vm.expectRevert(abi.encodeWithSelector(IRounds.NotMember.selector, STRANGER));
        vm.prank(STRANGER);
        ledger.hold(run, 0, 1);
    }

    function test_RevertGiven_NoSeat() external {
        registry.admit(account(4), peerKey(4), 0);
        refuse(abi.encodeWithSelector(IRounds.NotSeated.selector, run, 5));
        hold(4, 1);
    }

    function test_RevertGiven_HeldAlready() external {
        hold(0, 0);
        refuse(abi.encodeWithSelector(IRounds.Already.selector, 0));
        hold(0, 1);
    }

    function testFuzz_RevertWhen_NotRevealed(uint256 bits) external {
        vm.assume(bits & ~uint256(15) != 0);
        refuse(abi.encodeWithSelector(IRounds.NotRevealed.selector, bits & ~uint256(15)));
        hold(0, bits);
    }

    function test_WhenRevealedOnly() external {
        vm.expectEmit();
        emit IRoundLedger.Held(run, 0, 2, 11);
        vm.prank(account(1));
        ledger.hold(run, 0, 11);
        assertEq(state().held, 2);
        assertPhase(IRounds.Phase.Hold);
    }

    function test_GivenEnoughAreHeldByAQuorum() external {
        hold(0, 15);
        hold(1, 7);
        hold(2, 7);
        vm.expectEmit();
        emit IRoundLedger.Held(run, 0, 4, 9);
        vm.expectEmit();
        emit IRoundLedger.InputsFixed(run, 0, 7, state().seed);
        vm.expectEmit();
        emit IRounds.PhaseAdvanced(run, 0, IRounds.Phase.Attest, uint64(block.timestamp) + ATTEST_SECONDS);
        vm.prank(account(3));
        ledger.hold(run, 0, 9);
        assertEq(state().inputs, 7);
    }

    function test_GivenTooFewAreHeld() external {
        hold(0, 15);
        hold(1, 3);
        hold(2, 3);
        vm.expectEmit();
        emit IRoundLedger.Held(run, 0, 4, 12);
        vm.expectEmit();
        emit IRounds.RoundSkipped(run, 0, IRounds.Skip.TooFewInputs);
        vm.expectEmit();
        emit IRoundLedger.RoundOpened(run, 1, BASE, 15, 15, 1, 3, uint64(block.timestamp) + COMMIT_SECONDS);
        vm.prank(account(3));
        ledger.hold(run, 0, 12);
    }

    /// @dev Any votes by any number of seats give the inputs that counting one by one gives, in a
    /// second round too, when the counters are full of the first.
    function testFuzz_InputsAreThoseCounted(uint256 random, uint256 count) external {
        count = bound(count, 5, 24);
        for (uint256 i = 4; i < count; i++) {
            registry.admit(account(i), peerKey(i), 0);
        }
        open(termsFor(count));
        for (uint256 i = 0; i < count; i++) {
            enter(i);
        }
        for (uint256 k = 0; k < 2; k++) {
            uint32 r = round();
            commitAll(first(count));
            revealAll(first(count));
            uint256[] memory votes = new uint256[](count);
            for (uint256 i = 0; i < count; i++) {
                // Mostly held, so that about half of the updates reach the quorum.
                uint256 draw = uint256(keccak256(abi.encode(random, r, i)));
                uint256 again = uint256(keccak256(abi.encode(draw)));
                uint256 bits = (draw | again) & first(count);
                for (uint256 j = 0; j < count; j++) {
                    votes[j] += bits >> j & 1;
                }
                hold(i, bits);
            }
            checkInputs(votes, r);
            if (round() == r) expire();
        }
    }

    function checkInputs(uint256[] memory votes, uint32 r) private view {
        (, uint8 f, uint8 quorum) = Quorum.fix(first(votes.length), first(votes.length));
        uint256 inputs = 0;
        uint256 count = 0;
        for (uint256 j = 0; j < votes.length; j++) {
            if (votes[j] < quorum) continue;
            inputs |= uint256(1) << j;
            count++;
        }
        if (count > 2 * uint256(f)) {
            assertEq(state().inputs, inputs);
        } else {
            assertEq(round(), r + 1);
        }
    }
}
