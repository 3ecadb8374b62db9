//! The web side as its users meet it: config files, TLS, passwords, limits, and the stop.

mod config_files;
mod landing;
mod passwords;
mod rotation;
mod serving;
mod support;
mod tls;
