// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { INodeRegistry } from "../src/interfaces/INodeRegistry.sol";
import { IRounds } from "../src/interfaces/IRounds.sol";
import { Base } from "./utils/Base.sol";

/// @notice Gas of each call as a transaction of its own, at 5, 64 and 256 seats.
/// @dev Run with FOUNDRY_PROFILE=gas, which isolates calls: slots are cold and the 21,000 of a
/// transaction count. "typical" is the median call of a later round. "worst" is the dearest that a
/// member can be made to send: slots touched for the first time, the longest carry, the call that
/// closes the phase, everybody else benched by it.
contract GasTest is Base {
    uint256 private seats;
    uint256 private all;
    string private group;

    function test_Seats005() external {
        measure(5, "seats005");
    }

    function test_Seats064() external {
        measure(64, "seats064");
    }

    function test_Seats256() external {
        measure(256, "seats256");
    }

    /// @dev What doesn't depend on the seats of the run.
    function test_Authority() external {
        group = "authority";
        vm.deal(address(this), 1 ether);
        registry.admit{ value: 1 }(account(0), peerKey(0), keccak256("organization"));
        snapshot("admit worst");
        run = ledger.openRun(termsFor(1), "");
        snapshot("openRun empty manifest");
        run = ledger.openRun(termsFor(1), letters(4096));
        snapshot("openRun manifest of 4096 bytes");
        enter(0);
        finishRound(1);
        IRounds.Terms memory terms = termsFor(1);
        (terms.parentRun, terms.parentRound, terms.base) = (run, 0, merged(0));
        ledger.openRun(terms, "");
        snapshot("openRun with parent");
        ledger.closeRun(run);
        snapshot("closeRun worst");
        uint256 key = 0xA11CE;
        registry.grantRole(registry.AUTHORITY_ROLE(), vm.addr(key));
        joinSigned(key);
        snapshot("join worst");
        vm.prank(account(1));
        registry.proposeAccount(account(2));
        snapshot("proposeAccount worst");
        vm.prank(account(2));
        registry.acceptAccount(2);
        snapshot("acceptAccount worst");
        vm.prank(account(2));
        registry.rotatePeerKey(peerKey(2));
        snapshot("rotatePeerKey worst");
        registry.admitAuditor(peerKey(3), keccak256("organization"));
        snapshot("admitAuditor worst");
        registry.revokeAuditor(peerKey(3));
        snapshot("revokeAuditor worst");
        revokeOnly(0);
        snapshot("revoke no runs");
    }

    function measure(uint256 count, string memory group_) private {
        (seats, all, group) = (count, first(count), group_);
        admit(count + 1);
        firstRound();
        laterRound();
        hardRounds();
        leaving();
    }

    /// @dev Round 0 finds the slots empty; its last calls close the phases.
    function firstRound() private {
        open(termsFor(seats));
        for (uint256 i = 0; i < seats - 1; i++) {
            enter(i);
            if (i == 0) snapshot("enter typical");
        }
        enter(seats - 1);
        snapshot("enter opens round 0");
        commitAll(all >> 1);
        commit(seats - 1);
        snapshot("commit worst");
        revealAll(all >> 1);
        reveal(seats - 1);
        snapshot("reveal worst");
        holdAll(all >> 1, all);
        hold(seats - 1, all);
        snapshot("hold closes first");
        uint256 quorum = state().quorum;
        attest(0, 0);
        snapshot("attest first answer");
        for (uint256 i = 1; i < quorum - 1; i++) {
            attest(i, 0);
        }
        attest(quorum - 1, 0);
        snapshot("attest finalizes");
    }

    /// @dev A round as most are: everybody speaks once in each phase.
    function laterRound() private {
        uint256 total = 0;
        for (uint256 i = 0; i < seats; i++) {
            commit(i);
            total += spent(i, "commit typical");
        }
        for (uint256 i = 0; i < seats; i++) {
            reveal(i);
            total += spent(i, "reveal typical");
        }
        for (uint256 i = 0; i < seats; i++) {
            hold(i, all);
            total += spent(i, "hold typical");
        }
        for (uint256 i = 0; i < seats; i++) {
            attest(i, 1, 1);
            total += spent(i, "attest typical");
        }
        snapshot("attest late");
        vm.snapshotValue(group, "round of everybody", total);
    }

    /// @dev The gas of the last call; that of the seat in the middle is the typical one.
    function spent(uint256 i, string memory name) private returns (uint256) {
        uint256 gas = vm.lastCallGas().gasTotalUsed;
        if (i == seats / 2) vm.snapshotValue(group, name, gas);
        return gas;
    }

    /// @dev Rounds that a call ends with everything at once: the last seat is benched (it never
    /// commits, though it holds) and another one joins.
    function hardRounds() private {
        hardUntilHold();
        holdAll(all >> 1, all >> 1);
        hold(seats - 1, all >> 1);
        uint256 quorum = state().quorum;
        for (uint256 i = 0; i < quorum - 1; i++) {
            attest(i, 2);
        }
        attest(quorum - 1, 2);
        snapshot("attest worst");

        hardUntilHold();
        for (uint256 i = 0; i < seats - 1; i++) {
            hold(i, i % 2 == 0 ? all >> 1 : 0);
        }
        hold(seats - 1, all >> 1);
        snapshot("hold skips");

        hardUntilHold();
        holdAll(all >> 1, all >> 1);
        expire();
        vm.warp(state().deadline);
        ledger.advance(run);
        snapshot("advance skips for want of a quorum");

        hardUntilHold();
        holdAll(all >> 1, 0);
        vm.warp(state().deadline);
        ledger.advance(run);
        snapshot("advance skips for want of inputs");

        hardUntilHold();
        holdAll(all >> 1, all >> 1);
        vm.warp(state().deadline);
        ledger.advance(run);
        snapshot("advance fixes inputs");
    }

    function hardUntilHold() private {
        open(termsFor(seats));
        for (uint256 i = 0; i < seats; i++) {
            enter(i);
        }
        if (seats < 256) {
            enter(seats); // joins two rounds later, when the last seat is benched
            snapshot("enter worst");
        }
        commitAll(all >> 1);
        expire();
        snapshot("advance typical");
        revealAll(all >> 1);
        holdAll(all, all >> 1);
        uint256 quorum = state().quorum;
        for (uint256 i = 0; i < quorum; i++) {
            attest(i, 0, 1);
        }
        commitAll(all >> 1);
        expire();
        revealAll(all >> 1);
    }

    /// @dev A revocation that closes the phase, because the seat was the last one waited for.
    function leaving() private {
        open(termsFor(seats));
        for (uint256 i = 0; i < seats; i++) {
            enter(i);
        }
        commitAll(all >> 1);
        revoke(seats - 1);
        snapshot("revoke closes commit");
        revealAll(all >> 1);
        holdAll(all >> 2, all >> 1);
        revokeOnly(seats - 2);
        ledger.evict(run, member(seats - 2));
        snapshot("evict worst");
        open(termsFor(seats - 2));
        for (uint256 i = 0; i < seats - 2; i++) {
            enter(i);
        }
        commitAll(all >> 2);
        revealAll(all >> 2);
        holdAll(all >> 3, all >> 2);
        revoke(seats - 3);
        snapshot("revoke worst");
    }

    function joinSigned(uint256 key) private {
        INodeRegistry.Admission memory a = INodeRegistry.Admission({
            account: account(1),
            peerKey: peerKey(1),
            organization: keccak256("organization"),
            nonce: uint256(keccak256("nonce")),
            deadline: uint64(block.timestamp + 60),
            epoch: registry.epoch()
        });
        bytes32 typehash = keccak256(
            "Admission(address account,bytes32 peerKey,bytes32 organization,uint256 nonce,uint64 deadline,uint64 epoch,bytes32 network)"
        );
        bytes32 content = keccak256(
            abi.encode(
                typehash, a.account, a.peerKey, a.organization, a.nonce, a.deadline, a.epoch, registry.networkId()
            )
        );
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Waggle NodeRegistry"),
                keccak256("1"),
                block.chainid,
                address(registry)
            )
        );
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, keccak256(abi.encodePacked(hex"1901", domain, content)));
        vm.prank(account(1));
        registry.join(a, abi.encodePacked(r, s, v));
    }

    function letters(uint256 length) private pure returns (bytes memory text) {
        text = new bytes(length);
        for (uint256 i = 0; i < length; i++) {
            text[i] = "a";
        }
    }

    function snapshot(string memory name) private {
        vm.snapshotGasLastCall(group, name);
    }
}
