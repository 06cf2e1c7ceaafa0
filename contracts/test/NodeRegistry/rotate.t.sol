// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { INodeRegistry } from "../../src/interfaces/INodeRegistry.sol";
import { Base } from "../utils/Base.sol";

contract RotateTest is Base {
    function setUp() public override {
        super.setUp();
        admit(2);
    }

    function test_Propose_RevertWhen_CallerIsNotMember() external {
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.NotMember.selector, STRANGER));
        vm.prank(STRANGER);
        registry.proposeAccount(account(9));
    }

    function test_Propose_RevertWhen_AccountIsZero() external {
        expectRevert(INodeRegistry.Zero.selector);
        vm.prank(account(0));
        registry.proposeAccount(address(0));
    }

    function test_Propose_RevertGiven_AccountTaken() external {
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.AccountTaken.selector, account(1), 2));
        vm.prank(account(0));
        registry.proposeAccount(account(1));
    }

    function test_Propose_GivenAccountIsFree() external {
        vm.expectEmit();
        emit INodeRegistry.AccountProposed(1, account(9));
        propose();
        assertEq(registry.memberOf(account(0)), 1);
        assertEq(registry.memberOf(account(9)), 0);
    }

    function test_Accept_RevertGiven_MemberRevoked() external {
        propose();
        revokeOnly(0);
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.NotActive.selector, 1));
        accept(account(9));
    }

    function test_Accept_RevertWhen_CallerIsNotProposed() external {
        propose();
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.NotProposed.selector, 1, STRANGER));
        accept(STRANGER);
    }

    function test_Accept_RevertGiven_AccountTakenSince() external {
        propose();
        registry.admit(account(9), peerKey(9), 0);
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.AccountTaken.selector, account(9), 3));
        accept(account(9));
    }

    function test_Accept_WhenProposedAccountAccepts() external {
        propose();
        vm.expectEmit();
        emit INodeRegistry.AccountRotated(1, account(9));
        accept(account(9));
        assertEq(registry.memberOf(account(9)), 1);
        assertEq(registry.memberOf(account(0)), 0);
        assertTrue(registry.isActive(1));
    }

    function test_Accept_KeepsOldAccountTaken() external {
        propose();
        accept(account(9));
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.AccountTaken.selector, account(0), 1));
        registry.admit(account(0), peerKey(9), 0);
    }

    function test_Accept_RevertWhen_Twice() external {
        propose();
        accept(account(9));
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.NotProposed.selector, 1, account(9)));
        accept(account(9));
    }

    function test_PeerKey_RevertWhen_CallerIsNotMember() external {
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.NotMember.selector, STRANGER));
        vm.prank(STRANGER);
        registry.rotatePeerKey(peerKey(9));
    }

    function test_PeerKey_RevertWhen_Zero() external {
        expectRevert(INodeRegistry.Zero.selector);
        vm.prank(account(0));
        registry.rotatePeerKey(0);
    }

    function test_PeerKey_RevertGiven_Taken() external {
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.PeerKeyTaken.selector, peerKey(1), 2));
        vm.prank(account(0));
        registry.rotatePeerKey(peerKey(1));
    }

    function test_PeerKey_GivenFree() external {
        vm.expectEmit();
        emit INodeRegistry.PeerKeyRotated(1, peerKey(9));
        vm.prank(account(0));
        registry.rotatePeerKey(peerKey(9));

        // The old key stays taken, also for its own member.
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.PeerKeyTaken.selector, peerKey(0), 1));
        vm.prank(account(0));
        registry.rotatePeerKey(peerKey(0));
    }

    function propose() private {
        vm.prank(account(0));
        registry.proposeAccount(account(9));
    }

    function accept(address by) private {
        vm.prank(by);
        registry.acceptAccount(1);
    }
}
