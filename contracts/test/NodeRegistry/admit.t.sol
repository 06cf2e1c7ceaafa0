// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { INodeRegistry } from "../../src/interfaces/INodeRegistry.sol";
import { Base } from "../utils/Base.sol";

contract AdmitTest is Base {
    function test_RevertWhen_CallerIsNotAuthority() external {
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.NotAuthority.selector, STRANGER));
        vm.prank(STRANGER);
        registry.admit(account(0), peerKey(0), 0);
    }

    function test_RevertWhen_AccountIsZero() external {
        expectRevert(INodeRegistry.Zero.selector);
        registry.admit(address(0), peerKey(0), 0);
    }

    function test_RevertWhen_PeerKeyIsZero() external {
        expectRevert(INodeRegistry.Zero.selector);
        registry.admit(account(0), 0, 0);
    }

    function test_RevertGiven_AccountTaken() external {
        admit(1);
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.AccountTaken.selector, account(0), 1));
        registry.admit(account(0), peerKey(1), 0);
    }

    function test_RevertGiven_AccountOfPastMember() external {
        admit(1);
        revokeOnly(0);
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.AccountTaken.selector, account(0), 1));
        registry.admit(account(0), peerKey(1), 0);
    }

    function test_RevertGiven_PeerKeyTaken() external {
        admit(1);
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.PeerKeyTaken.selector, peerKey(0), 1));
        registry.admit(account(1), peerKey(0), 0);
    }

    function test_RevertGiven_PeerKeyOfPastMember() external {
        admit(1);
        revokeOnly(0);
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.PeerKeyTaken.selector, peerKey(0), 1));
        registry.admit(account(1), peerKey(0), 0);
    }

    function test_GivenAccountAndKeyAreFree() external {
        admit(1);
        vm.expectEmit();
        emit INodeRegistry.MemberAdmitted(2, account(1), peerKey(1), "org");
        uint32 number = registry.admit(account(1), peerKey(1), "org");

        assertEq(number, 2);
        assertEq(registry.memberOf(account(1)), 2);
        assertTrue(registry.isActive(2));
        assertFalse(registry.isActive(3));
    }

    function test_WhenValueIsSent() external {
        vm.deal(address(this), 1 ether);
        registry.admit{ value: 1 ether }(account(0), peerKey(0), 0);
        assertEq(account(0).balance, 1 ether);
    }

    function test_RevertWhen_AccountDoesNotTakeIt() external {
        vm.deal(address(this), 1 ether);
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.FundingFailed.selector, address(ledger)));
        registry.admit{ value: 1 ether }(address(ledger), peerKey(0), 0);
    }
}
