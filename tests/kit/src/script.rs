//! Faults that a test has ordered, and how often each of them is to happen.

/// How often a scripted fault happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// The next n times it applies.
    Next(u32),
    /// Until the double is healed.
    Always,
}

/// The faults still to happen, oldest first.
#[derive(Debug)]
pub(crate) struct Script<F>(Vec<(Times, F)>);

impl<F: Clone> Script<F> {
    pub(crate) fn new() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn add(&mut self, times: Times, fault: F) {
        if times != Times::Next(0) {
            self.0.push((times, fault));
        }
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The first fault that applies; it is used up by this.
    pub(crate) fn take(&mut self, applies: impl Fn(&F) -> bool) -> Option<F> {
        let index = self.0.iter().position(|(_, fault)| applies(fault))?;
        let (times, fault) = self.0.get_mut(index)?;
        let fault = fault.clone();
        match times {
            Times::Always => {}
            Times::Next(1) => drop(self.0.remove(index)),
            Times::Next(left) => *left -= 1,
        }
        Some(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_happens_as_often_as_ordered() {
        let mut script = Script::new();
        script.add(Times::Next(2), "a");
        script.add(Times::Next(0), "never");
        script.add(Times::Always, "b");
        let taken: Vec<_> = (0..4).filter_map(|_| script.take(|_| true)).collect();
        assert_eq!(taken, ["a", "a", "b", "b"]);
        assert_eq!(script.take(|fault| *fault == "a"), None);
        script.clear();
        assert_eq!(script.take(|_| true), None);
    }
}
