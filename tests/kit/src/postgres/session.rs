//! A session that stays open, for what others have to wait behind.

use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::{PSQL, START_BOUND};

/// A session of `psql` that stays open.
pub struct Session {
    _process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

/// What is echoed when all statements before it are done.
const DONE: &str = "--done--";

impl Session {
    pub(super) async fn open(arguments: &[&str], sql: &str) -> Result<Self> {
        let mut psql = Command::new(PSQL.find()?)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("cannot run psql")?;
        let input = psql.stdin.take().context("no pipe to psql")?;
        let output = BufReader::new(psql.stdout.take().context("no pipe from psql")?);
        let mut session = Self { _process: psql, input, output };
        session.run(sql).await?;
        Ok(session)
    }

    /// Runs more statements, waits until they are done, and returns the rows.
    pub async fn run(&mut self, sql: &str) -> Result<String> {
        self.send(sql).await?;
        let mut rows = String::new();
        loop {
            let mut line = String::new();
            let read = tokio::time::timeout(START_BOUND, self.output.read_line(&mut line)).await;
            ensure!(read.with_context(|| format!("`{sql}` does not end"))?? > 0, "`{sql}` failed");
            if line.trim_end() == DONE {
                return Ok(rows.trim_end().to_owned());
            }
            rows += &line;
        }
    }

    /// Sends statements and does not wait for them.
    pub async fn send(&mut self, sql: &str) -> Result<()> {
        self.input.write_all(format!("{sql};\n\\echo {DONE}\n").as_bytes()).await?;
        Ok(self.input.flush().await?)
    }
}
