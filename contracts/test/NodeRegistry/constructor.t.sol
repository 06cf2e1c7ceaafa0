// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { IRounds } from "../../src/interfaces/IRounds.sol";
import { INodeRegistry } from "../../src/interfaces/INodeRegistry.sol";
import { NodeRegistry } from "../../src/NodeRegistry.sol";
import { RoundLedger } from "../../src/RoundLedger.sol";
import { Base } from "../utils/Base.sol";

contract ConstructorTest is Base {
    function test_AdminIsAuthority() external view {
        assertTrue(registry.isAuthority(address(this)));
        assertFalse(registry.isAuthority(STRANGER));
        assertEq(registry.defaultAdmin(), address(this));
        assertEq(registry.defaultAdminDelay(), 1 days);
    }

    function test_NetworkId() external {
        vm.roll(100);
        vm.setBlockhash(99, "hash");
        vm.chainId(4242);
        NodeRegistry other = new NodeRegistry(address(this), 0, SALT);
        assertEq(other.networkId(), keccak256(abi.encode(4242, address(other), bytes32("hash"), SALT)));
    }

    function test_Versions() external view {
        assertEq(keccak256(bytes(registry.version())), keccak256("1"));
        assertEq(keccak256(bytes(ledger.version())), keccak256("1"));
    }

    function test_LedgerKnowsItsRegistry() external view {
        assertEq(address(ledger.registry()), address(registry));
    }

    function test_RevertWhen_LedgerHasNoRegistry() external {
        expectRevert(IRounds.Zero.selector);
        new RoundLedger(INodeRegistry(address(0)));
    }

    function test_RevertWhen_AdminIsAcceptedBeforeTheDelay() external {
        registry.beginDefaultAdminTransfer(STRANGER);
        vm.prank(STRANGER);
        try registry.acceptDefaultAdminTransfer() {
            assertTrue(false);
        } catch { }
        vm.warp(block.timestamp + 1 days + 1);
        vm.prank(STRANGER);
        registry.acceptDefaultAdminTransfer();
        assertEq(registry.defaultAdmin(), STRANGER);
    }
}
