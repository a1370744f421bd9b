//! The HTTP server on loopback. Served by hyper directly, because a fault may be to close the connection instead of
//! answering, which a router alone cannot do.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Put into a response's extensions: close the connection instead of sending the response.
#[derive(Clone, Copy, Debug)]
pub struct CloseConnection;

#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the connection is closed on purpose")]
struct ClosedOnPurpose;

/// Serves until the task is aborted, which ends every connection too.
pub async fn serve(listener: TcpListener, router: Router) {
    const PAUSE_AFTER_FAILED_ACCEPT: Duration = Duration::from_millis(20);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _peer)) => {
                    connections.spawn(connection(stream, router.clone()));
                }
                Err(_out_of_descriptors) => tokio::time::sleep(PAUSE_AFTER_FAILED_ACCEPT).await,
            },
            Some(_ended) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, router: Router) {
    let service = service_fn(move |request| answer(router.clone(), request));
    // An error here is the other side hanging up, or a connection closed on purpose.
    let _ended = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(router: Router, request: Request<Incoming>) -> Result<Response<Body>, ClosedOnPurpose> {
    let response = match TowerToHyperService::new(router).call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    if response.extensions().get::<CloseConnection>().is_some() { Err(ClosedOnPurpose) } else { Ok(response) }
}
