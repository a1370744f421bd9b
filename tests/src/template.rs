//! template.yaml as JSON: `!Ref X` is `{"Ref": "X"}`, `!GetAtt X.Y` is `{"Fn::GetAtt": "X.Y"}`, and so on; scalars
//! without quotes are text, as far as the tests care.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::mem;

use saphyr_parser::{Event, EventReceiver, Parser, Tag};
use serde_json::{Map, Value, json};

use crate::binaries::workspace;

/// An action on a resource, as a policy names it: the resource is `X` for `!Ref X`, `X.Y` for `!GetAtt X.Y`, and the
/// text itself of a `!Sub`.
pub type Permission = (String, String);

/// The deployed template.
#[derive(Clone, Debug)]
pub struct Template(Value);

impl Template {
    /// Reads template.yaml of the workspace.
    ///
    /// # Panics
    /// If it is not there, or no YAML.
    pub fn load() -> Self {
        Self::read("template.yaml")
    }

    /// Reads another template, by its path in the workspace.
    ///
    /// # Panics
    /// If it is not there, or no YAML.
    pub fn read(path: &str) -> Self {
        let text = fs::read_to_string(workspace().join(path));
        Self(parse(&text.unwrap_or_else(|error| panic!("{path}: {error}"))))
    }

    /// A section by its name, such as `Parameters`; null where there is none.
    pub fn section(&self, name: &str) -> &Value {
        &self.0[name]
    }

    /// A resource by its logical id, empty where there is none.
    pub fn resource(&self, id: &str) -> &Value {
        &self.0["Resources"][id]
    }

    /// All resources of a type by logical id.
    ///
    /// # Panics
    /// If there is none: a test over them would test nothing.
    pub fn of_type(&self, kind: &str) -> BTreeMap<&str, &Value> {
        let all = self.0["Resources"].as_object().into_iter().flatten();
        let found: BTreeMap<_, _> =
            all.filter(|(_, it)| it["Type"] == kind).map(|(id, it)| (id.as_str(), it)).collect();
        assert!(!found.is_empty(), "the template has no {kind}");
        found
    }

    /// The variables that a function gets, in all and of its own: `ack` is `AckFunction`.
    pub fn variables(&self, function: &str) -> BTreeSet<String> {
        let own = &self.resource(&logical_id(function))["Properties"];
        let all = [&self.0["Globals"]["Function"], own].map(|settings| &settings["Environment"]["Variables"]);
        all.into_iter().filter_map(Value::as_object).flat_map(Map::keys).cloned().collect()
    }

    /// What the role of a function allows.
    ///
    /// # Panics
    /// On anything but a role of its own with inline statements that allow: what else there is would be overlooked.
    pub fn permissions(&self, function: &str) -> BTreeSet<Permission> {
        let properties = &self.resource(&logical_id(function))["Properties"];
        assert!(
            properties.get("Policies").is_none(),
            "SAM adds the function's policies to a role that it makes itself"
        );
        let role = properties["Role"]["Fn::GetAtt"].as_str().and_then(|role| role.strip_suffix(".Arn"));
        let role = &self.resource(role.expect("each function has a role of its own"))["Properties"];
        assert!(role.get("ManagedPolicyArns").is_none(), "{function}: a managed policy allows more than is seen here");
        let policies = role["Policies"].as_array().into_iter().flatten();
        let statements = policies.flat_map(|policy| list(&policy["PolicyDocument"]["Statement"]));
        statements.flat_map(|statement| permissions_of(&statement)).collect()
    }
}

fn logical_id(function: &str) -> String {
    let (first, rest) = function.split_at(1);
    format!("{}{rest}Function", first.to_uppercase())
}

fn permissions_of(statement: &Value) -> Vec<Permission> {
    let known = ["Sid", "Effect", "Action", "Resource"];
    let members = statement.as_object().expect("a statement is an object");
    assert!(members.keys().all(|name| known.contains(&name.as_str())), "not understood: {statement}");
    assert_eq!(statement["Effect"], "Allow", "{statement}");
    let text = |action: &Value| action.as_str().expect("an action is a text").to_owned();
    let actions: Vec<String> = list(&statement["Action"]).iter().map(text).collect();
    let resources: Vec<String> = list(&statement["Resource"]).iter().map(resource_name).collect();
    actions.iter().flat_map(|action| resources.iter().map(move |resource| (action.clone(), resource.clone()))).collect()
}

fn resource_name(resource: &Value) -> String {
    let named = ["Ref", "Fn::GetAtt", "Fn::Sub"].iter().find_map(|function| resource.get(function));
    named.unwrap_or(resource).as_str().unwrap_or_else(|| panic!("not understood: {resource}")).to_owned()
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_else(|| vec![value.clone()])
}

fn parse(yaml: &str) -> Value {
    let mut builder = Builder::default();
    Parser::new_from_str(yaml).load(&mut builder, false).expect("a YAML document");
    builder.document
}

#[derive(Default)]
struct Builder {
    document: Value,
    open: Vec<Node>,
    anchors: HashMap<usize, Value>,
}

/// A collection that is not complete yet.
struct Node {
    anchor: usize,
    tag: Option<String>,
    content: Content,
}

enum Content {
    List(Vec<Value>),
    Members { members: Map<String, Value>, key: Option<String> },
}

impl<'input> EventReceiver<'input> for Builder {
    fn on_event(&mut self, event: Event<'input>) {
        match event {
            Event::Scalar(text, _, anchor, tag) => {
                let value = tagged(function(tag.as_deref()), Value::String(text.into_owned()));
                self.complete(anchor, value);
            }
            Event::SequenceStart(anchor, tag) => self.begin(anchor, tag.as_deref(), Content::List(Vec::new())),
            Event::MappingStart(anchor, tag) => {
                self.begin(anchor, tag.as_deref(), Content::Members { members: Map::new(), key: None });
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let node = self.open.pop().expect("what ends has begun");
                let value = match node.content {
                    Content::List(values) => Value::Array(values),
                    Content::Members { members, .. } => Value::Object(members),
                };
                self.complete(node.anchor, tagged(node.tag, value));
            }
            Event::Alias(anchor) => self.put(self.anchors[&anchor].clone()),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {}
        }
    }
}

impl Builder {
    fn begin(&mut self, anchor: usize, tag: Option<&Tag>, content: Content) {
        self.open.push(Node { anchor, tag: function(tag), content });
    }

    fn complete(&mut self, anchor: usize, value: Value) {
        // 0 stands for none.
        if anchor > 0 {
            self.anchors.insert(anchor, value.clone());
        }
        self.put(value);
    }

    fn put(&mut self, value: Value) {
        match self.open.last_mut().map(|node| &mut node.content) {
            None => self.document = value,
            Some(Content::List(values)) => values.push(value),
            Some(Content::Members { members, key }) => match mem::take(key) {
                Some(key) => {
                    members.insert(key, value);
                }
                None => *key = Some(value.as_str().expect("keys are text").to_owned()),
            },
        }
    }
}

/// `!Ref` is `Ref`, `!Condition` is `Condition`, every other `!Name` is `Fn::Name`.
fn function(tag: Option<&Tag>) -> Option<String> {
    let tag = tag.filter(|tag| tag.handle == "!")?;
    Some(match tag.suffix.as_str() {
        name @ ("Ref" | "Condition") => name.to_owned(),
        name => format!("Fn::{name}"),
    })
}

fn tagged(function: Option<String>, value: Value) -> Value {
    match function {
        Some(function) => json!({ function: value }),
        None => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_become_functions_and_aliases_what_they_stand_for() {
        let yaml = "a: &x {b: !Ref C, d: [!GetAtt E.Arn, !Sub '${F}/g']}\nh: *x\ni: !If [J, k, !Ref L]\nm: 'it''s'\n";
        let first = json!({"b": {"Ref": "C"}, "d": [{"Fn::GetAtt": "E.Arn"}, {"Fn::Sub": "${F}/g"}]});
        let expected = json!({"a": first, "h": first, "i": {"Fn::If": ["J", "k", {"Ref": "L"}]}, "m": "it's"});
        assert_eq!(parse(yaml), expected);
    }

    #[test]
    fn the_template_is_understood() {
        let template = Template::load();
        assert_eq!(template.resource("TransactionsTable")["Type"], "AWS::DynamoDB::Table");
        assert!(template.variables("ack").contains("LOG_LEVEL") && template.variables("ack").contains("QUEUE_URL"));
        assert!(!template.permissions("sweeper").is_empty());
    }

    #[test]
    #[should_panic(expected = "not understood")]
    fn a_condition_in_a_statement_is_not_overlooked() {
        permissions_of(&json!({"Effect": "Allow", "Action": "a:B", "Resource": "*", "Condition": {}}));
    }
}
