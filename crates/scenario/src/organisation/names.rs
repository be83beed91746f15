//! Names for the things of an organisation. When they run out they get numbers.

/// Workloads, by what teams call them.
const WORKLOADS: &[&str] = &[
    "payments-api",
    "card-vault",
    "settlement",
    "ledger",
    "checkout",
    "fraud-score",
    "payout",
    "refunds",
    "notifier",
    "invoicing",
    "merchant-portal",
    "kyc-intake",
    "dispute-desk",
    "fx-rates",
    "risk-engine",
    "webhooks",
    "reporting",
    "search",
    "profile",
    "sessions",
    "catalogue",
    "pricing",
    "inventory",
    "shipping",
    "loyalty",
    "gift-cards",
    "tax",
    "statements",
    "document-store",
    "audit-feed",
    "subscriptions",
    "ratings",
];

/// What a key protects.
const KEYS: &[&str] = &[
    "orders",
    "customer-profile",
    "documents",
    "statements",
    "sessions",
    "queue",
    "backups",
    "exports",
    "analytics",
    "feature-store",
    "logs",
    "mail",
    "invoices",
    "images",
    "tickets",
    "cache",
];

/// People, given and family names of many places.
const GIVEN: &[&str] = &[
    "ada", "bilal", "chiara", "dmitri", "elif", "femi", "greta", "hugo", "ines", "jonas", "kirsi", "luca",
    "mina", "noor", "oscar", "priya", "quentin", "rosa", "sven", "tomas", "uma", "vera", "wanda", "yusuf",
    "zoe",
];
const FAMILY: &[&str] = &[
    "almeida",
    "bakker",
    "castro",
    "demir",
    "eriksen",
    "fischer",
    "garcia",
    "haddad",
    "ito",
    "jansen",
    "kowal",
    "lindqvist",
    "moreau",
    "novak",
    "okafor",
    "patel",
    "rossi",
    "schmidt",
    "tanaka",
    "varga",
    "weber",
];

fn numbered(names: &[&str], n: usize) -> String {
    let name = names.get(n % names.len().max(1)).copied().unwrap_or("thing");
    match n / names.len().max(1) {
        0 => name.to_owned(),
        round => format!("{name}-{}", round + 1),
    }
}

/// The name of the n-th workload.
pub(crate) fn workload(n: usize) -> String {
    numbered(WORKLOADS, n)
}

/// The name of the n-th key.
pub(crate) fn key(n: usize) -> String {
    numbered(KEYS, n)
}

/// The mail name of the n-th person.
pub(crate) fn person(n: usize) -> String {
    let given = GIVEN.get(n % GIVEN.len()).copied().unwrap_or("ada");
    let family = FAMILY.get((n * 8 + n / GIVEN.len()) % FAMILY.len()).copied().unwrap_or("ito");
    match n / 175 {
        0 => format!("{given}.{family}"),
        round => format!("{given}.{family}{}", round + 1),
    }
}
