//! The listening socket: TLS, HTTP/1.1, one task a connection. Whatever a request does, it ends in an
//! answer; nothing in here knows what a resource is.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract;
use axum::http::{Request, Response};
use futures::FutureExt as _;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::handle::handle;
use super::refusal::Refusal;
use super::reply::respond;
use super::state::State;

/// How long a client may take over its handshake, and over the head of a request.
const PATIENCE: Duration = Duration::from_secs(10);

/// A bug in a handler costs the request, not the server.
async fn serve_one(
    extract::State(state): extract::State<Arc<State>>,
    request: Request<Body>,
) -> Response<Body> {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let answer = AssertUnwindSafe(handle(&state, request)).catch_unwind().await;
    respond(answer.unwrap_or_else(|_panic| {
        tracing::error!(%method, path, "the embedded cluster failed on a request");
        Err(Refusal::internal("the embedded cluster failed on this request"))
    }))
}

fn router(state: Arc<State>) -> Router {
    Router::new().fallback(serve_one).with_state(state)
}

async fn connection(stream: TcpStream, tls: TlsAcceptor, service: Router, stop: CancellationToken) {
    // Watch events are small and wanted at once.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY on a connection");
    }
    let stream = match tokio::time::timeout(PATIENCE, tls.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            tracing::debug!(%error, "a TLS handshake failed");
            return;
        }
        Err(_late) => return,
    };
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(None);
    let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    tokio::select! {
        () = stop.cancelled() => {}
        ended = connection => {
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended badly");
            }
        }
    }
}

/// Accepts connections until `stop`; the tracker knows when the last one is gone.
pub(super) async fn serve(
    listener: TcpListener,
    tls: TlsAcceptor,
    state: Arc<State>,
    (stop, tasks): (CancellationToken, TaskTracker),
) {
    let service = router(state);
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _peer)) => {
                tasks.spawn(connection(stream, tls.clone(), service.clone(), stop.clone()));
            }
            Err(error) => {
                // Out of file descriptors, most often: the next connection may find one free again.
                tracing::warn!(%error, "the embedded cluster could not accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}
