//! The live pipeline as a whole: over ports in memory, and as the real function on an emulator of AWS.

mod contract;
mod crash;
mod disorder;
mod inputs;
mod logs;
mod pipeline;
mod stack;
mod world;
