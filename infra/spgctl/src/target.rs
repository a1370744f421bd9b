//! Where the system is, and what it consists of: the same on AWS and on this machine.

use std::collections::BTreeMap;
use std::path::PathBuf;

use spg_host::Env;
use spg_ledger::Ledger;
use spg_local::{ALIAS, StackInfo};
use spg_wiring::SettlingConfig;

use crate::{Clients, Error};

/// Which system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    Aws {
        stack: String,
        region: Option<String>,
        profile: Option<String>,
    },
    /// The folder of a local stack.
    Local {
        dir: PathBuf,
    },
}

/// A deployed system. Resources are named as in template.yaml.
#[derive(Debug, Clone)]
pub struct Deployment {
    pub aws: Clients,
    /// The stack's name.
    pub stack: String,
    /// What CloudFormation says of the stack, such as `UPDATE_COMPLETE`.
    pub stack_status: String,
    pub webhook_url: String,
    pub registration_url: String,
    /// By logical id.
    resources: BTreeMap<String, Resource>,
}

#[derive(Debug, Clone)]
struct Resource {
    /// Such as `AWS::SQS::Queue`.
    kind: String,
    physical_id: String,
}

/// The sparse index that the sweeper reads.
const DUE_INDEX: &str = "due";

impl Deployment {
    /// Looks the system up.
    ///
    /// # Errors
    /// It is not there, or cannot be asked for.
    pub async fn find(target: &Target) -> Result<Self, Error> {
        match target {
            Target::Aws { stack, region, profile } => {
                let aws = Clients::on_aws(region.clone(), profile.clone()).await?;
                Self::read(aws, stack).await
            }
            Target::Local { dir } => {
                let info = StackInfo::read(dir)?;
                let aws = Clients::on_this_machine(&info.aws_endpoint, &info.region);
                let found = Self::read(aws, &info.stack).await?;
                // The emulated API's own addresses resolve nowhere.
                Ok(Self { webhook_url: info.webhook_url, registration_url: info.registration_url, ..found })
            }
        }
    }

    async fn read(aws: Clients, name: &str) -> Result<Self, Error> {
        let client = aws.cloudformation();
        let answer = client.describe_stacks().stack_name(name).send().await.map_err(|error| {
            let missing = error.as_service_error().is_some_and(|e| e.to_string().contains("does not exist"));
            if missing {
                return Error::NoStack { name: name.to_owned(), region: aws.region().to_owned() };
            }
            Error::call(format!("reading the stack {name}"))(error)
        })?;
        let absent = || Error::NoStack { name: name.to_owned(), region: aws.region().to_owned() };
        let stack = answer.stacks.unwrap_or_default().into_iter().next().ok_or_else(absent)?;
        let outputs: BTreeMap<String, String> = stack
            .outputs
            .unwrap_or_default()
            .into_iter()
            .filter_map(|output| Some((output.output_key?, output.output_value?)))
            .collect();
        let resources = resources(&client, name).await?;
        Ok(Self {
            stack: name.to_owned(),
            stack_status: stack.stack_status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
            webhook_url: outputs.get("WebhookUrl").cloned().unwrap_or_default(),
            registration_url: outputs.get("RegistrationUrl").cloned().unwrap_or_default(),
            resources,
            aws,
        })
    }

    /// The physical id of a resource: a name, a URL or an ARN, as CloudFormation's `Ref` gives it.
    ///
    /// # Errors
    /// [`Error::Incomplete`]
    pub fn resource(&self, logical_id: &str) -> Result<&str, Error> {
        let found = self.resources.get(logical_id).map(|resource| resource.physical_id.as_str());
        found.ok_or_else(|| Error::Incomplete { stack: self.stack.clone(), what: logical_id.to_owned() })
    }

    /// The physical ids of all resources of a type.
    pub fn of_type(&self, kind: &str) -> Vec<&str> {
        let found = self.resources.values().filter(|resource| resource.kind == kind);
        found.map(|resource| resource.physical_id.as_str()).collect()
    }

    /// # Errors
    /// [`Error::Incomplete`]
    pub fn queue_url(&self) -> Result<&str, Error> {
        self.resource("NotificationQueue")
    }

    /// # Errors
    /// [`Error::Incomplete`]
    pub fn dlq_url(&self) -> Result<&str, Error> {
        self.resource("DeadLetterQueue")
    }

    /// # Errors
    /// [`Error::Incomplete`]
    pub fn ledger(&self) -> Result<Ledger, Error> {
        Ok(Ledger::new(self.aws.dynamodb(), self.resource("TransactionsTable")?, DUE_INDEX))
    }

    /// Another table of the same kind, such as a restored one.
    pub fn other_ledger(&self, table: String) -> Ledger {
        Ledger::new(self.aws.dynamodb(), table, DUE_INDEX)
    }

    /// The environment of a deployed function: what it really runs with.
    ///
    /// # Errors
    /// It is not there, or cannot be read.
    pub async fn environment(&self, logical_id: &str) -> Result<BTreeMap<String, String>, Error> {
        let function = self.resource(logical_id)?;
        let call = self.aws.lambda().get_function_configuration().function_name(function).qualifier(ALIAS).send().await;
        let answer = call.map_err(Error::call(format!("reading the configuration of {function}")))?;
        Ok(answer.environment.and_then(|it| it.variables).unwrap_or_default().into_iter().collect())
    }

    /// The rules, the table and the Status API as the sweeper has them, with the operator's credentials.
    ///
    /// # Errors
    /// The sweeper's environment cannot be read or used.
    pub async fn settling_config(&self) -> Result<SettlingConfig, Error> {
        const SWEEPER: &str = "SweeperFunction";
        let environment = self.environment(SWEEPER).await?;
        let aws = self.aws.for_the_functions_code().await?;
        let pairs = environment.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        // AWS's own variables are set by Lambda; these stand for them until the operator's take their place.
        let lambdas = ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].map(|name| (name, "operator"));
        let config = Env::from_pairs(pairs.chain(lambdas))
            .read(SettlingConfig::read)
            .map_err(|error| Error::Configuration { function: SWEEPER.to_owned(), reason: error.to_string() })?;
        Ok(SettlingConfig { aws, ..config })
    }
}

async fn resources(client: &aws_sdk_cloudformation::Client, stack: &str) -> Result<BTreeMap<String, Resource>, Error> {
    let mut found = BTreeMap::new();
    let mut pages = client.list_stack_resources().stack_name(stack).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(Error::call(format!("listing the resources of the stack {stack}")))?;
        found.extend(page.stack_resource_summaries.unwrap_or_default().into_iter().filter_map(|resource| {
            let physical_id = resource.physical_resource_id.filter(|id| !id.is_empty())?;
            Some((resource.logical_resource_id?, Resource { kind: resource.resource_type?, physical_id }))
        }));
    }
    Ok(found)
}
