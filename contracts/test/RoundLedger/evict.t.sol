// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { IRoundLedger } from "../../src/interfaces/IRoundLedger.sol";
import { IRounds } from "../../src/interfaces/IRounds.sol";
import { Base } from "../utils/Base.sol";

contract EvictTest is Base {
    function test_RevertGiven_NoRun() external {
        vm.expectRevert(abi.encodeWithSelector(IRounds.NoRun.selector, 9));
        ledger.evict(9, 1);
    }

    function test_RevertGiven_Active() external {
        openWith(5);
        vm.expectRevert(abi.encodeWithSelector(IRounds.StillActive.selector, 1));
        ledger.evict(run, 1);
    }

    function test_GivenNothingToDo() external {
        openWith(5);
        revoke(0);
        bytes32 before = keccak256(abi.encode(state()));
        ledger.evict(run, 1);
        ledger.evict(run, 77);
        ledger.closeRun(run);
        revokeOnly(1);
        bytes32 closed = keccak256(abi.encode(state()));
        ledger.evict(run, 2);
        assertEq(keccak256(abi.encode(state())), closed);
        assertTrue(before != closed);
    }

    function test_AnybodyMayCall() external {
        openWith(5);
        revokeOnly(2);
        vm.expectEmit();
        emit IRounds.Evicted(run, 3, 2);
        vm.prank(STRANGER);
        ledger.evict(run, 3);
        assertEq(state().roster, 27);
        assertEq(state().expected, 27);
    }

    function test_GivenEntering() external {
        admit(3);
        open(termsFor(2));
        enter(0);
        revoke(0);
        assertEq(state().roster, 0);
        enter(1);
        enter(2);
        assertEq(state().expected, 6);
    }

    function test_GivenPending() external {
        openWith(4);
        registry.admit(account(4), peerKey(4), 0);
        enter(4);
        revoke(4);
        finishRound(15);
        finishRound(15);
        assertEq(state().roster, 15);
    }

    function test_GivenCommit() external {
        openWith(5);
        commitAll(3);
        revoke(0);
        assertEq(state().committed, 2);
        assertPhase(IRounds.Phase.Commit);
        assertEq(state().quorum, 4);
    }

    function test_GivenCommit_OthersCommitted() external {
        openWith(5);
        commitAll(15);
        revoke(4);
        assertPhase(IRounds.Phase.Reveal);
        assertEq(state().committed, 15);
        // The next round counts without it.
        revealAll(15);
        holdAll(15, 15);
        attestAll(15, 0);
        assertEq(state().roster, 15);
        assertEq(state().quorum, 3);
    }

    function test_GivenReveal() external {
        openWith(5);
        commitAll(31);
        revealAll(3);
        revoke(0);
        assertEq(state().committed, 30);
        assertEq(state().revealed, 2);
        revealAll(28);
        assertPhase(IRounds.Phase.Hold);
        refuse(abi.encodeWithSelector(IRounds.NotRevealed.selector, 1));
        hold(1, 31);
    }

    function test_GivenReveal_OthersRevealed() external {
        openWith(5);
        commitAll(31);
        revealAll(15);
        revoke(4);
        assertPhase(IRounds.Phase.Hold);
    }

    function test_GivenReveal_OnlyReveal() external {
        openWith(5);
        commitAll(31);
        reveal(0);
        bytes32 salt = saltOf(0);
        revoke(0);
        uint256 entropy = uint256(keccak256(abi.encode(salt, uint32(1))));
        for (uint256 i = 1; i < 5; i++) {
            entropy ^= uint256(keccak256(abi.encode(saltOf(i), member(i))));
        }
        revealAll(30);
        // Its salt has been seen, so it stays in the seed.
        assertEq(state().seed, keccak256(abi.encode(bytes32(0), entropy, run, uint32(0))));
    }

    function test_GivenHold() external {
        openWith(5);
        commitAll(31);
        revealAll(31);
        holdAll(7, 31);
        revoke(0);
        assertPhase(IRounds.Phase.Hold);
        // Its vote counts: seats 1 to 4 have four votes each, one of them from the seat that is gone.
        assertEq(state().held, 7);
        hold(3, 30);
        hold(4, 0);
        assertEq(state().inputs, 30);
        assertEq(state().quorum, 4);
    }

    function test_GivenHold_OthersHeld() external {
        openWith(5);
        commitAll(31);
        revealAll(31);
        holdAll(15, 31);
        revoke(4);
        assertPhase(IRounds.Phase.Attest);
        assertEq(state().inputs, 15);
    }

    function test_GivenHold_TooFewLeft() external {
        openWith(4);
        commitAll(15);
        revealAll(15);
        holdAll(7, 7);
        vm.expectEmit(address(ledger));
        emit IRounds.Evicted(run, 1, 0);
        revoke(0);
        hold(3, 14);
        // Seat 3 has one vote, seat 0 is out: two inputs are fewer than 2f + 1.
        assertEq(round(), 1);
    }

    function test_GivenAttest() external {
        openWith(5);
        commitAll(31);
        revealAll(31);
        holdAll(31, 31);
        attest(0, 0);
        revoke(0);
        assertEq(state().inputs, 31);
        assertEq(state().revealed, 31);
        assertEq(state().attested, 1);
        attestAll(14, 0);
        assertEq(ledger.finalizedOf(run, 0), merged(0));
        assertEq(state().roster, 30);
    }

    function test_GivenEverybody() external {
        openWith(4);
        for (uint256 i = 0; i < 4; i++) {
            revoke(i);
        }
        assertEq(state().roster, 0);
        expire();
        assertEq(round(), 1);
        assertEq(state().quorum, 1);
        assertEq(state().f, 0);
        registry.admit(account(4), peerKey(4), 0);
        enter(4);
        expire();
        expire();
        assertEq(state().roster, 16);
        finishRound(16);
        assertEq(ledger.finalizedOf(run, 3), merged(3));
    }

    /// @dev Whoever is evicted, whenever: the run can always be led on to its next round.
    function testFuzz_NoDeadlock(uint256 random) external {
        openWith(7);
        for (uint256 step = 0; step < 4; step++) {
            random = uint256(keccak256(abi.encode(random)));
            uint256 some = random & 127;
            for (uint256 i = 0; i < 7; i++) {
                if (some >> i & 1 == 0 || registry.memberOf(account(i)) == 0) continue;
                speak(i);
            }
            if (registry.isActive(member(random % 7))) revoke(random % 7);
        }
        uint32 before = round();
        for (uint256 i = 0; i < 4 && round() == before; i++) {
            expire();
        }
        assertEq(round(), before + 1);
    }

    function speak(uint256 i) private {
        IRoundLedger.State memory s = state();
        uint256 bit = uint256(1) << i;
        if (s.phase == IRounds.Phase.Commit && s.committed & bit == 0) commit(i);
        else if (s.phase == IRounds.Phase.Reveal && s.committed & ~s.revealed & bit != 0) reveal(i);
        else if (s.phase == IRounds.Phase.Hold && s.held & bit == 0) hold(i, s.revealed);
        else if (s.phase == IRounds.Phase.Attest && s.attested & bit == 0) attest(i, 0);
    }
}
