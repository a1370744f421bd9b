//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use spg_domain::{Note, ShortText, TransactionId};

use crate::{Moment, parse_span};

const ABOUT: &str = "Shows what happened in spg-webhooks, and repairs it";

const EXAMPLES: &str = "\
Examples:
  spgctl --stack spg-webhooks transaction s2bfw1g1P1siCSUjVPP8
  spgctl --stack spg-webhooks --profile ops open --older-than 2h
  spgctl --local doctor

Exit codes:
  0  done, and nothing is left to act upon
  1  it could not be done; the message says why
  2  the command line is wrong
  3  done, and it shows something to act upon: a difference, a failed check, a refusal
  4  what was named is not there";

#[derive(Debug, Parser)]
#[command(name = "spgctl", version, about = ABOUT, after_help = EXAMPLES, max_term_width = 110)]
pub struct Cli {
    #[command(flatten)]
    pub target: TargetArguments,
    /// JSON instead of text
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Args)]
pub struct TargetArguments {
    /// The CloudFormation stack on AWS
    #[arg(long, global = true, value_name = "NAME", conflicts_with = "local")]
    pub stack: Option<String>,
    /// AWS region of the stack; without it the environment's or the profile's
    #[arg(long, global = true, value_name = "REGION")]
    pub region: Option<String>,
    /// Profile with the AWS credentials, also for single sign-on
    #[arg(long, global = true, value_name = "PROFILE")]
    pub profile: Option<String>,
    /// The stack on this machine, by its folder [default folder: target/local]
    #[arg(long, global = true, value_name = "DIR", num_args = 0..=1, require_equals = true)]
    pub local: Option<Option<PathBuf>>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Everything that is stored of one transaction, with its timeline
    #[command(after_help = "\
Example:
  spgctl --stack spg-webhooks transaction s2bfw1g1P1siCSUjVPP8 --json | jq .timeline")]
    Transaction {
        #[arg(value_name = "ID", value_parser = transaction_id)]
        id: TransactionId,
    },
    /// What is open, disputed or needs attention, oldest first; reads the whole table
    #[command(after_help = "\
Examples:
  spgctl --stack spg-webhooks open --older-than 2h --method MBWAY
  spgctl --stack spg-webhooks open --attention")]
    Open(OpenArguments),
    /// Queries the Status API about a transaction and compares; --apply takes the answer in
    #[command(after_help = "\
Examples:
  spgctl --stack spg-webhooks check s2bfw1g1P1siCSUjVPP8
  spgctl --stack spg-webhooks check s2bfw1g1P1siCSUjVPP8 --apply

A transaction that is not stored, because its every webhook was lost, is stored by --apply.
Exit code 3: they differ, or do not match; 1: no answer.")]
    Check(CheckArguments),
    /// Ends the attention of a transaction: a person has looked at it
    #[command(after_help = "\
Example:
  spgctl --stack spg-webhooks resolve s2bfw1g1P1siCSUjVPP8 --reason \"amount checked with the acquirer, ticket 4711\"

The status stays as it is, nothing is published, and checks go on. An open transaction whose checks have ended is closed: it is
never queried again by itself, and expires like a final one; a new claim opens it again. The same reason is not raised again
for as long as it lasts. The reason is stored: write no personal data.")]
    Resolve(ResolveArguments),
    /// Copies what a restored table has into the table in use, where it is absent or older
    #[command(after_help = "\
Examples:
  spgctl --stack spg-webhooks restore --from spg-transactions-restored --dry-run
  spgctl --stack spg-webhooks restore --from spg-transactions-restored

AWS restores a backup or a point in time always into a new table: this brings it home. Every restored transaction falls due, so
that the Status API settles it, and what it says is published with a later sequence than any before. It may be interrupted and given
again: what was restored is not restored twice.")]
    Restore(RestoreArguments),
    /// The dead-letter queue: what the pipeline gave up
    #[command(subcommand)]
    Dlq(DlqCommand),
    /// Publishes the latest event of each transaction once more, from the table
    #[command(after_help = "\
Examples:
  spgctl --stack spg-webhooks republish --since 2h --dry-run
  spgctl --stack spg-webhooks republish --since 2026-03-12T10:00:00Z --until 2026-03-12T12:00:00Z

The same eventId and the same content: consumers that keep the highest sequence notice nothing. It can be given again.")]
    Republish(RepublishArguments),
    /// Sends an encrypted notification as SPG would, and judges the acknowledgement as SPG does
    #[command(after_help = "\
Examples:
  spgctl --stack spg-webhooks send-test
  spgctl --stack spg-webhooks send-test --url https://payments.example.com/webhook

It is recorded under the transactionID WebhookTest, as the Backoffice's Test button does, and claims nothing: it stays Pending,
is marked Unknown after 15 minutes and wakes nobody. Exit code 3: SPG would count it as a failed delivery.")]
    SendTest(SendTestArguments),
    /// Registers a transaction as the merchant's backend does, signed with these credentials
    #[command(after_help = "\
Examples:
  spgctl --stack spg-webhooks register s2bfw1g1P1siCSUjVPP8 --method MBWAY --type PURS --amount 15.90 --currency EUR
  spgctl --stack spg-webhooks register --file registration.json

Exit code 3: it was refused.")]
    Register(RegisterArguments),
    /// Changes the webhook key without a webhook that is refused: add, tell the Backoffice, retire
    #[command(subcommand)]
    RotateKey(RotateKeyCommand),
    /// Whether everything that confirms payments is in order, with the remedy for what is not
    #[command(after_help = "\
Example:
  spgctl --stack spg-webhooks doctor

It sends one empty request to the webhook URL, which is refused and counted, and queries the Status API about a transaction that
does not exist. Exit code 3: something is wrong.")]
    Doctor,
}

#[derive(Debug, Subcommand)]
pub enum RotateKeyCommand {
    /// Puts a key beside those that are there, and sends a notification that is encrypted with it
    #[command(after_help = "\
Example:
  spgctl --stack spg-webhooks rotate-key add < new-key.txt

The key is read from standard input, so that it is in no shell history: the Base64 of 32 bytes, as the Backoffice shows it.
A function that has just read its secret takes the key up within a minute; this waits for it.")]
    Add,
    /// Sends a notification that is encrypted with the newest key
    #[command(after_help = "Example:\n  spgctl --stack spg-webhooks rotate-key verify")]
    Verify,
    /// Takes the oldest key away, after it has seen that the newest works
    #[command(after_help = "\
Example:
  spgctl --stack spg-webhooks rotate-key retire

Wait until nothing comes with the old key any more: SPG repeats a webhook for up to two months. A process that holds the old key
accepts it until it reads the secret again, for up to a quarter of an hour. If the key leaked, retire it at once and end those
processes as docs/operate/recovery.md says: a deployment that changes nothing ends none.")]
    Retire,
}

#[derive(Debug, Args)]
pub struct RegisterArguments {
    #[arg(value_name = "ID", required_unless_present = "file")]
    pub id: Option<String>,
    /// JSON as the backend would send it; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "id")]
    pub file: Option<PathBuf>,
    /// paymentStatus, as SPG's initial response had it
    #[arg(long, value_name = "STATUS")]
    pub status: Option<String>,
    /// merchantTransactionId: the merchant's own order id
    #[arg(long, value_name = "ID")]
    pub order: Option<String>,
    /// terminalId
    #[arg(long, value_name = "ID")]
    pub terminal: Option<String>,
    /// paymentMethod, such as MBWAY
    #[arg(long, value_name = "METHOD")]
    pub method: Option<String>,
    /// paymentType, such as PURS
    #[arg(long = "type", value_name = "TYPE")]
    pub kind: Option<String>,
    /// A decimal number
    #[arg(long, value_name = "VALUE", requires = "currency")]
    pub amount: Option<String>,
    #[arg(long, value_name = "CODE", requires = "amount")]
    pub currency: Option<String>,
}

#[derive(Debug, Args)]
pub struct RepublishArguments {
    /// Outcomes of this moment and later: 2026-03-12T10:00:00Z, or a span such as 2h
    #[arg(long, value_name = "MOMENT", value_parser = Moment::parse)]
    pub since: Moment,
    /// And before this one [default: now]
    #[arg(long, value_name = "MOMENT", value_parser = Moment::parse)]
    pub until: Option<Moment>,
    /// Count, and publish nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Events in a second
    #[arg(long, value_name = "EVENTS", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: u32,
    #[command(flatten)]
    pub read: RateArguments,
}

#[derive(Debug, Args)]
pub struct SendTestArguments {
    /// Where to [default: the stack's WebhookUrl]
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Which key of the secret, from 1 [default: the last, which is the newest]
    #[arg(long, value_name = "POSITION")]
    pub key: Option<usize>,
    /// The transactionID to send
    #[arg(long, value_name = "ID", default_value = crate::commands::send_test::TRANSACTION_ID_DEFAULT, value_parser = transaction_id)]
    pub transaction_id: TransactionId,
}

#[derive(Debug, Args)]
pub struct RestoreArguments {
    /// The restored table
    #[arg(long, value_name = "TABLE")]
    pub from: String,
    /// Items read and written in a second
    #[arg(long, value_name = "ITEMS", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: u32,
    /// How many of them fall due in a second: SPG's rate limit is not published
    #[arg(long, value_name = "QUERIES", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub queries: u32,
    /// Go on after this transaction, as an interrupted run said
    #[arg(long, value_name = "ID", value_parser = transaction_id)]
    pub resume_after: Option<TransactionId>,
    /// Count, and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Args)]
pub struct ResolveArguments {
    #[arg(value_name = "ID", value_parser = transaction_id)]
    pub id: TransactionId,
    /// Why: 1 to 256 bytes, without personal data
    #[arg(long, value_name = "TEXT", value_parser = note)]
    pub reason: Note,
    /// Only this reason for attention, such as AmountMismatch; without it all of them
    #[arg(long, value_name = "ATTENTION")]
    pub only: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum DlqCommand {
    /// What lies in it, and whether it can be redriven
    #[command(after_help = "\
Example:
  spgctl --stack spg-webhooks dlq list

Original messages can be redriven. Dead letters cannot: the processor wrote them about messages that can never succeed, with
ids, a hash and the reason, and without the payload. Exit code 3: it is not empty.")]
    List {
        /// Messages shown at most
        #[arg(long, value_name = "MESSAGES", default_value_t = 100)]
        limit: usize,
    },
    /// One message, with its body (no payload of SPG's is in it)
    #[command(after_help = "Example:\n  spgctl --stack spg-webhooks dlq show 6c1f1c0e-3f5b-4d0a-9c55-0e8a3b1f0d11")]
    Show {
        #[arg(value_name = "MESSAGE_ID")]
        id: String,
    },
    /// Gives original messages back to the notification queue, paced; dead letters stay
    #[command(after_help = "\
Examples:
  spgctl --stack spg-webhooks dlq redrive
  spgctl --stack spg-webhooks dlq redrive 6c1f1c0e-3f5b-4d0a-9c55-0e8a3b1f0d11

A message is deleted only after the queue has accepted it: interrupted, it is there twice, and a notification counts once.
Fix what made them fail first. Exit code 3: something is left.")]
    Redrive {
        /// Only these messages
        #[arg(value_name = "MESSAGE_ID")]
        ids: Vec<String>,
        /// Messages in a second
        #[arg(long, value_name = "MESSAGES", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
        rate: u32,
    },
    /// Deletes messages for good
    #[command(after_help = "\
Examples:
  spgctl --stack spg-webhooks dlq drop 6c1f1c0e-3f5b-4d0a-9c55-0e8a3b1f0d11
  spgctl --stack spg-webhooks dlq drop --dead-letters --yes

An original message that is dropped is a notification that nobody will ever act upon: redrive it instead.")]
    Drop {
        /// These messages; without any, --yes is needed
        #[arg(value_name = "MESSAGE_ID", required_unless_present = "yes")]
        ids: Vec<String>,
        /// All of them
        #[arg(long)]
        yes: bool,
        /// Only dead letters, which the processor wrote
        #[arg(long)]
        dead_letters: bool,
    },
}

#[derive(Debug, Args)]
pub struct OpenArguments {
    /// First seen longer ago than this, such as 90s, 15min, 2h or 3d
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    pub older_than: Option<Duration>,
    /// Only what needs attention
    #[arg(long)]
    pub attention: bool,
    /// Only what is disputed: final, and another final state is claimed
    #[arg(long)]
    pub disputed: bool,
    /// Only this paymentMethod, such as MBWAY
    #[arg(long, value_name = "METHOD")]
    pub method: Option<String>,
    /// Only this terminal
    #[arg(long, value_name = "ID")]
    pub terminal: Option<String>,
    /// Also what is known of other merchants' terminals only
    #[arg(long)]
    pub other_merchants: bool,
    #[command(flatten)]
    pub rate: RateArguments,
}

#[derive(Debug, Args)]
pub struct RateArguments {
    /// Items read from the table in a second; eight of them cost about one read unit
    #[arg(long, value_name = "ITEMS", default_value_t = 4000, value_parser = clap::value_parser!(u32).range(1..))]
    pub read_rate: u32,
}

#[derive(Debug, Args)]
pub struct CheckArguments {
    #[arg(value_name = "ID", value_parser = transaction_id)]
    pub id: TransactionId,
    /// Ask with the credentials of this terminal
    #[arg(long, value_name = "ID", value_parser = short_text)]
    pub terminal: Option<ShortText>,
    /// Take the answer in: the same code and the same rules as the sweeper's
    #[arg(long)]
    pub apply: bool,
}

fn transaction_id(text: &str) -> Result<TransactionId, String> {
    TransactionId::new(text).map_err(|error| error.to_string())
}

fn note(text: &str) -> Result<Note, String> {
    Note::new(text).map_err(|error| error.to_string())
}

fn short_text(text: &str) -> Result<ShortText, String> {
    ShortText::new(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_an_example() {
        for command in Cli::command().get_subcommands().filter(|it| it.get_name() != "help") {
            for leaf in leaves(command) {
                let help = leaf.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.contains("Example"), "{}", leaf.get_name());
            }
        }
    }

    fn leaves(command: &clap::Command) -> Vec<&clap::Command> {
        let below: Vec<_> = command.get_subcommands().filter(|it| it.get_name() != "help").collect();
        if below.is_empty() { vec![command] } else { below.into_iter().flat_map(leaves).collect() }
    }
}
