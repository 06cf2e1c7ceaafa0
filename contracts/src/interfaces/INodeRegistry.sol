// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Who may speak.
/// @notice The authority pre-authorizes nodes here. A member keeps its number for ever; the account
/// and the peer key behind the number may rotate. Names and addresses of clinics are never stored.
interface INodeRegistry {
    /// @notice An offline permission to join, signed by an account that holds the authority role (EIP-712).
    /// @dev Domain: name "Waggle NodeRegistry", version "1", chain id, this contract. Type:
    /// Admission(address account,bytes32 peerKey,bytes32 organization,uint256 nonce,uint64 deadline,uint64 epoch,bytes32 network)
    /// where `network` is `networkId()`: signed though not sent, so that no admission replays elsewhere.
    /// @param account The Ethereum account that will act for the new member, and that must send `join`.
    /// @param peerKey The 32-byte Ed25519 public key of the member's libp2p identity.
    /// @param organization Salted hash of the organization, for the authority's books.
    /// @param nonce Chosen by the authority; each nonce works once.
    /// @param deadline Unix seconds after which the admission is void.
    /// @param epoch The registry's epoch at signing; each revocation starts a new one.
    struct Admission {
        address account;
        bytes32 peerKey;
        bytes32 organization;
        uint256 nonce;
        uint64 deadline;
        uint64 epoch;
    }

    /// @notice A run in which a revoked member may hold a seat.
    struct RunRef {
        address ledger;
        uint64 run;
    }

    event MemberAdmitted(uint32 indexed member, address indexed account, bytes32 indexed peerKey, bytes32 organization);
    event MemberRevoked(uint32 indexed member, uint8 reason, uint64 epoch);
    event AccountProposed(uint32 indexed member, address indexed account);
    event AccountRotated(uint32 indexed member, address indexed account);
    event PeerKeyRotated(uint32 indexed member, bytes32 indexed peerKey);
    event AuditorAdmitted(bytes32 indexed peerKey, bytes32 organization);
    event AuditorRevoked(bytes32 indexed peerKey);

    /// @notice Thrown when an account that must be free already belongs to a member, present or past.
    error AccountTaken(address account, uint32 member);
    /// @notice Thrown when a peer key already belongs to a member or an auditor, present or past.
    /// @param member The member that it belongs to; 0 for an auditor's key.
    error PeerKeyTaken(bytes32 peerKey, uint32 member);
    /// @notice Thrown when an account or a peer key is zero.
    error Zero();
    /// @notice Thrown when the caller, or the member named, is not an active member.
    error NotMember(address account);
    /// @notice Thrown when a member number is unknown or already revoked.
    error NotActive(uint32 member);
    /// @notice Thrown when a peer key belongs to no auditor, or to one already revoked.
    error NotAuditor(bytes32 peerKey);
    /// @notice Thrown when somebody other than the proposed account accepts a rotation.
    error NotProposed(uint32 member, address account);
    /// @notice Thrown when an admission is sent by another account than the one it names.
    error NotYourAdmission(address caller, address account);
    /// @notice Thrown when an admission's deadline has passed.
    error AdmissionExpired(uint64 deadline);
    /// @notice Thrown when a revocation has made an admission void.
    error AdmissionOutdated(uint64 epoch, uint64 current);
    /// @notice Thrown when an admission's nonce was used before.
    error AdmissionUsed(uint256 nonce);
    /// @notice Thrown when the caller, or the signer of an admission, doesn't hold the authority role.
    error NotAuthority(address signer);
    /// @notice Thrown when the new member's account doesn't take the gas money sent along.
    error FundingFailed(address account);

    /// @notice Admits a member; value sent along is forwarded to its account as gas money.
    function admit(address account, bytes32 peerKey, bytes32 organization) external payable returns (uint32 member);

    /// @notice Joins with an admission that the authority signed offline.
    function join(Admission calldata admission, bytes calldata signature) external returns (uint32 member);

    /// @notice Revokes a member for good and takes its seat out of `runs` at once.
    /// @param reason A code from docs/protocol.md; the words behind it stay off the chain.
    function revoke(uint32 member, RunRef[] calldata runs, uint8 reason) external;

    /// @notice Admits an auditor: a peer that may fetch what was said to be public, and has no seat and no voice.
    /// @dev It sends no transaction, so it has no account. A key is an auditor's or a member's, once and for ever.
    /// @param organization Salted hash of the organization, for the authority's books.
    function admitAuditor(bytes32 peerKey, bytes32 organization) external;

    /// @notice Revokes an auditor for good. Signed admissions of members stay valid.
    function revokeAuditor(bytes32 peerKey) external;

    /// @notice Proposes another account for the caller's member; it takes effect when that account accepts.
    function proposeAccount(address account) external;

    /// @notice Accepts a proposal: from now on the caller acts for `member`, and the old account doesn't.
    function acceptAccount(uint32 member) external;

    /// @notice Replaces the caller's peer key. Nodes follow it from the next round.
    function rotatePeerKey(bytes32 peerKey) external;

    /// @notice The active member behind an account, or 0.
    function memberOf(address account) external view returns (uint32 member);

    /// @notice Whether a member number was admitted and has not been revoked.
    function isActive(uint32 member) external view returns (bool);

    /// @notice Whether a peer key is that of an auditor who was admitted and has not been revoked.
    function isAuditor(bytes32 peerKey) external view returns (bool);

    /// @notice Whether an account may open runs.
    function isAuthority(address account) external view returns (bool);

    /// @notice keccak256(chain id, this address, hash of the block before deployment, constructor salt).
    function networkId() external view returns (bytes32);

    /// @notice The number of revocations so far; signed into every admission.
    function epoch() external view returns (uint64);

    /// @notice The version of this contract's rules.
    function version() external pure returns (string memory);
}
