//! A program's life, seen from outside: a small program built on the toolkit, and an HTTP client.

mod formats;
mod lifecycle;
mod sample;
mod sharing;
