//! The program's own flags: ssl_exporter's names for what all programs have.

/// The flags beside those that all programs have.
#[derive(clap::Args, Clone, Debug)]
pub struct Flags {
    /// Path of the metrics page, by the name that ssl_exporter has for it
    #[arg(long = "web.metrics-path", value_name = "PATH", value_parser = path)]
    pub metrics_path: Option<String>,

    /// Path that takes ?target=
    #[arg(long = "web.probe-path", value_name = "PATH", default_value = "/probe", value_parser = path)]
    pub probe_path: String,
}

fn path(text: &str) -> Result<String, String> {
    if text.len() < 2 || !text.starts_with('/') || text.contains(['{', '}', '?', '#', ' ']) {
        return Err("expected a path such as /probe".to_owned());
    }
    Ok(text.to_owned())
}
