// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { GossipLedger } from "../../src/GossipLedger.sol";
import { IGossipLedger } from "../../src/interfaces/IGossipLedger.sol";
import { IRounds } from "../../src/interfaces/IRounds.sol";
import { Base } from "./Base.sol";

/// @notice As Base, with a run on the GossipLedger.
abstract contract GossipBase is Base {
    GossipLedger internal gossip;

    uint64 internal constant FIRST = 1_000_001;

    function setUp() public virtual override {
        super.setUp();
        gossip = new GossipLedger(registry);
    }

    function rounds() internal view override returns (IRounds) {
        return gossip;
    }

    function told() internal view returns (IGossipLedger.State memory) {
        return gossip.stateOf(run);
    }

    function round() internal view override returns (uint32) {
        return told().round;
    }

    function phase() internal view override returns (IRounds.Phase) {
        return told().phase;
    }

    function deadline() internal view override returns (uint64) {
        return told().deadline;
    }

    function baseOf(uint256 i) internal view override returns (bytes32) {
        return gossip.modelOf(run, member(i));
    }

    /// @dev What seat i gets by merging in this round.
    function own(uint256 i) internal view returns (bytes32) {
        return keccak256(abi.encode("own", round(), i));
    }

    function attestOwn(uint256 i, uint256 inputs) internal {
        (uint32 r, bytes32 m) = (round(), own(i));
        speakAs(i);
        gossip.attestOwn(run, r, inputs, m, receipt(i));
    }

    /// @dev Everybody merges everybody's.
    function attestOwnAll(uint256 seats, uint256 inputs) internal {
        for (uint256 i = 0; i < 256; i++) {
            if (seats >> i & 1 == 1) attestOwn(i, inputs);
        }
    }

    function toAttest(uint256 seats) internal {
        commitAll(seats);
        revealAll(seats);
        assertPhase(IRounds.Phase.Attest);
    }
}
