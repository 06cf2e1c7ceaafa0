// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice A 256-bit word that is emptied and filled again in every round.
/// @dev Stored inverted, so that an empty word still occupies its slot: filling a slot that is zero
/// costs 20,000 gas, changing one that is not costs 5,000. `set` it once before `get`.
struct Bits {
    uint256 inverted;
}

using BitsLib for Bits global;

/// @title Reading and writing inverted words.
library BitsLib {
    function get(Bits storage self) internal view returns (uint256) {
        return ~self.inverted;
    }

    function set(Bits storage self, uint256 bits) internal {
        self.inverted = ~bits;
    }
}
