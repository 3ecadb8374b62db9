//! Ports that people know, where they are free.

use std::net::TcpListener;

use anyhow::Result;
use kit::process::free_port;

/// Which ports a stage takes.
#[derive(Clone, Copy, Debug)]
pub enum Ports {
    /// The usual ones if they are free.
    Friendly,
    /// Any: nobody will look, and a person's demo may run beside.
    Any,
}

impl Ports {
    /// This port if it may be and is free, or another.
    pub fn choose(self, friendly: u16) -> Result<u16> {
        match self {
            Self::Friendly if TcpListener::bind(("127.0.0.1", friendly)).is_ok() => Ok(friendly),
            Self::Friendly | Self::Any => free_port(),
        }
    }
}
