//! HTTP/2: one stream on a connection of its own.

use h2::client;
use hyper::Request;
use hyper::body::Bytes;
use netprobe::failure::Reason as Network;

use super::body::Body;
use super::exchange::{Broken, Head, Progress, of_io};
use super::socket::Watched;

/// Bytes that a server may send before we have read them.
const WINDOW: u32 = 1 << 20;

/// Bytes of all headers of an answer.
const MAX_HEADERS: u32 = 64 << 10;

/// Sends the request and reads the answer. A stream that the server resets is not opened again.
pub(super) async fn talk(
    watched: Watched,
    request: Request<Bytes>,
    want: impl FnOnce(&Head) -> Option<Body>,
    progress: &mut Progress,
) -> Result<(), Broken> {
    let mut builder = client::Builder::new();
    builder
        .enable_push(false)
        .initial_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_header_list_size(MAX_HEADERS);
    let shaken = builder.handshake::<_, Bytes>(watched).await;
    let (sender, mut connection) = shaken.map_err(|error| broken(&error))?;
    let mut exchange = std::pin::pin!(exchange(sender, request, want, progress));
    let mut is_over = false;
    let done = tokio::select! {
        biased;
        done = &mut exchange => done,
        // what came before the end is still there to be read, and tells of it otherwise
        _ended = &mut connection => {
            is_over = true;
            exchange.await
        }
    };
    if !is_over {
        // says goodbye if that can be done at once
        drop(tokio::time::timeout_at(tokio::time::Instant::now(), connection).await);
    }
    done
}

async fn exchange(
    sender: client::SendRequest<Bytes>,
    request: Request<Bytes>,
    want: impl FnOnce(&Head) -> Option<Body>,
    progress: &mut Progress,
) -> Result<(), Broken> {
    let mut sender = sender.ready().await.map_err(|error| broken(&error))?;
    let (head, body) = request.into_parts();
    let empty = body.is_empty();
    let opened = sender.send_request(Request::from_parts(head, ()), empty);
    let (answer, mut stream) = opened.map_err(|error| broken(&error))?;
    if !empty {
        stream.send_data(body, true).map_err(|error| broken(&error))?;
    }
    let response = answer.await.map_err(|error| broken(&error))?;
    let Some(mut body) = progress.head(response, want) else { return Ok(()) };
    while let Some(piece) = body.data().await {
        let piece = piece.map_err(|error| broken(&error))?;
        // what is not given back stops the server, which is what is wanted then
        if !progress.piece(&piece) {
            return Ok(());
        }
        body.flow_control().release_capacity(piece.len()).map_err(|error| broken(&error))?;
    }
    Ok(())
}

/// h2's words for its codes; not those of a server, which may come with them.
fn broken(error: &h2::Error) -> Broken {
    if let Some(io) = error.get_io() {
        return Broken(of_io(io).unwrap_or(Network::Closed), None);
    }
    let reason = match error.reason() {
        // the connection is over, and nobody said why
        None | Some(h2::Reason::NO_ERROR) => Network::Closed,
        Some(_) if error.is_remote() => Network::Reset,
        Some(_) => Network::Protocol,
    };
    Broken(reason, error.reason().map(|code| format!("HTTP/2: {}", code.description())))
}
