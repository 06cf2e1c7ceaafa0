// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { INodeRegistry } from "../../src/interfaces/INodeRegistry.sol";
import { Base } from "../utils/Base.sol";

contract AuditorsTest is Base {
    function test_Admit_RevertWhen_CallerIsNotAuthority() external {
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.NotAuthority.selector, STRANGER));
        vm.prank(STRANGER);
        registry.admitAuditor(peerKey(0), 0);
    }

    function test_Admit_RevertWhen_KeyIsZero() external {
        expectRevert(INodeRegistry.Zero.selector);
        registry.admitAuditor(0, 0);
    }

    function test_Admit_RevertGiven_KeyOfMember() external {
        admit(1);
        vm.expectRevert(taken(0, 1));
        registry.admitAuditor(peerKey(0), 0);
    }

    function test_Admit_RevertGiven_KeyOfPastMember() external {
        admit(1);
        revokeOnly(0);
        vm.expectRevert(taken(0, 1));
        registry.admitAuditor(peerKey(0), 0);
    }

    function test_Admit_RevertGiven_KeyThatAMemberGaveUp() external {
        admit(1);
        vm.prank(account(0));
        registry.rotatePeerKey(peerKey(7));
        vm.expectRevert(taken(0, 1));
        registry.admitAuditor(peerKey(0), 0);
    }

    function test_Admit_RevertGiven_KeyOfAuditor() external {
        registry.admitAuditor(peerKey(0), 0);
        vm.expectRevert(taken(0, 0));
        registry.admitAuditor(peerKey(0), 0);
    }

    function test_Admit_RevertGiven_KeyOfPastAuditor() external {
        registry.admitAuditor(peerKey(0), 0);
        registry.revokeAuditor(peerKey(0));
        vm.expectRevert(taken(0, 0));
        registry.admitAuditor(peerKey(0), 0);
    }

    function test_Admit_GivenKeyIsFree() external {
        vm.expectEmit();
        emit INodeRegistry.AuditorAdmitted(peerKey(0), "org");
        registry.admitAuditor(peerKey(0), "org");

        assertTrue(registry.isAuditor(peerKey(0)));
        assertFalse(registry.isAuditor(peerKey(1)));
        assertFalse(registry.isActive(0));
        assertFalse(registry.isActive(1));
    }

    function test_Admit_KeepsTheKeyFromMembers() external {
        registry.admitAuditor(peerKey(0), 0);
        vm.expectRevert(taken(0, 0));
        registry.admit(account(0), peerKey(0), 0);

        registry.admit(account(0), peerKey(1), 0);
        vm.expectRevert(taken(0, 0));
        vm.prank(account(0));
        registry.rotatePeerKey(peerKey(0));
    }

    function test_Revoke_RevertWhen_CallerIsNotAuthority() external {
        registry.admitAuditor(peerKey(0), 0);
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.NotAuthority.selector, STRANGER));
        vm.prank(STRANGER);
        registry.revokeAuditor(peerKey(0));
    }

    function test_Revoke_RevertGiven_KeyOfNoAuditor() external {
        admit(1);
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.NotAuditor.selector, peerKey(0)));
        registry.revokeAuditor(peerKey(0));
    }

    function test_Revoke_RevertGiven_AlreadyRevoked() external {
        registry.admitAuditor(peerKey(0), 0);
        registry.revokeAuditor(peerKey(0));
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.NotAuditor.selector, peerKey(0)));
        registry.revokeAuditor(peerKey(0));
    }

    function test_Revoke_GivenItAudits() external {
        registry.admitAuditor(peerKey(0), 0);
        registry.admitAuditor(peerKey(1), 0);
        vm.expectEmit();
        emit INodeRegistry.AuditorRevoked(peerKey(0));
        registry.revokeAuditor(peerKey(0));

        assertFalse(registry.isAuditor(peerKey(0)));
        assertTrue(registry.isAuditor(peerKey(1)));
        assertEq(registry.epoch(), 0);
    }

    /// @dev A key is a member's or an auditor's, whichever came first.
    function test_fuzz_OneKeyOneRole(bytes32 key, bytes32 other, bool auditorFirst) external {
        if (key == 0) return;
        if (auditorFirst) registry.admitAuditor(key, 0);
        else registry.admit(account(0), key, 0);
        assertTrue(registry.isAuditor(key) == auditorFirst);

        bool free = other != 0 && other != key;
        (bool member,) = address(registry).call(abi.encodeCall(registry.admit, (account(1), other, 0)));
        assertTrue(member == free);
        (bool auditor,) = address(registry).call(abi.encodeCall(registry.admitAuditor, (other, 0)));
        assertFalse(auditor);
    }

    function taken(uint256 key, uint32 member_) private pure returns (bytes memory) {
        return abi.encodeWithSelector(INodeRegistry.PeerKeyTaken.selector, peerKey(key), member_);
    }
}
