//! Small HTTP/1.1 servers on loopback, all on one runtime with threads of its own. Hyper without a framework, because a
//! fault may be that the connection ends where an answer belongs.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdTcpListener};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use crate::tls::Tls;

/// Enough to answer several functions at once while leaving a small machine to them.
const WORKER_THREADS: usize = 2;
/// DynamoDB's limit on a request, the largest of those served here.
const REQUEST_BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
const POLL_EVERY: Duration = Duration::from_millis(2);

/// What a handler sees of a request.
pub(crate) struct Request {
    pub method: Method,
    /// Path as sent, still percent-encoded, without the query.
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Request {
    /// A header's value, or the empty string where it is absent or no text.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// What a handler decides.
pub(crate) enum Answer {
    Reply {
        status: u16,
        headers: Vec<(String, String)>,
        body: Bytes,
    },
    /// Close the connection without a byte.
    Drop,
}

impl Answer {
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::text(status, "application/json", body.to_string())
    }

    pub fn text(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self::Reply { status, headers: vec![("content-type".into(), content_type.into())], body: body.into() }
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        if let Self::Reply { headers, .. } = &mut self {
            headers.push((name.into(), value.into()));
        }
        self
    }
}

/// A listening server; it and its connections end when it is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    scheme: &'static str,
    accepting: JoinHandle<()>,
}

impl Server {
    /// Serves on a free port of 127.0.0.1.
    pub fn start<H, F>(handler: H) -> Self
    where
        H: Fn(Request) -> F + Send + Sync + 'static,
        F: Future<Output = Answer> + Send + 'static,
    {
        Self::start_over(None, handler)
    }

    /// As [`Server::start`], over TLS if there is a certificate.
    pub fn start_over<H, F>(tls: Option<&Tls>, handler: H) -> Self
    where
        H: Fn(Request) -> F + Send + Sync + 'static,
        F: Future<Output = Answer> + Send + 'static,
    {
        let listener = StdTcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port on loopback");
        let address = listener.local_addr().expect("a bound socket has an address");
        listener.set_nonblocking(true).expect("a socket that does not block");
        let accepting = runtime().spawn(accept(listener, tls.map(Tls::acceptor), Arc::new(handler)));
        Self { address, scheme: if tls.is_some() { "https" } else { "http" }, accepting }
    }

    /// `http://127.0.0.1:port`, or with https.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// The runtime of all servers and child processes of this test process.
pub(crate) fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        Builder::new_multi_thread()
            .worker_threads(WORKER_THREADS)
            .thread_name("harness")
            .enable_all()
            .build()
            .expect("threads for the harness")
    })
}

/// Polls until the condition holds; false if it did not within `limit`.
pub fn until(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let started = Instant::now();
    loop {
        if condition() {
            return true;
        }
        if started.elapsed() >= limit {
            return false;
        }
        std::thread::park_timeout(POLL_EVERY);
    }
}

async fn accept<H, F>(listener: StdTcpListener, tls: Option<TlsAcceptor>, handler: Arc<H>)
where
    H: Fn(Request) -> F + Send + Sync + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    let listener = TcpListener::from_std(listener).expect("a listener that does not block");
    // Connections live in this set, so that ending this task ends them too.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                connections.spawn(serve(stream, tls.clone(), Arc::clone(&handler)));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve<H, F>(stream: TcpStream, tls: Option<TlsAcceptor>, handler: Arc<H>)
where
    H: Fn(Request) -> F + Send + Sync + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    // Without it, Nagle's delay would be measured as the function's time.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let handler = Arc::clone(&handler);
        async move { respond(&*handler, request).await }
    });
    let http = hyper::server::conn::http1::Builder::new();
    // An error here is a client that went away or a connection dropped on purpose.
    let _ = match tls {
        None => http.serve_connection(TokioIo::new(stream), service).await,
        Some(tls) => match tls.accept(stream).await {
            Ok(stream) => http.serve_connection(TokioIo::new(stream), service).await,
            Err(_) => return,
        },
    };
}

async fn respond<H, F>(handler: &H, request: hyper::Request<Incoming>) -> Result<Response<Full<Bytes>>, Dropped>
where
    H: Fn(Request) -> F,
    F: Future<Output = Answer>,
{
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, REQUEST_BODY_BYTES_MAX).collect().await else {
        return Err(Dropped);
    };
    let request = Request {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        headers: parts.headers,
        body: body.to_bytes(),
    };
    match handler(request).await {
        Answer::Drop => Err(Dropped),
        Answer::Reply { status, headers, body } => {
            let mut response = Response::new(Full::new(body));
            *response.status_mut() = StatusCode::from_u16(status).expect("a valid HTTP status");
            for (name, value) in headers {
                let name = HeaderName::try_from(name).expect("a valid header name");
                response.headers_mut().append(name, HeaderValue::try_from(value).expect("a valid header value"));
            }
            Ok(response)
        }
    }
}

/// Makes hyper close the connection.
#[derive(Debug)]
struct Dropped;

impl std::fmt::Display for Dropped {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("connection dropped on purpose")
    }
}

impl std::error::Error for Dropped {}
