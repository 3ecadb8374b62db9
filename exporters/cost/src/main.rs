//! The program; everything else is in the library.

fn main() -> std::process::ExitCode {
    toolkit::app::main::<cost_exporter::Cost>()
}
