//! Stands between the functions and the emulated AWS, so that their connections can be cut while calls are in flight: the
//! request may have been carried out, and its answer never comes.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

const BUFFER_BYTES: usize = 16 * 1024;

/// A TCP proxy on loopback. Clones are the same one.
#[derive(Clone)]
pub struct Cutter {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    /// 0 until it is known.
    target: AtomicU16,
    /// Counts the cuts.
    cuts: watch::Sender<u64>,
    refuses: AtomicBool,
    open: AtomicU64,
    /// Connections that were cut.
    cut: AtomicU64,
    /// Those of them on which a request was in flight.
    cut_waiting: AtomicU64,
    refused: AtomicU64,
}

/// What was done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cuts {
    pub connections: u64,
    pub waiting: u64,
    pub refused: u64,
}

impl Cutter {
    /// Listens on a free port.
    ///
    /// # Errors
    /// There is none.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared {
            target: AtomicU16::new(0),
            cuts: watch::channel(0).0,
            refuses: AtomicBool::new(false),
            open: AtomicU64::new(0),
            cut: AtomicU64::new(0),
            cut_waiting: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        });
        tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { port, shared })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where connections lead from now on.
    pub fn lead_to(&self, port: u16) {
        self.shared.target.store(port, Ordering::Relaxed);
    }

    /// Resets every connection that is open.
    pub fn cut(&self) {
        self.shared.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Whether new connections are reset at once.
    pub fn refuse(&self, refuses: bool) {
        self.shared.refuses.store(refuses, Ordering::Relaxed);
    }

    pub fn cuts(&self) -> Cuts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Cuts {
            connections: read(&self.shared.cut),
            waiting: read(&self.shared.cut_waiting),
            refused: read(&self.shared.refused),
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        let target = shared.target.load(Ordering::Relaxed);
        if shared.refuses.load(Ordering::Relaxed) || target == 0 {
            shared.refused.fetch_add(1, Ordering::Relaxed);
            reset(client);
            continue;
        }
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            shared.open.fetch_add(1, Ordering::Relaxed);
            // A connection that cannot be made is one that is closed: the client sees it.
            if let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)).await {
                lead(client, server, &shared).await;
            }
            shared.open.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

async fn lead(mut client: TcpStream, mut server: TcpStream, shared: &Shared) {
    let mut cuts = shared.cuts.subscribe();
    let waiting = AtomicBool::new(false);
    let ended = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let both = async {
            tokio::join!(pass(from_client, to_server, &waiting, true), pass(from_server, to_client, &waiting, false));
        };
        tokio::select! {
            () = both => true,
            _ = cuts.changed() => false,
        }
    };
    if !ended {
        shared.cut.fetch_add(1, Ordering::Relaxed);
        shared.cut_waiting.fetch_add(u64::from(waiting.load(Ordering::Relaxed)), Ordering::Relaxed);
        reset(client);
        // The emulator goes on with what it has been asked for, as AWS would.
        drop(server);
    }
}

/// Passes bytes on until there are no more; notes whether the last ones were the client's.
async fn pass(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, waiting: &AtomicBool, asks: bool) {
    let mut buffer = vec![0; BUFFER_BYTES];
    while let Ok(length) = from.read(&mut buffer).await {
        waiting.store(asks && length > 0, Ordering::Relaxed);
        if length == 0 || to.write_all(&buffer[..length]).await.is_err() {
            break;
        }
    }
    // Fails only if the other side has gone already.
    let _ = to.shutdown().await;
}

/// Closes it with a reset instead of an orderly end.
fn reset(stream: TcpStream) {
    // Without it the end is an orderly one, which is a fault as well.
    let _ = stream.set_zero_linger();
    drop(stream);
}

#[cfg(test)]
mod tests {
    use tokio::sync::Semaphore;

    use super::*;

    /// Answers nothing until it is told to (the first of both), then what it was sent; and counts what it was sent (the second).
    async fn echo() -> (u16, [Arc<Semaphore>; 2]) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let [answers, arrived] = [0, 0].map(|none| Arc::new(Semaphore::new(none)));
        let both = [Arc::clone(&answers), Arc::clone(&arrived)];
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let [answers, arrived] = both.clone();
                tokio::spawn(async move {
                    let mut byte = [0; 1];
                    while stream.read_exact(&mut byte).await.is_ok() {
                        arrived.add_permits(1);
                        answers.acquire().await.unwrap().forget();
                        stream.write_all(&byte).await.unwrap_or_default();
                    }
                });
            }
        });
        (port, [answers, arrived])
    }

    #[tokio::test]
    async fn passes_on_then_cuts_and_refuses() {
        let (port, [answers, arrived]) = echo().await;
        let cutter = Cutter::start().await.unwrap();
        cutter.lead_to(port);
        let connect = || TcpStream::connect((Ipv4Addr::LOCALHOST, cutter.port()));
        let (mut idle, mut asking) = (connect().await.unwrap(), connect().await.unwrap());
        let mut byte = [0; 1];
        answers.add_permits(1);
        idle.write_all(b"a").await.unwrap();
        idle.read_exact(&mut byte).await.unwrap();
        assert_eq!(&byte, b"a");

        asking.write_all(b"b").await.unwrap();
        // Both requests have gone through, and the echo holds the second.
        arrived.acquire_many(2).await.unwrap().forget();
        cutter.cut();
        assert!(asking.read_exact(&mut byte).await.is_err());
        assert!(idle.read_exact(&mut byte).await.is_err());
        assert_eq!(cutter.cuts(), Cuts { connections: 2, waiting: 1, refused: 0 });

        cutter.refuse(true);
        let mut refused = connect().await.unwrap();
        assert!(refused.read_exact(&mut byte).await.is_err());
        cutter.refuse(false);
        let mut again = connect().await.unwrap();
        // The request that was cut off is still being carried out, and takes its turn.
        answers.add_permits(2);
        again.write_all(b"c").await.unwrap();
        again.read_exact(&mut byte).await.unwrap();
        assert_eq!(&byte, b"c");
        assert_eq!(cutter.cuts(), Cuts { connections: 2, waiting: 1, refused: 1 });
    }
}
