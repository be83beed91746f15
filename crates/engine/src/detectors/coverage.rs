//! What there is to find in KMS, and by what it is found: ideas of detection, each with a detector or with the reason why
//! there is none.
//!
//! The ids are names of this list alone. **M** is what some product or public rule set ships, **N** what was thought of
//! besides, **P** a pattern of attack as a whole. Tests see to it that every idea has either a detector, with a fixture on
//! which that detector fires, or a reason.

/// Something worth finding.
#[derive(Clone, Copy, Debug)]
pub struct Idea {
    /// Its id.
    pub id: &'static str,
    /// What it is.
    pub what: &'static str,
    /// Why no detector finds it; empty if one does.
    pub why_not: &'static str,
}

const fn idea(id: &'static str, what: &'static str) -> Idea {
    Idea { id, what, why_not: "" }
}

const fn without(id: &'static str, what: &'static str, why_not: &'static str) -> Idea {
    Idea { id, what, why_not }
}

/// All ideas, by id.
pub const IDEAS: &[Idea] = &[
    idea("M1", "A key is disabled, or its deletion scheduled"),
    idea("M2", "The same is tried and denied"),
    idea("M3", "One principal takes several keys away"),
    idea("M4", "A key policy is changed"),
    idea("M5", "A key policy lets everybody in"),
    idea("M6", "Imported key material is used or deleted"),
    idea("M7", "An S3 object is encrypted under a foreign account's key"),
    without(
        "M8",
        "Objects are encrypted with keys that S3 is given by the caller (SSE-C)",
        "S3 does not call KMS for it: only data events of S3 show it.",
    ),
    idea("M9", "Secrets or parameters are read in bulk"),
    without(
        "M10",
        "A decryption as a link of a longer attack",
        "Findings that belong together make an incident; no detector looks at chains.",
    ),
    without(
        "M11",
        "Calls refused by the policy of a VPC endpoint",
        "They are no management events, but network activity events, which are copies for the owner of the endpoint and are skipped.",
    ),
    idea("M12", "A decoy key is touched"),
    idea("M13", "A principal calls an operation for the first time"),
    idea("M14", "Many errors or denials"),
    idea("M15", "Denials over many operations or keys"),
    idea("M16", "More calls by a principal than usual"),
    idea("M17", "A trail is stopped, deleted or narrowed"),
    idea("M18", "The key of a trail is changed"),
    idea("M19", "An enclave in debug mode uses a key"),
    idea("M20", "A key that is pending deletion is used"),
    idea("M21", "A decryption without a declared intention"),
    idea("M22", "A replica, or the primary, in a Region that is not allowed"),
    idea("M23", "Rotation is switched off"),
    without(
        "M24",
        "Attack tools, anonymous networks, unusual countries",
        "It needs lists of reputation, which age and are not in the records. User agents are shown in each finding.",
    ),
    idea("M25", "Many reading calls: somebody looks around"),
    idea("M26", "Root, a Region that is not in use, or somebody long idle becomes active"),
    without(
        "M27",
        "Credentials of an instance are used elsewhere",
        "Which addresses the instance has is not in the records of KMS. A lost VPC endpoint is found (N32).",
    ),
    idea("N1", "KMS events are left out of a trail by its selectors, in any of their forms"),
    idea("N2", "The KMS events of an account stop"),
    idea("N3", "A principal decrypts for many resources behind a key"),
    idea("N4", "A key is used without the encryption context that it always had, or with other names in it"),
    idea("N5", "The probability that a principal is new on a key"),
    idea("N6", "A key of services is decrypted with by a principal for the first time"),
    idea("N7", "Who would miss a key that is taken away"),
    idea("N8", "A key is needed after it was taken away"),
    idea("N9", "A deletion from its schedule to its end, cancelled or final"),
    idea("N10", "Own principals encrypt under a foreign key"),
    idea("N11", "Chains of grants, grants to others, grants ended in numbers"),
    without("N12", "A grant token is used again", "Records do not hold grant tokens."),
    idea("N13", "Dry runs try what is allowed"),
    idea("N14", "Ciphertext, keys and contexts are tried in vain"),
    idea("N15", "A policy locks its owners out, or is set without the safety check"),
    idea("N16", "What a policy gives beyond the one before"),
    idea("N17", "A foreign account in a policy or grant"),
    idea("N18", "A multi-Region key leaves for a Region where nobody looks"),
    idea("N19", "Imported material with a short life"),
    idea("N20", "A key store is disconnected or pointed elsewhere"),
    idea("N21", "An account that never did makes keys with outside material"),
    idea("N22", "Rotation is slowed down, or used up by hand"),
    idea("N23", "An alias is moved to another key"),
    idea("N24", "Tags that decide over access are changed"),
    idea("N25", "The key of the log itself is attacked"),
    idea("N26", "The audit log is read by somebody new"),
    idea("N27", "More signatures than usual"),
    idea("N28", "Public keys and import parameters are fetched by somebody who never did, or in numbers"),
    idea("N29", "Data is re-encrypted to another key"),
    without(
        "N30",
        "A call names a service that its address does not",
        "AWS itself writes which service calls; callers cannot, so a difference means another way of writing it.",
    ),
    idea("N31", "A key that only services used is called directly"),
    idea("N32", "A principal leaves its VPC endpoints, or calls by older TLS than ever"),
    idea("N33", "A workload's role decrypts from the console"),
    without(
        "N34",
        "Other key material than expected is used",
        "Old data is decrypted with old material after every rotation, and not all records name it.",
    ),
    idea("N35", "Throttling hits others"),
    idea("N36", "A key is used by somebody outside a declared list"),
    idea("N37", "The way of logs and alerts is changed"),
    idea("N38", "A canary key that ships with the template is touched"),
    idea("P1", "Scheduled deletion"),
    idea("P2", "Policy lockout"),
    idea("P3", "Ransom by imported key material"),
    idea("P4", "Ransom by an external key store"),
    idea("P5", "Ransom by a foreign key"),
    idea("P6", "Persistence by grants"),
    idea("P7", "Snapshots leave with their key: the part of the key"),
    idea("P8", "Bulk reading of secrets"),
    idea("P9", "Re-encryption to a foreign key"),
    idea("P10", "Replication, and a new primary"),
    idea("P11", "Enumeration of permissions"),
    idea("P12", "Alias hijack"),
    idea("P13", "Blinding the log"),
    idea("P14", "Sharing through RAM"),
    idea("P15", "Abuse of signing"),
    idea("P16", "A key store is disconnected"),
    idea("P17", "Access through tags"),
    without(
        "P18",
        "Encryption with a public key outside AWS",
        "It happens outside KMS: nothing is logged. Taking the private key away afterwards is found (P1, P2).",
    ),
    idea("P19", "Quotas are used up"),
    without("P20", "Ransom by SSE-C", "As M8: no call of KMS is made."),
    idea("P21", "Hiding in existing access: another network, older TLS, the console, no attestation"),
    idea("P22", "Root, and broken glass"),
];

/// What no detector can see in these logs, whatever it looks for.
pub const UNSEEN: &[&str] = &[
    "Plaintext, ciphertext, and the answers to GetKeyPolicy and other reading calls: CloudTrail leaves them out.",
    "Attempts from other accounts on your keys that are denied: only the caller's account logs them.",
    "Calls refused by the policy of a VPC endpoint: they are network activity events, which are off by default.",
    "Encryption with keys that S3 gets from its caller (SSE-C): no call of KMS.",
    "How much data a call stands for: S3 Bucket Keys and cached data keys hide up to 99 % of the uses.",
    "Use of a data key, or of a public key, that somebody already holds.",
    "What a trail does not log, and what is deleted before it is read.",
    "The true order of events within a second, and delivery: some minutes as a rule, with no promise.",
];

#[cfg(test)]
mod tests;
