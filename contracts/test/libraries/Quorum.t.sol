// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { Quorum } from "../../src/libraries/Quorum.sol";
import { Test } from "../utils/Test.sol";

contract QuorumTest is Test {
    /// @dev What the design asks of E, f and Q, for any roster and any seats waited for.
    function testFuzz_Bounds(uint256 roster, uint256 waited) external pure {
        waited &= roster;
        (uint256 expected, uint8 f, uint8 quorum) = Quorum.fix(roster, waited);
        uint256 n = count(roster);
        uint256 e = count(expected);

        assertEq(f, n == 0 ? 0 : (n - 1) / 3);
        assertTrue(expected == (count(waited) > f ? waited : roster));
        // One quorum has an honest seat; all that are waited for are a quorum; two share an expected seat.
        assertTrue(quorum > f);
        assertTrue(quorum <= e || n == 0);
        assertTrue(2 * uint256(quorum) > e);
    }

    function test_Table() external pure {
        check(0, 0, 1);
        check(1, 0, 1);
        check(2, 0, 2);
        check(3, 0, 3);
        check(4, 1, 3);
        check(5, 1, 4);
        check(7, 2, 5);
        check(10, 3, 7);
        check(64, 21, 43);
        check(256, 85, 171);
    }

    function testFuzz_Enough(uint256 seats, uint16 minInputs, uint8 f) external pure {
        uint256 n = count(seats);
        assertTrue(Quorum.isEnough(seats, minInputs, f) == (n >= minInputs && n > 2 * uint256(f)));
    }

    function check(uint256 seats, uint8 f, uint8 quorum) private pure {
        uint256 roster = seats == 256 ? type(uint256).max : (uint256(1) << seats) - 1;
        (uint256 expected, uint8 gotF, uint8 gotQuorum) = Quorum.fix(roster, roster);
        assertEq(expected, roster);
        assertEq(gotF, f);
        assertEq(gotQuorum, quorum);
    }

    function count(uint256 bits) private pure returns (uint256 n) {
        for (; bits != 0; bits &= bits - 1) {
            n++;
        }
    }
}
