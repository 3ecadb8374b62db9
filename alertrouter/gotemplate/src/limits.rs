//! How much one execution may take, and one text may hold.

/// What one execution may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Nodes executed, and entries and elements visited.
    pub steps: u64,
    /// Bytes written, and bytes of one value that a function made.
    pub bytes: u64,
    /// Templates within templates.
    pub depth: u32,
}

/// A group of a thousand alerts takes some 100,000; a second's work is a hundred times this.
pub const MAX_STEPS: u64 = 2_000_000;

/// No receiver takes a message of this size.
pub const MAX_BYTES: u64 = 16 << 20;

/// Go's own limit. What waits lies on the heap, some 100 bytes for each.
pub const MAX_DEPTH: u32 = 100_000;

/// All values that functions made in one execution, in bytes for each byte that may be written: they may be alive at
/// the same time.
pub(crate) const MADE_PER_BYTE: u64 = 16;

/// Bytes of arguments that count as one step.
pub(crate) const BYTES_PER_STEP: u64 = 256;

/// Containers within containers, in a value that a function made. What prints or drops values goes down on the stack.
pub const MAX_VALUE_DEPTH: u32 = 100;

/// Longest text, in bytes: positions are 32 bits wide, and longer ones are generated.
pub const MAX_SOURCE: usize = 4 << 20;

/// Parentheses within parentheses. Go allows 10,000; evaluating goes down on the stack.
pub const MAX_PARENS: usize = 100;

/// Actions within actions (`if` in `range` in `with`). Go has no limit; what walks over a tree goes down on the stack.
/// An `else if` counts as one more.
pub const MAX_NESTING: usize = 250;

impl Default for Limits {
    fn default() -> Self {
        Self { steps: MAX_STEPS, bytes: MAX_BYTES, depth: MAX_DEPTH }
    }
}
