//! One session: simple-query messages, and rows as text where they lie in the buffer.

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};

use super::cancel::{self, Key};
use super::error::ConnError;
use super::open::{Peer, Wanted};
use super::wire::{Wire, message, put_text, server_error};

/// A session that has introduced itself. When it is dropped while a query runs, the query is cancelled on the
/// server and the session closed; its place is free only after that.
pub struct Session {
    /// `None` only while it is taken apart.
    wire: Option<Wire>,
    peer: Peer,
    key: Key,
    /// Messages that were sent and not answered yet.
    pending: usize,
    /// Nothing is under way, and it can be used for another query.
    sound: bool,
    /// No answer can be had from it any more.
    broken: bool,
    /// The place in [`super::Slots`] that it takes up while it is used.
    pub(super) permit: Option<OwnedSemaphorePermit>,
    /// The database it is in.
    pub(super) database: String,
    /// When it was opened.
    pub(super) opened: Instant,
    /// When it was last used.
    pub(super) used: Instant,
    about: About,
}

/// What a server says of itself at the start of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct About {
    /// Whether it is a standby; servers before 14 do not tell.
    pub(super) standby: Option<bool>,
    /// The database has no encoding: its bytes may be anything, and the server refuses to send them as UTF-8.
    pub(super) raw_text: bool,
    /// It is the console of a PgBouncer.
    pub(super) console: bool,
}

/// What takes the rows of a query.
pub trait Rows {
    /// The columns of the rows that follow. A message with several statements may have several results.
    fn columns(&mut self, columns: &[Column<'_>]);

    /// One row.
    fn row(&mut self, row: &Row<'_>);
}

/// A column of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column<'a> {
    /// Its name.
    pub name: &'a str,
    /// The OID of its type.
    pub oid: u32,
}

/// A row of a result.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    pub(crate) body: &'a [u8],
    pub(crate) cells: &'a [Option<(usize, usize)>],
}

impl Row<'_> {
    /// How many columns it has.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether it has no column.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// The text of a column; `None` for NULL and for columns that are not there.
    pub fn get(&self, column: usize) -> Option<&[u8]> {
        let (start, end) = (*self.cells.get(column)?)?;
        self.body.get(start..end)
    }

    /// The same as text; bytes that are not UTF-8 become U+FFFD.
    pub fn text(&self, column: usize) -> Option<std::borrow::Cow<'_, str>> {
        self.get(column).map(String::from_utf8_lossy)
    }
}

impl Session {
    pub(super) fn new(wire: Wire, peer: Peer, key: Key, database: String, about: About) -> Self {
        let now = Instant::now();
        Self {
            wire: Some(wire),
            peer,
            key,
            pending: 0,
            sound: true,
            broken: false,
            permit: None,
            database,
            opened: now,
            used: now,
            about,
        }
    }

    /// Whether it is the console of a PgBouncer, which knows no SQL.
    pub fn is_console(&self) -> bool {
        self.about.console
    }

    /// Whether texts must be asked for as they are, since the database has no encoding.
    pub fn has_raw_text(&self) -> bool {
        self.about.raw_text
    }

    /// The database it is in.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// Sends simple-query messages; each wants one [`Session::receive`], in the same order.
    ///
    /// # Errors
    /// The session's; it cannot be used any more.
    pub async fn send(&mut self, texts: &[String], deadline: Instant) -> Result<(), ConnError> {
        let Some(wire) = self.wire.as_mut().filter(|_| self.sound) else { return Err(ConnError::Closed) };
        if texts.iter().any(|text| text.contains('\0')) {
            return Err(ConnError::Settings("a query cannot hold a NUL".to_owned()));
        }
        self.used = Instant::now();
        self.sound = false;
        self.pending += texts.len();
        let bytes: Vec<u8> =
            texts.iter().flat_map(|text| message(b'Q', |body| put_text(body, text))).collect();
        let sent = timeout_at(deadline, wire.send(&bytes)).await;
        sent.unwrap_or(Err(ConnError::Timeout("sending a query")))
    }

    /// Hands the rows of the oldest message that was sent to `rows`.
    ///
    /// # Errors
    /// The server's error, or the session's; after [`ConnError::leaves_session_usable`] it takes the next query.
    pub async fn receive(
        &mut self,
        deadline: Instant,
        rows: &mut (dyn Rows + Send),
    ) -> Result<(), ConnError> {
        let Some(wire) = self.wire.as_mut().filter(|_| self.pending > 0) else {
            return Err(ConnError::Closed);
        };
        let outcome = timeout_at(deadline, receive(wire, rows)).await;
        match outcome.unwrap_or(Err(ConnError::Timeout("waiting for rows"))) {
            Ok(refusal) => {
                self.pending -= 1;
                let usable = refusal.as_ref().is_none_or(ConnError::leaves_session_usable);
                self.sound = usable && self.pending == 0;
                if self.pending == 0 {
                    wire.rest();
                }
                refusal.map_or(Ok(()), Err)
            }
            Err(error) => {
                if !matches!(error, ConnError::Timeout(_)) {
                    // a broken stream runs nothing that could be cancelled through its session
                    self.pending = 0;
                }
                self.broken = true;
                Err(error)
            }
        }
    }

    /// Sends one query and hands its rows to `rows`.
    ///
    /// # Errors
    /// Those of [`Session::send`] and [`Session::receive`].
    pub async fn query(
        &mut self,
        text: &str,
        deadline: Instant,
        rows: &mut (dyn Rows + Send),
    ) -> Result<(), ConnError> {
        self.send(&[text.to_owned()], deadline).await?;
        self.receive(deadline, rows).await
    }

    /// Says goodbye and waits until the server has let go of the session.
    pub async fn close(&mut self) {
        self.sound = false;
        if let Some(mut wire) = self.wire.take() {
            cancel::close(&mut wire).await;
        }
    }

    /// Whether it can be used for another query.
    pub(super) fn is_sound(&self) -> bool {
        self.sound && self.wire.as_ref().is_some_and(|wire| !wire.has_unread())
    }

    /// Whether answers can still come.
    pub(super) fn is_alive(&self) -> bool {
        !self.broken && (self.sound || self.pending > 0)
    }

    pub(super) fn is_wanted(&self, wanted: Wanted) -> bool {
        match (wanted, self.about.standby) {
            (Wanted::Primary, Some(standby)) => !standby,
            (Wanted::Standby, Some(standby)) => standby,
            _ => true,
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let Some(wire) = self.wire.take() else { return };
        let permit = self.permit.take();
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if self.pending > 0 {
            runtime.spawn(cancel::end(wire, self.peer.clone(), self.key.clone(), permit));
        } else {
            runtime.spawn(async move {
                let mut wire = wire;
                cancel::close(&mut wire).await;
                drop(permit);
            });
        }
    }
}

/// Reads until the server waits for the next query; `Some` when it refused this one.
async fn receive(wire: &mut Wire, rows: &mut (dyn Rows + Send)) -> Result<Option<ConnError>, ConnError> {
    let mut refusal = None;
    let mut cells: Vec<Option<(usize, usize)>> = Vec::new();
    loop {
        let message = wire.next().await?;
        match message.tag {
            b'D' => {
                split_cells(message.body, &mut cells)?;
                rows.row(&Row { body: message.body, cells: &cells });
            }
            b'T' => rows.columns(&parse_columns(message.body)?),
            b'E' => refusal = refusal.or_else(|| Some(server_error(message.body))),
            b'Z' => {
                // one message is one implicit transaction; what leaves one open is not a query of ours
                let idle = message.body == b"I";
                return match refusal {
                    None if !idle => Err(ConnError::Protocol("a transaction was left open")),
                    refusal => Ok(refusal),
                };
            }
            // COPY would wait for us
            b'G' | b'H' | b'W' => return Err(ConnError::Protocol("COPY is not a query")),
            _ => {}
        }
    }
}

/// Where the values of a row lie.
fn split_cells(body: &[u8], cells: &mut Vec<Option<(usize, usize)>>) -> Result<(), ConnError> {
    const SHORT: ConnError = ConnError::Protocol("a row is too short");
    cells.clear();
    let (count, mut rest) = body.split_first_chunk::<2>().ok_or(SHORT)?;
    let mut at = 2;
    for _ in 0..u16::from_be_bytes(*count) {
        let (length, after) = rest.split_first_chunk::<4>().ok_or(SHORT)?;
        at += 4;
        rest = after;
        match usize::try_from(i32::from_be_bytes(*length)) {
            Err(_) => cells.push(None),
            Ok(length) => {
                rest = rest.get(length..).ok_or(SHORT)?;
                cells.push(Some((at, at + length)));
                at += length;
            }
        }
    }
    Ok(())
}

fn parse_columns(body: &[u8]) -> Result<Vec<Column<'_>>, ConnError> {
    const SHORT: ConnError = ConnError::Protocol("a description of rows is too short");
    let (count, mut rest) = body.split_first_chunk::<2>().ok_or(SHORT)?;
    let mut columns = Vec::with_capacity(usize::from(u16::from_be_bytes(*count)));
    for _ in 0..u16::from_be_bytes(*count) {
        let end = rest.iter().position(|byte| *byte == 0).ok_or(SHORT)?;
        let name = std::str::from_utf8(rest.get(..end).ok_or(SHORT)?).unwrap_or("");
        // table (4), column (2), type (4), size (2), modifier (4), format (2)
        let facts = rest.get(end + 1..end + 19).ok_or(SHORT)?;
        let oid = facts.get(6..).and_then(|facts| facts.first_chunk::<4>()).ok_or(SHORT)?;
        columns.push(Column { name, oid: u32::from_be_bytes(*oid) });
        rest = rest.get(end + 19..).ok_or(SHORT)?;
    }
    Ok(columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_columns() {
        let mut body = vec![0, 3];
        for value in [Some(&b"ab"[..]), None, Some(b"")] {
            let length = value.map_or(-1, |value| i32::try_from(value.len()).unwrap());
            body.extend_from_slice(&length.to_be_bytes());
            body.extend_from_slice(value.unwrap_or_default());
        }
        let mut cells = Vec::new();
        split_cells(&body, &mut cells).unwrap();
        let row = Row { body: &body, cells: &cells };
        let found = [0, 1, 2, 3].map(|column| row.text(column).map(std::borrow::Cow::into_owned));
        assert_eq!(found, [Some("ab".to_owned()), None, Some(String::new()), None]);
        assert!(split_cells(&body[..9], &mut cells).is_err());

        let mut body = vec![0, 1];
        body.extend_from_slice(b"name\0");
        body.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(parse_columns(&body).unwrap(), [Column { name: "name", oid: 16 }]);
        assert!(parse_columns(&body[..12]).is_err());
    }
}
