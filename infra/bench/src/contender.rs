//! Who is measured, and how each is started.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tests::{Launch, deployed};

use crate::peers::Peers;
use crate::stand::Stand;

/// Who does the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Contender {
    /// A bare Rust function without any call.
    Floor,
    /// The same with one SQS send.
    FloorSend,
    Project,
    Python,
    TypeScript,
}

/// Which of the two functions that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    Ack,
    Processor,
}

impl Contender {
    pub const ALL: [Self; 5] = [Self::Floor, Self::FloorSend, Self::Project, Self::Python, Self::TypeScript];
    pub const PEERS: [Self; 2] = [Self::Python, Self::TypeScript];

    pub fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::FloorSend => "floor, one send",
            Self::Project => "spg-webhooks",
            Self::Python => "Powertools Python",
            Self::TypeScript => "Powertools TypeScript",
        }
    }

    /// The floor has no processor: there is no smallest one.
    pub fn plays(self, role: Role) -> bool {
        match self {
            Self::Floor | Self::FloorSend => role == Role::Ack,
            Self::Project | Self::Python | Self::TypeScript => true,
        }
    }

    pub fn is_peer(self) -> bool {
        Self::PEERS.contains(&self)
    }

    pub fn is_floor(self) -> bool {
        matches!(self, Self::Floor | Self::FloorSend)
    }
}

impl Role {
    pub const ALL: [Self; 2] = [Self::Ack, Self::Processor];

    pub fn name(self) -> &'static str {
        match self {
            Self::Ack => "ack",
            Self::Processor => "processor",
        }
    }
}

/// Everything that can be started.
#[derive(Debug)]
pub struct Programs {
    /// Release binaries by name.
    pub binaries: BTreeMap<String, PathBuf>,
    pub peers: Option<Peers>,
}

impl Programs {
    /// Who takes part, in the order of a round.
    pub fn contenders(&self, role: Role) -> impl Iterator<Item = Contender> {
        let peers = self.peers.is_some();
        Contender::ALL.into_iter().filter(move |it| it.plays(role) && (peers || !it.is_peer()))
    }

    /// A process of this contender, with the environment that its template would give it.
    pub fn launch(&self, contender: Contender, role: Role, stand: &Stand) -> Launch {
        let (aws, status_api) = (&stand.aws, &stand.status_api);
        let from = |binary: &str| deployed::launch_binary(role.name(), &self.binaries[binary], aws, status_api);
        let peers = || self.peers.as_ref().unwrap_or_else(|| unreachable!("a peer takes part only if it is installed"));
        let launch = match contender {
            Contender::Floor => from("floor"),
            Contender::FloorSend => from("floor-send"),
            Contender::Project => from(role.name()),
            Contender::Python => peers().python(role, stand),
            Contender::TypeScript => peers().typescript(role, stand),
        };
        stand.trusted(launch)
    }
}
