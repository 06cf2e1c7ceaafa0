// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { INodeRegistry } from "../../src/interfaces/INodeRegistry.sol";
import { IRounds } from "../../src/interfaces/IRounds.sol";
import { Base } from "../utils/Base.sol";

contract RevokeTest is Base {
    function test_RevertWhen_CallerIsNotAuthority() external {
        admit(1);
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.NotAuthority.selector, STRANGER));
        vm.prank(STRANGER);
        registry.revoke(1, new INodeRegistry.RunRef[](0), 1);
    }

    function test_RevertGiven_MemberUnknown() external {
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.NotActive.selector, 1));
        revokeOnly(0);
    }

    function test_RevertGiven_AlreadyRevoked() external {
        admit(1);
        revokeOnly(0);
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.NotActive.selector, 1));
        revokeOnly(0);
    }

    function test_GivenMemberIsActive() external {
        openWith(4);
        vm.expectEmit(address(registry));
        emit INodeRegistry.MemberRevoked(2, 1, 1);
        vm.expectEmit(address(ledger));
        emit IRounds.Evicted(run, 2, 1);
        revoke(1);

        assertEq(registry.epoch(), 1);
        assertEq(registry.memberOf(account(1)), 0);
        assertFalse(registry.isActive(2));
        assertEq(state().roster, 13);
    }

    function test_GivenNoSeat() external {
        openWith(4);
        registry.admit(account(4), peerKey(4), 0);
        revoke(4);
        assertFalse(registry.isActive(5));
    }

    function test_GivenRunIsClosed() external {
        openWith(4);
        ledger.closeRun(run);
        revoke(0);
        assertFalse(registry.isActive(1));
    }

    function test_GivenItRotatedItsAccount() external {
        admit(1);
        vm.prank(account(0));
        registry.proposeAccount(account(9));
        vm.prank(account(9));
        registry.acceptAccount(1);
        revokeOnly(0);
        assertEq(registry.memberOf(account(9)), 0);
        assertEq(registry.memberOf(account(0)), 0);
    }
}
