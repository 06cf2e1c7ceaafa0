// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { GossipLedger } from "../../src/GossipLedger.sol";
import { IGossipLedger } from "../../src/interfaces/IGossipLedger.sol";
import { IRounds } from "../../src/interfaces/IRounds.sol";
import { Test } from "../utils/Test.sol";
import { GossipHandler } from "./GossipHandler.sol";
import { GossipReplay } from "./GossipReplay.sol";

/// @notice See README.md. What is refused or taken wrongly fails inside the handler.
contract GossipInvariantTest is Test {
    uint64 private constant FIRST = 1_000_001;

    GossipHandler private handler;
    GossipLedger private ledger;
    GossipReplay private replay;

    function setUp() external {
        handler = new GossipHandler();
        ledger = handler.ledger();
        replay = handler.replay();
    }

    /// @dev Forge asks which contracts to call.
    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function invariant_ReplayRebuildsStorage() external view {
        for (uint64 run = FIRST; run <= handler.run(); run++) {
            assertEq(keccak256(abi.encode(ledger.stateOf(run))), keccak256(abi.encode(replay.stateOf(run))));
            for (uint32 member = 1; member <= handler.MEMBERS(); member++) {
                assertEq(ledger.modelOf(run, member), replay.modelOf(run, member));
            }
        }
    }

    function invariant_BitmapsNest() external view {
        IGossipLedger.State memory s = ledger.stateOf(handler.run());
        assertEq(s.expected & ~s.roster, 0);
        assertEq(s.revealed & ~s.committed, 0);
        assertEq(s.attested & ~s.revealed, 0);
    }

    /// @dev A long quiet story reaches everything: otherwise the invariants above would say little.
    function test_StoriesReachEverything() external {
        for (uint256 i = 0; i < 400; i++) {
            uint256 draw = uint256(keccak256(abi.encode(i)));
            handler.everybodySpeaks(draw >> 8, draw >> 16);
            if (draw % 3 == 0) handler.advance(draw);
            if (draw % 5 == 0) handler.enter(draw);
            if (draw % 101 == 0) handler.revoke(draw, draw % 2 == 0);
            handler.closeAndOpen(1);
        }
        this.invariant_ReplayRebuildsStorage();
        assertTrue(handler.seen(IGossipLedger.RoundEnded.selector) > 10);
        assertTrue(handler.seen(IRounds.RoundSkipped.selector) > 3);
        assertTrue(handler.seen(IRounds.SeatsBenched.selector) > 0);
        assertTrue(handler.seen(IRounds.Evicted.selector) > 0);
        assertTrue(handler.seen(IRounds.RunClosed.selector) > 1);
    }
}
