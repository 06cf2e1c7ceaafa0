// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { INodeRegistry } from "../../src/interfaces/INodeRegistry.sol";
import { NodeRegistry } from "../../src/NodeRegistry.sol";
import { Base } from "../utils/Base.sol";

contract JoinTest is Base {
    uint256 private constant KEY = 0xA11CE;
    bytes32 private constant TYPEHASH = keccak256(
        "Admission(address account,bytes32 peerKey,bytes32 organization,uint256 nonce,uint64 deadline,uint64 epoch,bytes32 network)"
    );
    bytes32 private constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");

    function setUp() public override {
        super.setUp();
        registry.grantRole(registry.AUTHORITY_ROLE(), vm.addr(KEY));
    }

    function test_RevertWhen_CallerIsNotTheAccountNamed() external {
        INodeRegistry.Admission memory a = admission();
        bytes memory signature = sign(a, KEY, registry);
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.NotYourAdmission.selector, STRANGER, account(0)));
        vm.prank(STRANGER);
        registry.join(a, signature);
    }

    function test_RevertWhen_DeadlineHasPassed() external {
        INodeRegistry.Admission memory a = admission();
        vm.warp(a.deadline + 1);
        joinReverts(
            a, sign(a, KEY, registry), abi.encodeWithSelector(INodeRegistry.AdmissionExpired.selector, a.deadline)
        );
    }

    function test_RevertGiven_RevocationSince() external {
        admit(2);
        INodeRegistry.Admission memory a = admission();
        a.account = account(2);
        a.peerKey = peerKey(2);
        revokeOnly(1);
        joinReverts(a, sign(a, KEY, registry), abi.encodeWithSelector(INodeRegistry.AdmissionOutdated.selector, 0, 1));
    }

    function test_RevertGiven_NonceUsed() external {
        INodeRegistry.Admission memory a = admission();
        join(a, sign(a, KEY, registry));
        (a.account, a.peerKey) = (account(1), peerKey(1));
        joinReverts(a, sign(a, KEY, registry), abi.encodeWithSelector(INodeRegistry.AdmissionUsed.selector, a.nonce));
    }

    function test_RevertWhen_SignerIsNotAuthority() external {
        INodeRegistry.Admission memory a = admission();
        bytes memory reason = abi.encodeWithSelector(INodeRegistry.NotAuthority.selector, vm.addr(KEY + 1));
        joinReverts(a, sign(a, KEY + 1, registry), reason);
    }

    function test_RevertGiven_SignerLostTheRole() external {
        INodeRegistry.Admission memory a = admission();
        registry.revokeRole(registry.AUTHORITY_ROLE(), vm.addr(KEY));
        joinReverts(
            a, sign(a, KEY, registry), abi.encodeWithSelector(INodeRegistry.NotAuthority.selector, vm.addr(KEY))
        );
    }

    function testFuzz_RevertWhen_SomethingSignedWasChanged(uint256 field, bytes32 value) external {
        INodeRegistry.Admission memory a = admission();
        bytes memory signature = sign(a, KEY, registry);
        bytes32 before = keccak256(abi.encode(a));
        field %= 4;
        if (field == 0) a.peerKey = value;
        if (field == 1) a.organization = value;
        if (field == 2) a.nonce = uint256(value);
        if (field == 3) a.deadline = uint64(bound(uint256(value), block.timestamp, type(uint64).max));
        vm.assume(keccak256(abi.encode(a)) != before);
        vm.prank(account(0));
        try registry.join(a, signature) {
            assertTrue(false);
        } catch (bytes memory reason) {
            assertEq(bytes32(bytes4(reason)), bytes32(INodeRegistry.NotAuthority.selector));
        }
    }

    function test_RevertWhen_SignedForAnotherNetwork() external {
        INodeRegistry.Admission memory a = admission();
        NodeRegistry other = new NodeRegistry(address(this), 1 days, "other");
        bytes memory signature = sign(a, KEY, registryDomain(registry), other.networkId());
        vm.prank(account(0));
        try registry.join(a, signature) {
            assertTrue(false);
        } catch (bytes memory reason) {
            assertEq(bytes32(bytes4(reason)), bytes32(INodeRegistry.NotAuthority.selector));
        }
    }

    function test_RevertWhen_SignatureIsMalformed() external {
        joinReverts(admission(), "rubbish", abi.encodeWithSelector(INodeRegistry.NotAuthority.selector, address(0)));
    }

    function test_RevertGiven_AccountTaken() external {
        admit(1);
        INodeRegistry.Admission memory a = admission();
        a.peerKey = peerKey(1);
        joinReverts(
            a, sign(a, KEY, registry), abi.encodeWithSelector(INodeRegistry.AccountTaken.selector, account(0), 1)
        );
    }

    function test_RevertGiven_PeerKeyTaken() external {
        admit(1);
        INodeRegistry.Admission memory a = admission();
        a.account = account(1);
        joinReverts(
            a, sign(a, KEY, registry), abi.encodeWithSelector(INodeRegistry.PeerKeyTaken.selector, peerKey(0), 1)
        );
    }

    function test_GivenGoodAdmission() external {
        INodeRegistry.Admission memory a = admission();
        bytes memory signature = sign(a, KEY, registry);
        vm.warp(a.deadline);
        vm.expectEmit();
        emit INodeRegistry.MemberAdmitted(1, account(0), peerKey(0), "org");
        assertEq(join(a, signature), 1);
        assertEq(registry.memberOf(account(0)), 1);
    }

    function admission() private view returns (INodeRegistry.Admission memory) {
        return INodeRegistry.Admission({
            account: account(0),
            peerKey: peerKey(0),
            organization: "org",
            nonce: 7,
            deadline: uint64(block.timestamp + 60),
            epoch: registry.epoch()
        });
    }

    function join(INodeRegistry.Admission memory a, bytes memory signature) private returns (uint32) {
        vm.prank(a.account);
        return registry.join(a, signature);
    }

    function joinReverts(INodeRegistry.Admission memory a, bytes memory signature, bytes memory reason) private {
        vm.expectRevert(reason);
        vm.prank(a.account);
        registry.join(a, signature);
    }

    function registryDomain(NodeRegistry to) private view returns (bytes32) {
        return keccak256(
            abi.encode(DOMAIN_TYPEHASH, keccak256("Waggle NodeRegistry"), keccak256("1"), block.chainid, address(to))
        );
    }

    function sign(INodeRegistry.Admission memory a, uint256 key, NodeRegistry to) private view returns (bytes memory) {
        return sign(a, key, registryDomain(to), to.networkId());
    }

    function sign(INodeRegistry.Admission memory a, uint256 key, bytes32 domain, bytes32 network)
        private
        pure
        returns (bytes memory)
    {
        bytes32 content = keccak256(
            abi.encode(TYPEHASH, a.account, a.peerKey, a.organization, a.nonce, a.deadline, a.epoch, network)
        );
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, keccak256(abi.encodePacked(hex"1901", domain, content)));
        return abi.encodePacked(r, s, v);
    }
}
