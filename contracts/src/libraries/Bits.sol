// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice A 256-bit word that is emptied and filled again in every round.
/// @dev Stored under a mask, so that neither an empty nor a full word leaves its slot zero: filling a
/// slot that is zero costs 22,100 gas, changing one that is not costs 5,000. `set` it before `get`.
struct Bits {
    uint256 masked;
}

using BitsLib for Bits global;

/// @title Reading and writing masked words.
library BitsLib {
    uint256 private constant MASK = uint256(keccak256("waggle/bits"));

    function get(Bits storage self) internal view returns (uint256) {
        return self.masked ^ MASK;
    }

    function set(Bits storage self, uint256 bits) internal {
        self.masked = bits ^ MASK;
    }
}
