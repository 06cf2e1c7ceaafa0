// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title What the ledgers of all kinds of runs share: seats, promises, deadlines.
/// @notice A seat is a member's bit in a run's bitmaps. All digests are those of docs/protocol.md.
interface IRounds {
    /// @notice The phases of a run. Training belongs to Commit; exchange and verification to Hold.
    enum Phase {
        None,
        Entering,
        Commit,
        Reveal,
        Hold,
        Attest,
        Closed
    }

    /// @notice Why a round ended without a merge.
    enum Skip {
        TooFewCommitted,
        TooFewRevealed,
        TooFewInputs,
        NoQuorum
    }

    /// @notice Why a run ended.
    enum Close {
        RoundsDone,
        ByAuthority
    }

    /// @notice What a run is held to; the manifest says the same and more.
    /// @param rounds Rounds, finalized and skipped together, after which the run closes.
    /// @param seats Round 0 opens as soon as this many members have entered.
    /// @param minInputs Fewest updates that may be merged (the contract never goes below 2f+1).
    /// @param joinDelay Rounds after which a member that enters a running run counts and is waited for.
    /// @param enterSeconds Time to enter before round 0; with fewer than minInputs it starts over.
    /// @param commitSeconds Time to train and commit.
    /// @param revealSeconds Time to reveal.
    /// @param holdSeconds Time to exchange, verify and hold.
    /// @param attestSeconds Time to merge and attest.
    /// @param privacyBudget Most cumulative privacy (micro-epsilon) that a member may declare spent.
    /// @param base Digest of the model that round 0 starts from.
    /// @param parentRun Run whose finalized model is the base, or 0.
    /// @param parentRound Round of that run.
    struct Terms {
        uint32 rounds;
        uint16 seats;
        uint16 minInputs;
        uint16 joinDelay;
        uint24 enterSeconds;
        uint24 commitSeconds;
        uint24 revealSeconds;
        uint24 holdSeconds;
        uint24 attestSeconds;
        uint64 privacyBudget;
        bytes32 base;
        uint64 parentRun;
        uint32 parentRound;
    }

    event RunOpened(uint64 indexed run, bytes32 indexed manifestDigest, Terms terms, bytes manifest);
    /// @notice A member took a seat, or came back to it; it is waited for from `fromRound` on.
    event Entered(uint64 indexed run, uint32 indexed member, uint8 seat, uint32 fromRound);
    /// @notice A phase began. Commit is announced by RoundOpened instead.
    event PhaseAdvanced(uint64 indexed run, uint32 indexed round, Phase phase, uint64 deadline);
    event Committed(
        uint64 indexed run, uint32 indexed round, uint32 indexed member, bytes32 commitment, uint64 privacy
    );
    event Revealed(
        uint64 indexed run,
        uint32 indexed round,
        uint32 indexed member,
        bytes32 digest,
        uint64 weight,
        uint64 privacy,
        bytes32 salt
    );
    event RoundSkipped(uint64 indexed run, uint32 indexed round, Skip reason);
    /// @notice Seats absent two rounds in a row, not waited for until they enter again.
    event SeatsBenched(uint64 indexed run, uint32 indexed round, uint256 bits);
    event Evicted(uint64 indexed run, uint32 indexed member, uint8 seat);
    event RunClosed(uint64 indexed run, Close reason);

    /// @notice Thrown when the caller may not open or close runs.
    error NotAuthority(address account);
    /// @notice Thrown when the caller is not an active member.
    error NotMember(address account);
    /// @notice Thrown when the member has no seat in the roster of this round.
    error NotSeated(uint64 run, uint32 member);
    /// @notice Thrown when a member enters that is waited for already, or will be.
    error AlreadyEntered(uint64 run, uint32 member);
    /// @notice Thrown when all 256 seats are taken.
    error RunFull(uint64 run);
    /// @notice Thrown when a run doesn't exist.
    error NoRun(uint64 run);
    /// @notice Thrown when terms can't work; names the first field that is wrong.
    error BadTerms(string field);
    /// @notice Thrown when a call names another round than the present one.
    error WrongRound(uint32 round, uint32 current);
    /// @notice Thrown when a call isn't good in the present phase.
    error WrongPhase(Phase phase);
    /// @notice Thrown when a seat says again what it may say once.
    error Already(uint8 seat);
    /// @notice Thrown when a commitment or digest is zero.
    error Zero();
    /// @notice Thrown when the declared privacy would decrease.
    error PrivacyDecreased(uint64 declared, uint64 before);
    /// @notice Thrown when the declared privacy exceeds the run's budget.
    error OverBudget(uint64 declared, uint64 budget);
    /// @notice Thrown when a reveal differs from the commitment.
    error RevealMismatch(bytes32 expected, bytes32 got);
    /// @notice Thrown when a weight is not a power of two.
    error BadWeight(uint64 weight);
    /// @notice Thrown when a hold names a seat that hasn't revealed.
    error NotRevealed(uint256 bits);
    /// @notice Thrown when a phase is advanced before its deadline.
    error TooEarly(uint64 now_, uint64 deadline);
    /// @notice Thrown when a member to be evicted is still active.
    error StillActive(uint32 member);

    /// @notice Opens a run. The authority only.
    function openRun(Terms calldata terms, bytes calldata manifest) external returns (uint64 run);

    /// @notice Takes a seat, or asks to be waited for again after having been benched.
    function enter(uint64 run) external returns (uint8 seat);

    /// @notice Promises an update.
    /// @param commitment See `commitmentOf`.
    /// @param privacy Cumulative privacy declared spent, micro-epsilon rounded up.
    function commit(uint64 run, uint32 round, bytes32 commitment, uint64 privacy) external;

    /// @notice Opens the caller's commitment.
    function reveal(uint64 run, uint32 round, bytes32 digest, uint64 weight, uint64 privacy, bytes32 salt) external;

    /// @notice Moves one phase on after its deadline. Anybody may call it.
    function advance(uint64 run) external;

    /// @notice Takes a revoked member's seat out of a run. Anybody may call it; without a seat, or in a
    /// closed run, nothing happens.
    function evict(uint64 run, uint32 member) external;

    /// @notice Ends a run. The authority only.
    function closeRun(uint64 run) external;

    /// @notice keccak256(abi.encode(domain, networkId, this, run, round, base, member, digest, weight, privacy, salt)).
    function commitmentOf(
        uint64 run,
        uint32 round,
        bytes32 base,
        uint32 member,
        bytes32 digest,
        uint64 weight,
        uint64 privacy,
        bytes32 salt
    ) external view returns (bytes32);

    /// @notice The version of this contract's rules.
    function version() external pure returns (string memory);
}
