use spg_gateway::status::Credentials;

use crate::server::{Act, Server, ok};
use crate::{PENDING, SECRET, TIMEOUT, client, query, query_about};

#[tokio::test]
async fn each_terminal_has_its_own() {
    let server = Server::start(|_, _| Act::Send(ok(PENDING))).await;
    let client = client(&server);
    for terminal in [None, Some("50994"), Some("1")] {
        query_about(&client, "t", terminal, TIMEOUT).await.result.unwrap();
    }
    let seen: Vec<_> = server
        .requests()
        .iter()
        .map(|r| {
            [r.header("authorization"), r.header("x-ibm-client-id"), r.header("accept")].map(|h| h.unwrap().to_owned())
        })
        .collect();
    let default = ["Bearer canary-token", "canary-client", "application/json"];
    assert_eq!(seen, [default, ["Bearer other-token", "other-client", "application/json"], default]);
}

#[tokio::test]
async fn nothing_secret_can_be_printed() {
    let server = Server::start(|_, _| Act::Send(ok(r#"{"paymentStatus":"Success","token":{"value":"canary"}}"#))).await;
    let client = client(&server);
    let reply = query(&client).await;
    let printed = format!("{client:?} {reply:?} {:?}", Credentials::parse(SECRET));
    assert!(!printed.contains("canary") && !printed.contains("other-"), "{printed}");
}
