//! The exporter against real servers, and against servers that do what no real one can be made to do.

mod access;
mod failure;
mod pages;
mod support;
