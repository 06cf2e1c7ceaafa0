// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {
    AccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";
import { ECDSA } from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import { EIP712 } from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import { INodeRegistry } from "./interfaces/INodeRegistry.sol";
import { IRounds } from "./interfaces/IRounds.sol";

/// @title NodeRegistry
/// @notice See INodeRegistry.
contract NodeRegistry is INodeRegistry, AccessControlDefaultAdminRules, EIP712 {
    /// @notice The role that admits, revokes and opens runs.
    bytes32 public constant AUTHORITY_ROLE = keccak256("AUTHORITY_ROLE");

    bytes32 private constant ADMISSION_TYPEHASH = keccak256(
        "Admission(address account,bytes32 peerKey,bytes32 organization,uint256 nonce,uint64 deadline,uint64 epoch,bytes32 network)"
    );

    /// @dev The member that an account belongs to, or belonged to: it stays taken for ever, so that no
    /// signature of the past can be claimed by somebody else.
    struct Account {
        // slot 0
        uint32 member;
        bool acts;
    }

    /// @dev What is kept of a member; the rest is in the events.
    struct Member {
        // slot 0
        address account;
        bool active;
        // slot 1
        address proposed;
    }

    /// @dev Whose a peer key is, or was: like an account it stays taken for ever.
    struct PeerKey {
        // slot 0
        uint32 member;
        bool auditor;
        bool audits;
    }

    /// @inheritdoc INodeRegistry
    bytes32 public immutable override networkId;

    /// @inheritdoc INodeRegistry
    uint64 public override epoch;
    uint32 private _members;
    mapping(uint32 member => Member) private _member;
    mapping(address account => Account) private _account;
    mapping(bytes32 peerKey => PeerKey) private _peerKey;
    mapping(uint256 nonce => bool used) private _used;

    /// @param admin Administers the roles, and holds the authority role itself.
    /// @param adminDelay Seconds between proposing another admin and its acceptance.
    /// @param salt Tells this network from others on a chain with the same history.
    constructor(address admin, uint48 adminDelay, bytes32 salt)
        AccessControlDefaultAdminRules(adminDelay, admin)
        EIP712("Waggle NodeRegistry", "1")
    {
        networkId = keccak256(abi.encode(block.chainid, address(this), blockhash(block.number - 1), salt));
        _grantRole(AUTHORITY_ROLE, admin);
    }

    modifier onlyAuthority() {
        if (!isAuthority(msg.sender)) revert NotAuthority(msg.sender);
        _;
    }

    /// @inheritdoc INodeRegistry
    function admit(address account, bytes32 peerKey, bytes32 organization)
        external
        payable
        override
        onlyAuthority
        returns (uint32 member)
    {
        member = _admit(account, peerKey, organization);

        // Interaction: last, so that a contract account finds everything settled.
        if (msg.value > 0) {
            (bool taken,) = account.call{ value: msg.value }("");
            if (!taken) revert FundingFailed(account);
        }
    }

    /// @inheritdoc INodeRegistry
    function join(Admission calldata admission, bytes calldata signature) external override returns (uint32 member) {
        // Check: in the order in which a node's operator can do something about it.
        if (msg.sender != admission.account) revert NotYourAdmission(msg.sender, admission.account);
        if (block.timestamp > admission.deadline) revert AdmissionExpired(admission.deadline);
        if (admission.epoch != epoch) revert AdmissionOutdated(admission.epoch, epoch);
        if (_used[admission.nonce]) revert AdmissionUsed(admission.nonce);
        address signer = _signerOf(admission, signature);
        if (!isAuthority(signer)) revert NotAuthority(signer);

        // Effect
        _used[admission.nonce] = true;
        member = _admit(admission.account, admission.peerKey, admission.organization);
    }

    /// @inheritdoc INodeRegistry
    function revoke(uint32 member, RunRef[] calldata runs, uint8 reason) external override onlyAuthority {
        // Check
        Member storage m = _activeMember(member);

        // Effect: the new epoch voids every admission signed before.
        m.active = false;
        _account[m.account].acts = false;
        epoch += 1;
        emit MemberRevoked(member, reason, epoch);

        // Interaction: ledgers that the authority itself names; each asks back whether the member is active.
        for (uint256 i = 0; i < runs.length; i++) {
            IRounds(runs[i].ledger).evict(runs[i].run, member);
        }
    }

    /// @inheritdoc INodeRegistry
    function admitAuditor(bytes32 peerKey, bytes32 organization) external override onlyAuthority {
        _checkFreePeerKey(peerKey);
        _peerKey[peerKey] = PeerKey({ member: 0, auditor: true, audits: true });
        emit AuditorAdmitted(peerKey, organization);
    }

    /// @inheritdoc INodeRegistry
    function revokeAuditor(bytes32 peerKey) external override onlyAuthority {
        if (!isAuditor(peerKey)) revert NotAuditor(peerKey);
        _peerKey[peerKey].audits = false;
        emit AuditorRevoked(peerKey);
    }

    /// @inheritdoc INodeRegistry
    function proposeAccount(address account) external override {
        uint32 member = _callerMember();
        _checkFreeAccount(account);
        _member[member].proposed = account;
        emit AccountProposed(member, account);
    }

    /// @inheritdoc INodeRegistry
    function acceptAccount(uint32 member) external override {
        // Check: the account may have been taken since it was proposed.
        Member storage m = _activeMember(member);
        if (m.proposed != msg.sender) revert NotProposed(member, msg.sender);
        _checkFreeAccount(msg.sender);

        // Effect
        _account[m.account].acts = false;
        delete m.proposed;
        _bindAccount(member, msg.sender);
        emit AccountRotated(member, msg.sender);
    }

    /// @inheritdoc INodeRegistry
    function rotatePeerKey(bytes32 peerKey) external override {
        uint32 member = _callerMember();
        _bindPeerKey(member, peerKey);
        emit PeerKeyRotated(member, peerKey);
    }

    /// @inheritdoc INodeRegistry
    function isActive(uint32 member) external view override returns (bool) {
        return _member[member].active;
    }

    /// @inheritdoc INodeRegistry
    function version() external pure override returns (string memory) {
        return "1";
    }

    /// @inheritdoc INodeRegistry
    function memberOf(address account) public view override returns (uint32 member) {
        Account memory a = _account[account];
        return a.acts ? a.member : 0;
    }

    /// @inheritdoc INodeRegistry
    function isAuditor(bytes32 peerKey) public view override returns (bool) {
        return _peerKey[peerKey].audits;
    }

    /// @inheritdoc INodeRegistry
    function isAuthority(address account) public view override returns (bool) {
        return hasRole(AUTHORITY_ROLE, account);
    }

    function _admit(address account, bytes32 peerKey, bytes32 organization) private returns (uint32 member) {
        _checkFreeAccount(account);
        member = ++_members;
        _member[member].active = true;
        _bindAccount(member, account);
        _bindPeerKey(member, peerKey);
        emit MemberAdmitted(member, account, peerKey, organization);
    }

    function _bindAccount(uint32 member, address account) private {
        _member[member].account = account;
        _account[account] = Account({ member: member, acts: true });
    }

    function _bindPeerKey(uint32 member, bytes32 peerKey) private {
        _checkFreePeerKey(peerKey);
        _peerKey[peerKey].member = member;
    }

    function _checkFreePeerKey(bytes32 peerKey) private view {
        if (peerKey == 0) revert Zero();
        PeerKey memory owner_ = _peerKey[peerKey];
        if (owner_.member != 0 || owner_.auditor) revert PeerKeyTaken(peerKey, owner_.member);
    }

    function _checkFreeAccount(address account) private view {
        if (account == address(0)) revert Zero();
        uint32 owner_ = _account[account].member;
        if (owner_ != 0) revert AccountTaken(account, owner_);
    }

    function _callerMember() private view returns (uint32 member) {
        member = memberOf(msg.sender);
        if (member == 0) revert NotMember(msg.sender);
    }

    function _activeMember(uint32 member) private view returns (Member storage m) {
        m = _member[member];
        if (!m.active) revert NotActive(member);
    }

    /// @dev The zero address when the signature is malformed. The network id is signed too, because a
    /// development chain that is started anew has the same chain id and contract addresses.
    function _signerOf(Admission calldata a, bytes calldata signature) private view returns (address signer) {
        bytes32 content = keccak256(
            abi.encode(
                ADMISSION_TYPEHASH, a.account, a.peerKey, a.organization, a.nonce, a.deadline, a.epoch, networkId
            )
        );
        (signer,,) = ECDSA.tryRecoverCalldata(_hashTypedDataV4(content), signature);
    }
}
