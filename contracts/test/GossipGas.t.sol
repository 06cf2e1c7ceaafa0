// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { GossipBase } from "./utils/GossipBase.sol";

/// @notice Gas of the GossipLedger's calls, measured as in Gas.t.sol: "worst" ends the round with
/// somebody benched and somebody joining.
contract GossipGasTest is GossipBase {
    uint256 private seats;
    uint256 private all;
    string private group;

    function test_Seats005() external {
        measure(5, "gossip005");
    }

    function test_Seats064() external {
        measure(64, "gossip064");
    }

    function test_Seats256() external {
        measure(256, "gossip256");
    }

    function measure(uint256 count, string memory group_) private {
        (seats, all, group) = (count, first(count), group_);
        admit(count + 1);
        open(termsFor(seats));
        snapshot("openRun manifest of 2 bytes");
        firstRound();
        laterRound();
        hardRound();
        expired();
        leaving();
    }

    /// @dev Round 0 finds the slots empty; its last calls close the phases.
    function firstRound() private {
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
        attestOwn(0, all);
        snapshot("attestOwn first model");
        attestOwnAll(all & ~uint256(1), all);
        snapshot("attestOwn ends first");
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
            attestOwn(i, all);
            total += spent(i, "attestOwn typical");
        }
        vm.snapshotValue(group, "round of everybody", total);
    }

    function spent(uint256 i, string memory name) private returns (uint256) {
        uint256 gas = vm.lastCallGas().gasTotalUsed;
        if (i == seats / 2) vm.snapshotValue(group, name, gas);
        return gas;
    }

    /// @dev A new run, of which the last seat is absent twice and another joins: benched and joining at
    /// once when round 1 ends, by a call that finds its own model's slot empty.
    function hardRound() private {
        hardUntilLast();
        attestOwn(0, all >> 1);
        snapshot("attestOwn worst");
    }

    function expired() private {
        hardUntilLast();
        vm.warp(deadline());
        gossip.advance(run);
        snapshot("advance ends the round");
    }

    function hardUntilLast() private {
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
        expire();
        commitAll(all >> 1);
        expire();
        revealAll(all >> 1);
        attestOwnAll(all >> 1 & ~uint256(1), all >> 1);
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
        attestOwnAll(all >> 2, all >> 1);
        revoke(seats - 2);
        snapshot("revoke worst");
    }

    function snapshot(string memory name) private {
        vm.snapshotGasLastCall(group, name);
    }
}
