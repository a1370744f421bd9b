use std::time::Duration;

use spg_domain::{NoAnswerKind, ReferenceStatus, Reply};
use spg_gateway::status::ANSWER_BYTES_MAX;

use crate::server::{Act, Server, answer, ok};
use crate::{PENDING, TIMEOUT, client, query, query_about};

async fn reply_to(bytes: Vec<u8>) -> Reply {
    let server = Server::start(move |_, _| Act::SendAndClose(bytes.clone())).await;
    query(&client(&server)).await
}

#[tokio::test]
async fn a_full_answer() {
    let reply = reply_to(ok(r#"{"returnStatus":{"statusCode":"000","statusMsg":"Success","statusDescription":"Paid"},
        "paymentStatus":"Success","paymentMethod":"REFERENCE","paymentType":"PREF","transactionID":"t",
        "amount":{"value":"16.20","currency":"EUR"},"merchant":{"merchantTransactionId":"o","terminalId":50994},
        "paymentReference":{"status":"PAID"},"execution":{"startTime":"x"},"token":{"value":"912345678"}}"#))
    .await;
    assert!(!format!("{reply:?}").contains("912345678"));
    let answer = reply.result.unwrap();
    assert_eq!(answer.payment_status.as_str(), "Success");
    assert_eq!(answer.transaction_id.unwrap().as_str(), "t");
    assert_eq!(answer.facts.amount.unwrap().to_string(), "16.20 EUR");
    assert_eq!(answer.facts.merchant_transaction_id.unwrap().as_str(), "o");
    assert_eq!(answer.facts.terminal_id.unwrap().as_str(), "50994");
    assert_eq!(answer.facts.reference_status, Some(ReferenceStatus::Paid));
    assert_eq!((reply.http_status, reply.problem, reply.retry_after), (None, None, None));
    assert_eq!(reply.return_code.unwrap().as_str(), "000");
}

#[tokio::test]
async fn each_http_status_has_its_meaning() {
    use NoAnswerKind::{NotFound, RateLimited, Unauthorised, Unavailable};
    for (status, expected, problem) in [
        ("200 OK", None, None),
        ("206 Partial Content", None, None),
        ("201 Created", Some(Unavailable), Some("unexpected HTTP status")),
        ("301 Moved", Some(Unavailable), Some("redirected")),
        ("400 Bad Request", Some(NotFound), Some("query refused")),
        ("401 Unauthorized", Some(Unauthorised), Some("token refused")),
        ("403 Forbidden", Some(Unauthorised), Some("client id refused")),
        ("404 Not Found", Some(NotFound), Some("not found")),
        ("405 Method Not Allowed", Some(Unavailable), Some("unexpected HTTP status")),
        ("408 Request Timeout", Some(Unavailable), Some("unexpected HTTP status")),
        ("409 Conflict", Some(Unavailable), Some("unexpected HTTP status")),
        ("429 Too Many Requests", Some(RateLimited), Some("rate limited")),
        ("500 Internal Server Error", Some(Unavailable), Some("server error")),
        ("503 Service Unavailable", Some(Unavailable), Some("server error")),
        ("599 Odd", Some(Unavailable), Some("server error")),
    ] {
        // A body that would be an answer under another status.
        let reply = reply_to(answer(status, "", PENDING)).await;
        assert_eq!(reply.result.as_ref().err().copied(), expected, "{status}");
        assert_eq!(reply.problem, problem, "{status}");
        let told = reply.http_status.map_or_else(|| "200".to_owned(), |status| status.to_string());
        assert_eq!(Some(told.as_str()), status.split(' ').next(), "{status}");
        assert_eq!(reply.return_code.unwrap().as_str(), "000", "{status}");
    }
}

#[tokio::test]
async fn a_404_that_is_not_in_spgs_words_makes_one_think_of_the_address() {
    for body in ["<html>No such page</html>", r#"{"httpCode":"404","moreInformation":"No resources match"}"#] {
        let reply = reply_to(answer("404 Not Found", "", body)).await;
        assert_eq!(reply.result, Err(NoAnswerKind::NotFound), "{body}");
        assert!(reply.problem.is_some_and(|problem| problem.contains("STATUS_API_URL")), "{body}");
    }
}

#[tokio::test]
async fn a_200_that_says_nothing_usable() {
    for (body, problem) in [
        ("", "not JSON"),
        ("<html>", "not JSON"),
        ("[]", "not JSON"),
        ("{}", "no paymentStatus"),
        (r#"{"paymentStatus":{}}"#, "no paymentStatus"),
        (r#"{"paymentStatus":""}"#, "no paymentStatus"),
        (r#"{"paymentStatus":"Success","transactionID":{}}"#, "the transactionID cannot be read"),
    ] {
        for status in ["200 OK", "206 Partial Content"] {
            let reply = reply_to(answer(status, "Retry-After: 3\r\n", body)).await;
            assert_eq!(reply.result, Err(NoAnswerKind::Unavailable), "{body}");
            assert_eq!(reply.problem, Some(problem), "{body}");
        }
    }
    let html = reply_to(answer("502 Bad Gateway", "", "<html>")).await;
    assert_eq!(
        (html.result, html.problem, html.return_code),
        (Err(NoAnswerKind::Unavailable), Some("server error"), None)
    );
}

#[tokio::test]
async fn an_unreadable_field_is_noted() {
    let reply = reply_to(ok(r#"{"paymentStatus":"Success","paymentType":["PURS"]}"#)).await;
    assert_eq!(reply.problem, Some("a field cannot be read"));
    assert_eq!(reply.result.unwrap().facts.payment_type, None);
}

/// An amount that cannot be compared must not pass for one that was not said.
#[tokio::test]
async fn an_unreadable_amount_makes_the_answer_unusable() {
    for amount in [r#"{"value":"15,90","currency":"EUR"}"#, r#"{"value":"15.90"}"#, "15.90"] {
        let reply = reply_to(ok(&format!(r#"{{"paymentStatus":"Success","amount":{amount}}}"#))).await;
        assert_eq!(reply.result, Err(NoAnswerKind::Unavailable), "{amount}");
        assert_eq!(reply.problem, Some("the amount cannot be read"), "{amount}");
    }
}

#[tokio::test]
async fn retry_after_is_passed_on_with_failures_only() {
    let wait = Some(Duration::from_secs(30));
    for (status, expected) in [("429 Slow", wait), ("503 Down", wait), ("404 Gone", wait), ("200 OK", None)] {
        assert_eq!(reply_to(answer(status, "Retry-After: 30\r\n", PENDING)).await.retry_after, expected, "{status}");
    }
    let date = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:50:07 GMT\r\n";
    assert_eq!(reply_to(answer("503 Down", date, "")).await.retry_after, wait);
}

#[tokio::test]
async fn the_answer_has_a_size_limit() {
    let fill = |bytes: usize| format!(r#"{{"paymentStatus":"Pending","x":"{}"}}"#, "x".repeat(bytes - 34));
    assert_eq!((fill(ANSWER_BYTES_MAX).len(), ANSWER_BYTES_MAX), (65_536, 65_536));
    let too_large = (Err(NoAnswerKind::Unavailable), Some("answer too large"));
    let said = |reply: Reply| (reply.result.map(|_| ()), reply.problem);
    assert_eq!(said(reply_to(ok(&fill(ANSWER_BYTES_MAX))).await), (Ok(()), None));
    assert_eq!(said(reply_to(ok(&fill(ANSWER_BYTES_MAX + 1))).await), too_large);
    // Without a length: known only while reading.
    let unbounded = |body: String| format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{body}").into_bytes();
    assert_eq!(said(reply_to(unbounded(fill(ANSWER_BYTES_MAX))).await), (Ok(()), None));
    assert_eq!(said(reply_to(unbounded(fill(ANSWER_BYTES_MAX + 1))).await), too_large);
    let endless =
        Server::start(|_, _| Act::Stall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n".to_vec())).await;
    assert_eq!(said(query(&client(&endless)).await), too_large);
}

#[tokio::test]
async fn what_is_no_http_or_ends_early() {
    for bytes in ["", "garbage\r\n\r\n", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"] {
        let reply = reply_to(bytes.as_bytes().to_vec()).await;
        assert_eq!(
            (reply.result, reply.problem),
            (Err(NoAnswerKind::Unavailable), Some("connection closed")),
            "{bytes}"
        );
    }
}

async fn reply_to_stalled(head: &'static str) -> Reply {
    let server = Server::start(move |_, _| Act::Stall(head.into())).await;
    query_about(&client(&server), "t", None, Duration::from_secs(1)).await
}

#[tokio::test]
async fn the_answer_must_come_in_time() {
    let (nothing, half, refused) = tokio::join!(
        reply_to_stalled(""),
        reply_to_stalled("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"),
        reply_to_stalled("HTTP/1.1 404 No\r\nContent-Length: 9\r\n\r\n{"),
    );
    let timed_out = Some("timed out");
    assert_eq!((nothing.result, nothing.problem), (Err(NoAnswerKind::Unavailable), timed_out));
    assert_eq!(nothing.http_status, None);
    assert_eq!((half.result, half.problem), (Err(NoAnswerKind::Unavailable), timed_out));
    assert_eq!(half.http_status, None);
    // A refusal counts though its body never ends.
    assert_eq!((refused.result, refused.http_status), (Err(NoAnswerKind::NotFound), Some(404)));
}

#[tokio::test]
async fn the_id_travels_as_one_segment() {
    let server = Server::start(|_, _| Act::Send(ok(PENDING))).await;
    let client = client(&server);
    for id in ["s2bfw1g1", "a/../b", "%2e%2e", "é ?#\r\nX: y"] {
        query_about(&client, id, None, TIMEOUT).await.result.unwrap();
    }
    let paths: Vec<_> = server.requests().iter().map(|request| request.path().to_owned()).collect();
    let expected = ["s2bfw1g1", "a%2F..%2Fb", "%252e%252e", "%C3%A9%20%3F%23%0D%0AX%3A%20y"];
    assert_eq!(paths, expected.map(|id| format!("/api/v2/payments/{id}/status")));
}

#[tokio::test]
async fn an_id_that_no_url_can_say_is_not_queried() {
    let server = Server::start(|_, _| Act::Send(ok(PENDING))).await;
    for id in [".", ".."] {
        let reply = query_about(&client(&server), id, None, TIMEOUT).await;
        assert_eq!((reply.result, reply.problem), (Err(NoAnswerKind::NotFound), Some("the transactionID fits no URL")));
    }
    assert_eq!(server.requests().len(), 0);
}
