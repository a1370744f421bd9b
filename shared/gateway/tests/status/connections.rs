use spg_domain::NoAnswerKind;
use spg_gateway::status::{BaseUrl, StatusClient};

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::server::{Act, Server, answer, ok};
use crate::{PENDING, TIMEOUT, client, query};

/// The first byte of a TLS handshake record (RFC 8446, 5.1).
const HANDSHAKE: u8 = 22;

#[tokio::test]
async fn a_connection_is_used_again() {
    let server = Server::start(|_, _| Act::Send(ok(PENDING))).await;
    let client = client(&server);
    for _ in 0..3 {
        query(&client).await.result.unwrap();
    }
    assert!(server.requests().iter().all(|request| request.connection == 0));
}

#[tokio::test]
async fn an_error_leaves_the_connection_usable() {
    let server =
        Server::start(|_, before| Act::Send(if before == 0 { answer("500 Down", "", "<html>") } else { ok(PENDING) }))
            .await;
    let client = client(&server);
    assert!(query(&client).await.result.is_err());
    query(&client).await.result.unwrap();
    assert_eq!(server.requests()[1].connection, 0);
}

#[tokio::test]
async fn a_connection_that_was_closed_while_idle_costs_nothing() {
    // Each answer is the last on its connection, and the client is not told.
    let server = Server::start(|_, _| Act::SendAndClose(ok(PENDING))).await;
    let client = client(&server);
    for _ in 0..20 {
        query(&client).await.result.unwrap();
    }
    assert_eq!(server.requests().len(), 20);
}

#[tokio::test]
async fn a_connection_that_dies_under_the_query_costs_a_second_try() {
    // The second request on a connection is read and the connection closed: a keep-alive that ran out at the wrong moment.
    let server = Server::start(|request, before| {
        if before > 0 && request.connection == 0 { Act::SendAndClose(Vec::new()) } else { Act::Send(ok(PENDING)) }
    })
    .await;
    let client = client(&server);
    query(&client).await.result.unwrap();
    query(&client).await.result.unwrap();
    let connections: Vec<_> = server.requests().iter().map(|request| request.connection).collect();
    assert_eq!(connections, [0, 0, 1]);
}

#[tokio::test]
async fn a_server_that_drops_every_query_is_asked_twice_at_most() {
    let server =
        Server::start(|_, before| if before == 0 { Act::Send(ok(PENDING)) } else { Act::SendAndClose(Vec::new()) })
            .await;
    let client = client(&server);
    query(&client).await.result.unwrap();
    let reply = query(&client).await;
    assert_eq!((reply.result, reply.problem), (Err(NoAnswerKind::Unavailable), Some("connection closed")));
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn a_first_connection_that_is_dropped_is_not_tried_again() {
    let server = Server::start(|_, _| Act::SendAndClose(Vec::new())).await;
    assert_eq!(query(&client(&server)).await.problem, Some("connection closed"));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn nobody_listening() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let reply = query(&client_of(&format!("http://{free}"))).await;
    assert_eq!((reply.result, reply.http_status), (Err(NoAnswerKind::Unavailable), None));
    assert_eq!(reply.problem, Some("connection failed"));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let other = Server::start(|_, _| Act::Send(ok(PENDING))).await;
    let location = format!("Location: {}/payments/t/status\r\n", other.base_url);
    let server = Server::start(move |_, _| Act::Send(answer("307 Elsewhere", &location, ""))).await;
    let reply = query(&client(&server)).await;
    assert_eq!((reply.result, reply.problem), (Err(NoAnswerKind::Unavailable), Some("redirected")));
    assert_eq!((server.requests().len(), other.requests().len()), (1, 0));
}

#[tokio::test]
async fn tls_is_spoken_and_its_failure_named() {
    // Answers the ClientHello with plain HTTP.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client_of(&format!("https://{}", listener.local_addr().unwrap()));
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let first = stream.read_u8().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, &ok(PENDING)).await.unwrap();
        // Held until the client has read: a reset would be another failure.
        (first, stream)
    };
    let (reply, (first, _stream)) = tokio::join!(query(&client), serve);
    assert_eq!(first, HANDSHAKE);
    assert_eq!((reply.result, reply.problem), (Err(NoAnswerKind::Unavailable), Some("TLS failed")));
}

#[tokio::test]
async fn warming_up_sends_nothing_where_there_is_no_tls() {
    let server = Server::start(|_, _| Act::Send(ok(PENDING))).await;
    let client = client(&server);
    client.warm_up(TIMEOUT).await;
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn warming_up_begins_a_tls_connection_and_outlives_its_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client_of(&format!("https://{}", listener.local_addr().unwrap()));
    let first_byte = async { listener.accept().await.unwrap().0.read_u8().await.unwrap() };
    let (first_byte, ()) = timeout(TIMEOUT, async { tokio::join!(first_byte, client.warm_up(TIMEOUT)) }).await.unwrap();
    assert_eq!(first_byte, HANDSHAKE);
}

#[tokio::test]
async fn warming_up_is_bounded() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client_of(&format!("https://{}", listener.local_addr().unwrap()));
    client.warm_up(std::time::Duration::from_millis(20)).await;
}

fn client_of(base_url: &str) -> StatusClient {
    StatusClient::new(BaseUrl::parse(base_url).unwrap()).unwrap()
}
