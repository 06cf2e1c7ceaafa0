// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { LibBit } from "solady/utils/LibBit.sol";

/// @title How many seats may be hostile, who is waited for, and how many are enough.
library Quorum {
    /// @notice What holds for a round from its opening to its end.
    /// @param expected E: the seats that are waited for.
    /// @param f Most hostile seats that the round withstands: floor((|roster| - 1) / 3).
    /// @param quorum Q = max(floor(2|E| / 3) + 1, f + 1): two quorums share an honest seat of E, and
    /// one alone has an honest seat.
    function fix(uint256 roster, uint256 waited) internal pure returns (uint256 expected, uint8 f, uint8 quorum) {
        uint256 size = LibBit.popCount(roster);
        uint256 hostile = size == 0 ? 0 : (size - 1) / 3;
        // Hostile seats alone must never be all that a round waits for.
        expected = LibBit.popCount(waited) > hostile ? waited : roster;
        uint256 majority = 2 * LibBit.popCount(expected) / 3 + 1;
        // At most 171 of 256 seats, so neither is cut off.
        f = uint8(hostile);
        quorum = uint8(majority > hostile ? majority : hostile + 1);
    }

    /// @notice Whether these updates are enough to merge: the run's minimum, and an honest majority.
    function isEnough(uint256 seats, uint16 minInputs, uint8 f) internal pure returns (bool) {
        uint256 count = LibBit.popCount(seats);
        return count >= minInputs && count >= 2 * uint256(f) + 1;
    }
}
