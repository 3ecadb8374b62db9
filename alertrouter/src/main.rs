//! The alert router's binary.

fn main() -> std::process::ExitCode {
    toolkit::app::main::<alertrouter::Alertrouter>()
}
