//! Throws generated texts at the parser, the escaper and the executor: none may panic or run away.
//!
//! `cargo run --release -p gotemplate --example fuzz -- --inputs 10000000 --seed 1`

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

mod generator;
mod subject;

use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

fn main() -> ExitCode {
    let flag = |name: &str, default: u64| {
        let mut words = std::env::args().skip_while(|word| word != name).skip(1);
        words.next().and_then(|value| value.parse().ok()).unwrap_or(default)
    };
    let (inputs, seed) = (flag("--inputs", 100_000), flag("--seed", 1));
    let (sets, data) = (subject::sets(), subject::data());
    let mut good = 0;
    for input in 0..inputs {
        let number = seed.wrapping_mul(1_000_000_007).wrapping_add(input);
        let text = generator::text(&mut generator::Random::new(number));
        let ended = panic::catch_unwind(AssertUnwindSafe(|| subject::run(&sets, &data, &text)));
        let Ok(count) = ended else {
            eprintln!("input {input} of seed {seed}: {:?}", String::from_utf8_lossy(&text));
            return ExitCode::FAILURE;
        };
        good += count;
    }
    println!("{inputs} inputs, {good} of {} executions without an error, no panic", 2 * inputs);
    ExitCode::SUCCESS
}
