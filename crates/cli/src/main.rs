//! The `kmswatch` command.
fn main() {}
