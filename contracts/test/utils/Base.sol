// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { INodeRegistry } from "../../src/interfaces/INodeRegistry.sol";
import { IRoundLedger } from "../../src/interfaces/IRoundLedger.sol";
import { IRounds } from "../../src/interfaces/IRounds.sol";
import { NodeRegistry } from "../../src/NodeRegistry.sol";
import { RoundLedger } from "../../src/RoundLedger.sol";
import { Test } from "./Test.sol";

/// @notice Both contracts, members, and a run led to the phase that a test is about.
/// @dev Member i + 1 sits in seat i and acts through account(i). A test's outcome of the merge is a
/// number; its digests derive from it.
abstract contract Base is Test {
    NodeRegistry internal registry;
    RoundLedger internal ledger;
    uint64 internal run;

    uint24 internal constant ENTER_SECONDS = 100;
    uint24 internal constant COMMIT_SECONDS = 200;
    uint24 internal constant REVEAL_SECONDS = 300;
    uint24 internal constant HOLD_SECONDS = 400;
    uint24 internal constant ATTEST_SECONDS = 500;
    bytes32 internal constant BASE = keccak256("base");
    bytes32 internal constant SALT = keccak256("salt");
    bytes internal constant MANIFEST = "{}";
    bytes private _refusal;
    address internal constant STRANGER = address(0x57A46E4);

    function setUp() public virtual {
        vm.warp(1_000_000);
        registry = new NodeRegistry(address(this), 1 days, SALT);
        ledger = new RoundLedger(registry);
    }

    // Members.

    function account(uint256 i) internal pure returns (address) {
        return address(uint160(0xACC0000 + i));
    }

    function peerKey(uint256 i) internal pure returns (bytes32) {
        return keccak256(abi.encode("peer", i));
    }

    function member(uint256 i) internal pure returns (uint32) {
        return uint32(i + 1);
    }

    function admit(uint256 count) internal {
        for (uint256 i = 0; i < count; i++) {
            registry.admit(account(i), peerKey(i), bytes32(0));
        }
    }

    function revoke(uint256 i) internal {
        INodeRegistry.RunRef[] memory runs = new INodeRegistry.RunRef[](1);
        runs[0] = INodeRegistry.RunRef({ ledger: address(rounds()), run: run });
        registry.revoke(member(i), runs, 1);
    }

    /// @dev Revoked, but nobody has told the ledger.
    function revokeOnly(uint256 i) internal {
        registry.revoke(member(i), new INodeRegistry.RunRef[](0), 1);
    }

    // Runs.

    /// @dev The ledger that the run is in.
    function rounds() internal view virtual returns (IRounds) {
        return ledger;
    }

    function termsFor(uint256 seats) internal pure returns (IRounds.Terms memory terms) {
        terms.rounds = 100;
        terms.seats = uint16(seats);
        terms.minInputs = 1;
        terms.joinDelay = 2;
        terms.enterSeconds = ENTER_SECONDS;
        terms.commitSeconds = COMMIT_SECONDS;
        terms.revealSeconds = REVEAL_SECONDS;
        terms.holdSeconds = HOLD_SECONDS;
        terms.attestSeconds = ATTEST_SECONDS;
        terms.privacyBudget = 1000;
        terms.base = BASE;
    }

    function open(IRounds.Terms memory terms) internal {
        run = rounds().openRun(terms, MANIFEST);
    }

    /// @dev A run of `count` new members, in the commit phase of round 0.
    function openWith(IRounds.Terms memory terms) internal {
        admit(terms.seats);
        open(terms);
        for (uint256 i = 0; i < terms.seats; i++) {
            enter(i);
        }
    }

    function openWith(uint256 count) internal {
        openWith(termsFor(count));
    }

    function state() internal view returns (IRoundLedger.State memory) {
        return ledger.stateOf(run);
    }

    function round() internal view virtual returns (uint32) {
        return state().round;
    }

    function phase() internal view virtual returns (IRounds.Phase) {
        return state().phase;
    }

    function deadline() internal view virtual returns (uint64) {
        return state().deadline;
    }

    function baseOf(uint256) internal view virtual returns (bytes32) {
        return state().base;
    }

    function assertPhase(IRounds.Phase expected) internal view {
        assertEq(uint256(phase()), uint256(expected));
    }

    // What seat i says.

    function digest(uint256 i) internal view returns (bytes32) {
        return keccak256(abi.encode("update", round(), i));
    }

    function saltOf(uint256 i) internal view returns (bytes32) {
        return keccak256(abi.encode("salt", round(), i));
    }

    function commitment(uint256 i) internal view returns (bytes32) {
        return rounds().commitmentOf(run, round(), baseOf(i), member(i), digest(i), 64, 5, saltOf(i));
    }

    function merged(uint256 outcome) internal pure returns (bytes32) {
        return keccak256(abi.encode("merged", outcome));
    }

    function receipt(uint256 outcome) internal pure returns (bytes32) {
        return keccak256(abi.encode("receipt", outcome));
    }

    function enter(uint256 i) internal {
        speakAs(i);
        rounds().enter(run);
    }

    function commit(uint256 i) internal {
        uint32 r = round();
        bytes32 c = commitment(i);
        speakAs(i);
        rounds().commit(run, r, c, 5);
    }

    function reveal(uint256 i) internal {
        uint32 r = round();
        (bytes32 d, bytes32 s) = (digest(i), saltOf(i));
        speakAs(i);
        rounds().reveal(run, r, d, 64, 5, s);
    }

    function hold(uint256 i, uint256 bits) internal {
        uint32 r = round();
        speakAs(i);
        ledger.hold(run, r, bits);
    }

    function attest(uint256 i, uint32 round_, uint256 outcome) internal {
        speakAs(i);
        ledger.attest(run, round_, merged(outcome), receipt(outcome));
    }

    function attest(uint256 i, uint256 outcome) internal {
        attest(i, round(), outcome);
    }

    /// @dev Waits for the deadline, then advances.
    function expire() internal {
        vm.warp(deadline());
        rounds().advance(run);
    }

    // Everybody in `seats` speaks.

    function commitAll(uint256 seats) internal {
        for (uint256 i = 0; i < 256; i++) {
            if (seats >> i & 1 == 1) commit(i);
        }
    }

    function revealAll(uint256 seats) internal {
        for (uint256 i = 0; i < 256; i++) {
            if (seats >> i & 1 == 1) reveal(i);
        }
    }

    function holdAll(uint256 seats, uint256 bits) internal {
        for (uint256 i = 0; i < 256; i++) {
            if (seats >> i & 1 == 1) hold(i, bits);
        }
    }

    /// @dev Until the quorum has finalized the round: later ones would be late.
    function attestAll(uint256 seats, uint256 outcome) internal {
        uint32 r = round();
        for (uint256 i = 0; i < 256; i++) {
            if (seats >> i & 1 == 1) attest(i, r, outcome);
        }
    }

    /// @dev The lowest `count` seats.
    function first(uint256 count) internal pure returns (uint256) {
        return count == 256 ? type(uint256).max : (uint256(1) << count) - 1;
    }

    function finishRound(uint256 seats) internal {
        commitAll(seats);
        revealAll(seats);
        holdAll(seats, seats);
        attestAll(seats, round());
    }

    // Outcomes.

    /// @dev The next thing that a seat says will revert. (vm.expectRevert is about the next call of any
    /// kind, and what a seat says takes a few calls to prepare.)
    function refuse(bytes memory reason) internal {
        _refusal = reason;
    }

    function speakAs(uint256 i) internal {
        if (_refusal.length > 0) {
            vm.expectRevert(_refusal);
            delete _refusal;
        }
        vm.prank(account(i));
    }

    function expectRevert(bytes4 selector) internal {
        vm.expectRevert(abi.encodePacked(selector));
    }
}
