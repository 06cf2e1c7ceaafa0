// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { IRoundLedger } from "../../src/interfaces/IRoundLedger.sol";
import { IRounds } from "../../src/interfaces/IRounds.sol";
import { Base } from "../utils/Base.sol";

contract OpenRunTest is Base {
    function test_RevertWhen_CallerIsNotAuthority() external {
        vm.expectRevert(abi.encodeWithSelector(IRounds.NotAuthority.selector, STRANGER));
        vm.prank(STRANGER);
        ledger.openRun(termsFor(4), MANIFEST);
    }

    function test_RevertWhen_TermsCannotWork() external {
        IRounds.Terms memory t = termsFor(4);
        t.rounds = 0;
        refuses(t, "rounds");
        t = termsFor(0);
        refuses(t, "seats");
        t = termsFor(257);
        refuses(t, "seats");
        t = termsFor(4);
        t.minInputs = 0;
        refuses(t, "minInputs");
        t.minInputs = 5;
        refuses(t, "minInputs");
        t = termsFor(4);
        t.joinDelay = 0;
        refuses(t, "joinDelay");
        t = termsFor(4);
        t.base = 0;
        refuses(t, "base");
    }

    function test_RevertWhen_TimeIsZero() external {
        IRounds.Terms memory t = termsFor(4);
        t.enterSeconds = 0;
        refuses(t, "enterSeconds");
        t = termsFor(4);
        t.commitSeconds = 0;
        refuses(t, "commitSeconds");
        t = termsFor(4);
        t.revealSeconds = 0;
        refuses(t, "revealSeconds");
        t = termsFor(4);
        t.holdSeconds = 0;
        refuses(t, "holdSeconds");
        t = termsFor(4);
        t.attestSeconds = 0;
        refuses(t, "attestSeconds");
    }

    function test_RevertGiven_ParentNotFinalized() external {
        openWith(4);
        IRounds.Terms memory t = termsFor(4);
        (t.parentRun, t.parentRound) = (run, 0);
        vm.expectRevert(abi.encodeWithSelector(IRoundLedger.BadParent.selector, run, 0, bytes32(0)));
        ledger.openRun(t, MANIFEST);
    }

    function test_RevertGiven_ParentFinalizedAnother() external {
        openWith(4);
        finishRound(15);
        IRounds.Terms memory t = termsFor(4);
        (t.parentRun, t.parentRound) = (run, 0);
        vm.expectRevert(abi.encodeWithSelector(IRoundLedger.BadParent.selector, run, 0, merged(0)));
        ledger.openRun(t, MANIFEST);
    }

    function test_GivenParentFinalizedTheBase() external {
        openWith(4);
        finishRound(15);
        IRounds.Terms memory t = termsFor(4);
        (t.parentRun, t.parentRound, t.base) = (run, 0, merged(0));
        open(t);
        assertEq(state().base, merged(0));
    }

    function test_WhenTermsAreGood() external {
        IRounds.Terms memory t = termsFor(4);
        vm.expectEmit();
        emit IRounds.RunOpened(1, keccak256(MANIFEST), t, MANIFEST);
        vm.expectEmit();
        emit IRounds.PhaseAdvanced(1, 0, IRounds.Phase.Entering, uint64(block.timestamp) + ENTER_SECONDS);
        open(t);

        assertEq(run, 1);
        IRoundLedger.State memory expected;
        expected.phase = IRounds.Phase.Entering;
        expected.deadline = uint64(block.timestamp) + ENTER_SECONDS;
        expected.base = BASE;
        assertEq(keccak256(abi.encode(state())), keccak256(abi.encode(expected)));
        assertEq(ledger.openRun(t, MANIFEST), 2);
    }

    function test_GivenNoRun() external view {
        IRoundLedger.State memory nothing;
        assertEq(keccak256(abi.encode(ledger.stateOf(9))), keccak256(abi.encode(nothing)));
        assertEq(ledger.finalizedOf(9, 0), 0);
    }

    function refuses(IRounds.Terms memory t, string memory field) private {
        vm.expectRevert(abi.encodeWithSelector(IRounds.BadTerms.selector, field));
        ledger.openRun(t, MANIFEST);
    }
}
