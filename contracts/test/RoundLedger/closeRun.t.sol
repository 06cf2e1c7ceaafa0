// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { IRounds } from "../../src/interfaces/IRounds.sol";
import { Base } from "../utils/Base.sol";

contract CloseRunTest is Base {
    function test_RevertWhen_CallerIsNotAuthority() external {
        openWith(4);
        vm.expectRevert(abi.encodeWithSelector(IRounds.NotAuthority.selector, STRANGER));
        vm.prank(STRANGER);
        ledger.closeRun(run);
    }

    function test_RevertGiven_NoRun() external {
        vm.expectRevert(abi.encodeWithSelector(IRounds.NoRun.selector, 9));
        ledger.closeRun(9);
    }

    function test_RevertGiven_Closed() external {
        openWith(4);
        ledger.closeRun(run);
        vm.expectRevert(abi.encodeWithSelector(IRounds.WrongPhase.selector, IRounds.Phase.Closed));
        ledger.closeRun(run);
    }

    function test_GivenOpen() external {
        openWith(4);
        commitAll(15);
        revealAll(15);
        holdAll(15, 15);
        attestAll(7, 0);
        vm.expectEmit();
        emit IRounds.RunClosed(run, IRounds.Close.ByAuthority);
        ledger.closeRun(run);
        assertPhase(IRounds.Phase.Closed);
        assertEq(state().expected, 0);
        // Round 0 was finalized before everybody attested; round 1 never will be.
        refuse(abi.encodeWithSelector(IRounds.WrongPhase.selector, IRounds.Phase.Closed));
        attest(0, 1, 0);
        refuse(abi.encodeWithSelector(IRounds.WrongPhase.selector, IRounds.Phase.Closed));
        commit(0);
        attest(3, 0, 0);
    }
}
