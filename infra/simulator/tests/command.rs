//! The command as people run it.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Output, Stdio};

use common::{Answer, start};
use serde_json::Value;
use spg_simulator::Config;

const VECTOR: &str = include_str!("../../../tests/vectors/webhook-card-success.json");

fn command(arguments: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spg-simulator"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn run(arguments: &[&str], input: &str) -> Output {
    let mut child = command(arguments);
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn decrypts_the_published_vector() {
    let vector: Value = serde_json::from_str(VECTOR).unwrap();
    let part = |name: &str| vector["headers"][name].as_str().unwrap();
    let (key, body) = (vector["secret"].as_str().unwrap(), vector["body"].as_str().unwrap());
    let arguments =
        ["decrypt", "--key", key, "--iv", part("X-Initialization-Vector"), "--tag", part("X-Authentication-Tag")];
    let output = run(&arguments, &format!(" {body}\n"));
    assert!(output.status.success());
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap(), vector["plaintext"]);
    let damaged = run(&arguments, &body.replacen('9', "8", 1));
    assert_eq!(damaged.status.code(), Some(2));
    assert!(damaged.stdout.is_empty() && text(&damaged.stderr).contains("authentication tag"));
}

#[test]
fn what_it_encrypts_it_decrypts() {
    let key = "6fNDiYU0T0/evFpmfycNai/AqF24i+rT0OmuVw0/sGQ=";
    let output = text(&run(&["encrypt", "--key", key], "{\"a\":1}").stdout);
    let lines: Vec<_> = output.lines().collect();
    let value = |line: &str| line.split_once(": ").unwrap().1.to_owned();
    let (iv, tag) = (value(lines[0]), value(lines[1]));
    let back = run(&["decrypt", "--key", key, "--iv", &iv, "--tag", &tag], lines[4]);
    assert_eq!(text(&back.stdout), "{\"a\":1}\n");
    assert_ne!(output, text(&run(&["encrypt", "--key", key], "{\"a\":1}").stdout), "an IV never comes twice");
}

#[test]
fn serves_until_it_is_told_to_end() {
    let mut child = command(&["serve", "--seed", "5", "--webhook-url", "http://127.0.0.1:1/"]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let status_api = lines.next().unwrap();
    assert!(status_api.starts_with("Status API   http://127.0.0.1:"), "{status_api}");
    assert!(lines.next().unwrap().ends_with("/payments"));
    assert!(lines.next().unwrap().ends_with("/control"));
    assert_eq!(lines.next().unwrap(), "webhooks to  http://127.0.0.1:1/");
    assert!(lines.next().unwrap().ends_with("(drawn from the seed)"));
    Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(child.wait().unwrap().success());
    assert!(lines.any(|line| line.starts_with("0 payments, 0 notifications")));
}

#[test]
fn a_port_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = run(&["serve", "--port", &port], "");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains(&format!("cannot listen on 127.0.0.1:{port}")), "{}", text(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn plays_and_says_by_its_exit_code_how_it_went() {
    let (spg, merchant) = start(Config::default()).await;
    let (url, key) = (spg.webhook_url().unwrap(), spg.keys()[0].to_base64());
    let play = |more: &'static [&'static str]| {
        let fixed = ["play", "--webhook-url", &url, "--key", &key, "--payments", "20", "--spread", "0"];
        let arguments: Vec<String> = fixed.iter().chain(more).map(ToString::to_string).collect();
        tokio::task::spawn_blocking(move || run(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), ""))
    };
    let good = play(&["--tamper", "20"]).await.unwrap();
    let table = text(&good.stdout);
    assert!(good.status.success(), "{table}");
    assert!(table.contains("20 payments, ") && table.contains(" 0 failed"), "{table}");

    merchant.next_answers([Answer::Fixed(204, String::new())]);
    let bad = play(&["--json"]).await.unwrap();
    assert_eq!(bad.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&bad.stdout).unwrap();
    assert_eq!((&report["summary"]["payments"], &report["summary"]["failed"]), (&20.into(), &1.into()));
}
