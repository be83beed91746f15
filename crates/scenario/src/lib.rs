//! Invented organisations and attacks, written as CloudTrail logs.
