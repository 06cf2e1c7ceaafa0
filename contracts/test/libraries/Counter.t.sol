// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { Counter } from "../../src/libraries/Counter.sol";
import { Test } from "../utils/Test.sol";

contract CounterTest is Test {
    Counter private counter;

    /// @dev Any number of votes, from counters full of anything, counts as adding one by one does.
    function testFuzz_CountsAsAddingDoes(uint256 random, uint256 votes, uint256 threshold) external {
        votes = bound(votes, 0, 40);
        threshold = bound(threshold, 1, 45);
        for (uint256 i = 0; i < 9; i++) {
            counter.slices[i].set(uint256(keccak256(abi.encode("rubbish", random, i))));
        }
        uint256[] memory naive = new uint256[](256);
        for (uint256 v = 0; v < votes; v++) {
            uint256 seats = vote(random, v);
            counter.add(seats, v);
            for (uint256 s = 0; s < 256; s++) {
                naive[s] += seats >> s & 1;
            }
        }
        uint256 expected = 0;
        for (uint256 s = 0; s < 256; s++) {
            if (naive[s] >= threshold) expected |= uint256(1) << s;
        }
        assertEq(counter.atLeast(threshold, votes), expected);
    }

    function test_AllSeatsVoteForAll() external {
        counter.touch();
        for (uint256 v = 0; v < 256; v++) {
            counter.add(type(uint256).max, v);
            assertEq(counter.atLeast(v + 1, v + 1), type(uint256).max);
            assertEq(counter.atLeast(v + 2, v + 1), 0);
        }
        assertEq(counter.atLeast(171, 256), type(uint256).max);
    }

    /// @dev Now and then for nobody or for all, as nodes do.
    function vote(uint256 random, uint256 v) private pure returns (uint256) {
        uint256 draw = uint256(keccak256(abi.encode(random, v)));
        if (draw % 8 == 0) return 0;
        if (draw % 8 == 1) return type(uint256).max;
        return draw;
    }
}
