//! Reports, byte for byte, and what they must never do.
