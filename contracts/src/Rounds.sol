// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { LibBit } from "solady/utils/LibBit.sol";
import { INodeRegistry } from "./interfaces/INodeRegistry.sol";
import { IRounds } from "./interfaces/IRounds.sol";
import { Quorum } from "./libraries/Quorum.sol";
import { Run, Seat } from "./libraries/Run.sol";

/// @title Rounds
/// @notice What the ledgers of all kinds of runs share, up to the end of Reveal: see IRounds. What
/// comes after a round's reveals is each ledger's own. Each call costs the same for one seat and for
/// 256: every question about seats is an operation on whole bitmaps.
abstract contract Rounds is IRounds {
    bytes32 private constant COMMITMENT_DOMAIN = keccak256("waggle/commitment/1");
    uint256 private constant MAX_SEATS = 256;
    /// @dev A comeback is put off by at most 2^16 rounds.
    uint8 private constant MAX_COMEBACKS = 16;

    /// @notice Who may speak.
    INodeRegistry public immutable registry;
    bytes32 private immutable _networkId;

    uint64 private _runs;
    mapping(uint64 run => Run) internal _run;

    /// @param before Runs are numbered from the next number on.
    constructor(INodeRegistry registry_, uint64 before) {
        if (address(registry_) == address(0)) revert Zero();
        registry = registry_;
        _networkId = registry_.networkId();
        _runs = before;
    }

    modifier onlyAuthority() {
        if (!registry.isAuthority(msg.sender)) revert NotAuthority(msg.sender);
        _;
    }

    /// @inheritdoc IRounds
    function openRun(Terms calldata terms, bytes calldata manifest)
        external
        override
        onlyAuthority
        returns (uint64 run)
    {
        // Check
        _checkTerms(terms);

        // Effect
        run = ++_runs;
        Run storage r = _run[run];
        r.seats = terms.seats;
        r.minInputs = terms.minInputs;
        r.joinDelay = terms.joinDelay;
        r.rounds = terms.rounds;
        r.privacyBudget = terms.privacyBudget;
        r.enterSeconds = terms.enterSeconds;
        r.commitSeconds = terms.commitSeconds;
        r.revealSeconds = terms.revealSeconds;
        r.holdSeconds = terms.holdSeconds;
        r.attestSeconds = terms.attestSeconds;
        r.base = terms.base;
        r.touch();
        emit RunOpened(run, keccak256(manifest), terms, manifest);
        _startPhase(run, r, Phase.Entering, terms.enterSeconds);
    }

    /// @inheritdoc IRounds
    function enter(uint64 run) external override returns (uint8 seat) {
        // Check
        Run storage r = _existing(run);
        if (r.phase == Phase.Closed) revert WrongPhase(Phase.Closed);
        uint32 member = _callerMember();
        Seat storage s = r.seatOf[member];
        if (s.taken && (_has(r.waited.get(), s.number) || s.waitedFrom > r.round)) revert AlreadyEntered(run, member);

        // Effect
        if (r.phase == Phase.Entering) return _enterAtStart(run, r, member, s);
        return s.taken ? _comeBack(run, r, member, s) : _enterLater(run, r, member, s);
    }

    /// @inheritdoc IRounds
    function commit(uint64 run, uint32 round, bytes32 commitment, uint64 privacy) external override {
        // Check
        (Run storage r, Seat storage s, uint32 member) = _speaker(run, round, Phase.Commit);
        uint256 committed = r.committed.get();
        if (_has(committed, s.number)) revert Already(s.number);
        if (commitment == 0) revert Zero();
        if (privacy < s.privacy) revert PrivacyDecreased(privacy, s.privacy);
        if (privacy > r.privacyBudget) revert OverBudget(privacy, r.privacyBudget);

        // Effect
        committed |= _bit(s.number);
        r.committed.set(committed);
        s.commitment.set(uint256(commitment));
        s.privacy = privacy;
        emit Committed(run, round, member, commitment, privacy);
        _closeIfDone(run, r);
    }

    /// @inheritdoc IRounds
    function reveal(uint64 run, uint32 round, bytes32 digest, uint64 weight, uint64 privacy, bytes32 salt)
        external
        override
    {
        // Check
        (Run storage r, Seat storage s, uint32 member) = _speaker(run, round, Phase.Reveal);
        uint256 revealed = r.revealed.get();
        if (_has(revealed, s.number)) revert Already(s.number);
        if (digest == 0) revert Zero();
        if (LibBit.popCount(weight) != 1) revert BadWeight(weight);
        bytes32 got = commitmentOf(run, round, _baseOf(run, r, member), member, digest, weight, privacy, salt);
        // A seat that hasn't committed in this round has promised nothing, whatever it did before.
        bytes32 promised = _has(r.committed.get(), s.number) ? bytes32(s.commitment.get()) : bytes32(0);
        if (got != promised || privacy != s.privacy) revert RevealMismatch(promised, got);

        // Effect
        r.revealed.set(revealed | _bit(s.number));
        r.entropy.set(r.entropy.get() ^ uint256(keccak256(abi.encode(salt, member))));
        emit Revealed(run, round, member, digest, weight, privacy, salt);
        _closeIfDone(run, r);
    }

    /// @inheritdoc IRounds
    function advance(uint64 run) external override {
        Run storage r = _existing(run);
        if (r.phase == Phase.Closed) revert WrongPhase(Phase.Closed);
        if (block.timestamp < r.deadline) revert TooEarly(uint64(block.timestamp), r.deadline);

        if (r.phase == Phase.Entering) _closeEntering(run, r);
        else if (r.phase == Phase.Commit) _closeCommit(run, r);
        else if (r.phase == Phase.Reveal) _closeReveal(run, r);
        else _closeLater(run, r);
    }

    /// @inheritdoc IRounds
    function evict(uint64 run, uint32 member) external override {
        // Check
        Run storage r = _existing(run);
        if (registry.isActive(member)) revert StillActive(member);
        Seat storage s = r.seatOf[member];
        // Nothing to do is no error: a revocation must not fail over a run that has just closed.
        if (r.phase == Phase.Closed || !s.taken) return;

        // Effect: what the seat has said stays, except an update that isn't an input yet.
        uint8 seat = s.number;
        uint256 others = ~_bit(seat);
        r.pending[s.waitedFrom] &= others;
        delete r.seatOf[member];
        r.roster.set(r.roster.get() & others);
        r.waited.set(r.waited.get() & others);
        r.expected.set(r.expected.get() & others);
        if (r.phase != Phase.Attest) {
            r.committed.set(r.committed.get() & others);
            r.revealed.set(r.revealed.get() & others);
        }
        emit Evicted(run, member, seat);
        // It may have been the last one waited for.
        _closeIfDone(run, r);
    }

    /// @inheritdoc IRounds
    function closeRun(uint64 run) external override onlyAuthority {
        Run storage r = _existing(run);
        if (r.phase == Phase.Closed) revert WrongPhase(Phase.Closed);
        _closeRun(run, r, Close.ByAuthority);
    }

    /// @inheritdoc IRounds
    function version() external pure override returns (string memory) {
        return "1";
    }

    /// @inheritdoc IRounds
    function commitmentOf(
        uint64 run,
        uint32 round,
        bytes32 base,
        uint32 member,
        bytes32 digest,
        uint64 weight,
        uint64 privacy,
        bytes32 salt
    ) public view override returns (bytes32) {
        return keccak256(
            abi.encode(
                COMMITMENT_DOMAIN, _networkId, address(this), run, round, base, member, digest, weight, privacy, salt
            )
        );
    }

    // What each kind of run does in its own way.

    /// @dev The model that a member's update of this round starts from.
    function _baseOf(uint64 run, Run storage r, uint32 member) internal view virtual returns (bytes32);

    /// @dev Refuses terms that name a parent which doesn't fit.
    function _checkParent(Terms calldata terms) internal view virtual;

    /// @dev Tells that a round was opened.
    function _announce(
        uint64 run,
        Run storage r,
        uint32 round,
        uint256 roster,
        uint256 expected,
        uint8 f,
        uint8 quorum,
        uint40 deadline
    ) internal virtual;

    /// @dev Enough have revealed: goes on to the next phase.
    function _afterReveal(uint64 run, Run storage r, uint256 revealed, bytes32 seed) internal virtual;

    /// @dev Closes a phase after Reveal.
    function _closeLater(uint64 run, Run storage r) internal virtual;

    /// @dev Closes a phase after Reveal when nobody is waited for any more.
    function _closeLaterIfDone(uint64 run, Run storage r, uint256 expected) internal virtual;

    // Taking a seat.

    function _enterAtStart(uint64 run, Run storage r, uint32 member, Seat storage s) private returns (uint8 seat) {
        seat = _takeSeat(run, r, s);
        uint256 roster = r.roster.get() | _bit(seat);
        r.roster.set(roster);
        r.waited.set(roster);
        emit Entered(run, member, seat, 0);
        if (LibBit.popCount(roster) == r.seats) _openRound(run, r, 0);
    }

    function _enterLater(uint64 run, Run storage r, uint32 member, Seat storage s) private returns (uint8 seat) {
        seat = _takeSeat(run, r, s);
        uint32 from = r.round + r.joinDelay;
        s.rosterFrom = from;
        s.waitedFrom = from;
        r.pending[from] |= _bit(seat);
        emit Entered(run, member, seat, from);
    }

    /// @dev Whoever is benched again and again is waited for later and later.
    function _comeBack(uint64 run, Run storage r, uint32 member, Seat storage s) private returns (uint8 seat) {
        seat = s.number;
        uint8 comebacks = s.comebacks;
        uint32 from = r.round + 1 + (uint32(1) << comebacks);
        if (comebacks < MAX_COMEBACKS) s.comebacks = comebacks + 1;
        s.waitedFrom = from;
        r.pending[from] |= _bit(seat);
        emit Entered(run, member, seat, from);
    }

    /// @dev Numbers of evicted seats are not given out again: old bitmaps keep their meaning.
    function _takeSeat(uint64 run, Run storage r, Seat storage s) private returns (uint8 seat) {
        uint16 entered = r.entered;
        if (entered == MAX_SEATS) revert RunFull(run);
        r.entered = entered + 1;
        seat = uint8(entered);
        s.number = seat;
        s.taken = true;
        s.commitment.set(0);
    }

    // From phase to phase. Commit and Reveal close early only when that leads on: a round is never
    // hurried into being skipped, because seats that aren't waited for may still make it. Where those
    // that are waited for would be too few by themselves, the others are given the time: a bad update
    // among the few would else burn round after round before anybody could come back.

    function _closeIfDone(uint64 run, Run storage r) internal {
        uint256 expected = r.expected.get();
        if (r.phase == Phase.Commit) {
            uint256 committed = r.committed.get();
            if (_leadsOn(r, expected, committed, ~committed)) _closeCommit(run, r);
        } else if (r.phase == Phase.Reveal) {
            uint256 revealed = r.revealed.get();
            if (_leadsOn(r, expected, revealed, r.committed.get() & ~revealed)) _closeReveal(run, r);
        } else {
            _closeLaterIfDone(run, r, expected);
        }
    }

    /// @param called The seats that have called.
    /// @param open Those that still may.
    function _leadsOn(Run storage r, uint256 expected, uint256 called, uint256 open) internal view returns (bool) {
        return expected & open == 0 && _isEnough(r, called) && (_isEnough(r, expected) || r.roster.get() & open == 0);
    }

    function _closeEntering(uint64 run, Run storage r) internal {
        if (LibBit.popCount(r.roster.get()) >= r.minInputs) _openRound(run, r, 0);
        else _startPhase(run, r, Phase.Entering, r.enterSeconds);
    }

    function _closeCommit(uint64 run, Run storage r) internal {
        uint256 committed = r.committed.get();
        _noteAbsent(r, r.expected.get() & ~committed);
        if (!_isEnough(r, committed)) return _skip(run, r, Skip.TooFewCommitted);

        r.revealed.set(0);
        _startPhase(run, r, Phase.Reveal, r.revealSeconds);
    }

    function _closeReveal(uint64 run, Run storage r) internal {
        uint256 revealed = r.revealed.get();
        _noteAbsent(r, r.expected.get() & r.committed.get() & ~revealed);
        // Moved on even when the round is skipped: its salts are public, and can't be drawn from twice.
        bytes32 seed = keccak256(abi.encode(r.seed.get(), r.entropy.get(), run, r.round));
        r.seed.set(uint256(seed));
        r.entropy.set(0);
        if (!_isEnough(r, revealed)) return _skip(run, r, Skip.TooFewRevealed);

        _afterReveal(run, r, revealed, seed);
    }

    function _startPhase(uint64 run, Run storage r, Phase phase, uint256 duration) internal {
        uint40 deadline = _after(duration);
        r.phase = phase;
        r.deadline = deadline;
        emit PhaseAdvanced(run, r.round, phase, deadline);
    }

    // From round to round.

    function _openRound(uint64 run, Run storage r, uint32 round) internal {
        uint256 joining = r.pending[round];
        if (joining != 0) {
            delete r.pending[round];
            r.roster.set(r.roster.get() | joining);
            r.waited.set(r.waited.get() | joining);
        }
        uint256 roster = r.roster.get();
        (uint256 expected, uint8 f, uint8 quorum) = Quorum.fix(roster, r.waited.get());
        uint40 deadline = _after(r.commitSeconds);
        r.phase = Phase.Commit;
        r.round = round;
        r.f = f;
        r.quorum = quorum;
        r.deadline = deadline;
        r.expected.set(expected);
        r.committed.set(0);
        _announce(run, r, round, roster, expected, f, quorum, deadline);
    }

    function _skip(uint64 run, Run storage r, Skip reason) internal {
        emit RoundSkipped(run, r.round, reason);
        _endRound(run, r);
    }

    function _endRound(uint64 run, Run storage r) internal {
        _bench(run, r);
        uint32 next = r.round + 1;
        if (next == r.rounds) _closeRun(run, r, Close.RoundsDone);
        else _openRound(run, r, next);
    }

    function _bench(uint64 run, Run storage r) internal {
        uint256 missed = r.missed.get();
        uint256 waited = r.waited.get();
        uint256 benched = missed & r.missedBefore.get() & waited;
        r.missed.set(0);
        // Who is benched now starts afresh.
        r.missedBefore.set(missed & ~benched);
        if (benched == 0) return;
        r.waited.set(waited & ~benched);
        emit SeatsBenched(run, r.round, benched);
    }

    function _noteAbsent(Run storage r, uint256 absent) internal {
        if (absent != 0) r.missed.set(r.missed.get() | absent);
    }

    function _closeRun(uint64 run, Run storage r, Close reason) internal {
        r.phase = Phase.Closed;
        emit RunClosed(run, reason);
    }

    // Questions.

    function _speaker(uint64 run, uint32 round, Phase phase)
        internal
        view
        returns (Run storage r, Seat storage s, uint32 member)
    {
        r = _existing(run);
        _checkNow(r, round, phase);
        (s, member) = _callerSeat(run, r, round);
    }

    function _existing(uint64 run) internal view returns (Run storage r) {
        r = _run[run];
        if (r.phase == Phase.None) revert NoRun(run);
    }

    function _checkNow(Run storage r, uint32 round, Phase phase) internal view {
        if (round != r.round) revert WrongRound(round, r.round);
        if (phase != r.phase) revert WrongPhase(r.phase);
    }

    /// @dev The seat's own slot says whether the round's roster has it, which saves reading the roster:
    /// a revoked member gets no number from the registry, whether it has been evicted or not.
    function _callerSeat(uint64 run, Run storage r, uint32 round)
        internal
        view
        returns (Seat storage s, uint32 member)
    {
        member = _callerMember();
        s = r.seatOf[member];
        if (!s.taken || s.rosterFrom > round) revert NotSeated(run, member);
    }

    function _callerMember() internal view returns (uint32 member) {
        member = registry.memberOf(msg.sender);
        if (member == 0) revert NotMember(msg.sender);
    }

    function _isEnough(Run storage r, uint256 seats) internal view returns (bool) {
        return Quorum.isEnough(seats, r.minInputs, r.f);
    }

    function _checkTerms(Terms calldata terms) internal view {
        if (terms.rounds == 0) revert BadTerms("rounds");
        if (terms.seats == 0 || terms.seats > MAX_SEATS) revert BadTerms("seats");
        if (terms.minInputs == 0 || terms.minInputs > terms.seats) revert BadTerms("minInputs");
        if (terms.joinDelay == 0) revert BadTerms("joinDelay");
        if (terms.enterSeconds == 0) revert BadTerms("enterSeconds");
        if (terms.commitSeconds == 0) revert BadTerms("commitSeconds");
        if (terms.revealSeconds == 0) revert BadTerms("revealSeconds");
        if (terms.holdSeconds == 0) revert BadTerms("holdSeconds");
        if (terms.attestSeconds == 0) revert BadTerms("attestSeconds");
        if (terms.base == 0) revert BadTerms("base");
        if (terms.parentRun != 0) _checkParent(terms);
    }

    function _after(uint256 duration) internal view returns (uint40) {
        return uint40(block.timestamp + duration);
    }

    function _bit(uint8 seat) internal pure returns (uint256) {
        return uint256(1) << seat;
    }

    function _has(uint256 bits, uint8 seat) internal pure returns (bool) {
        return bits >> seat & 1 == 1;
    }
}
