// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { LibBit } from "solady/utils/LibBit.sol";
import { Bits } from "./Bits.sol";

/// @notice 256 counters of nine bits, one per seat, stored by bit position: bit s of slice i is bit i
/// of the counter of seat s. A vote for any set of seats is one ripple-carry addition.
/// @dev Nothing is ever reset. After v votes no counter exceeds v, so only the lowest bitLength(v)
/// slices mean anything; the slice that a vote makes meaningful is overwritten by the carry.
struct Counter {
    Bits[9] slices;
}

using CounterLib for Counter global;

/// @title Bit-sliced counting of votes for sets of seats.
library CounterLib {
    /// @notice Occupies all slots, so that no vote pays for it.
    function touch(Counter storage self) internal {
        for (uint256 i = 0; i < 9; i++) {
            self.slices[i].set(0);
        }
    }

    /// @notice Adds one to the counter of every seat in `seats`.
    /// @param votes Votes counted before this one.
    function add(Counter storage self, uint256 seats, uint256 votes) internal {
        uint256 meaningful = _bitLength(votes);
        uint256 carry = seats;
        for (uint256 i = 0; i < meaningful && carry != 0; i++) {
            uint256 slice = self.slices[i].get();
            self.slices[i].set(slice ^ carry);
            carry &= slice;
        }
        if (_bitLength(votes + 1) > meaningful) self.slices[meaningful].set(carry);
    }

    /// @notice The seats with at least `threshold` votes.
    /// @param votes Votes counted so far.
    function atLeast(Counter storage self, uint256 threshold, uint256 votes) internal view returns (uint256) {
        if (threshold > votes) return 0;
        // From the highest bit down: a seat is above as soon as it has a bit that the threshold lacks.
        uint256 above = 0;
        uint256 equal = type(uint256).max;
        for (uint256 i = _bitLength(votes); i > 0; i--) {
            uint256 slice = self.slices[i - 1].get();
            if ((threshold >> (i - 1)) & 1 == 1) {
                equal &= slice;
            } else {
                above |= equal & slice;
                equal &= ~slice;
            }
        }
        return above | equal;
    }

    function _bitLength(uint256 number) private pure returns (uint256) {
        return number == 0 ? 0 : LibBit.fls(number) + 1;
    }
}
