//! The trace header travels with the message, so that one trace shows a notification's whole way.

const KEYS: [&str; 3] = ["Root", "Parent", "Sampled"];
const VALUE_BYTES_MAX: usize = 64;

/// The X-Ray trace header of an invocation as it can be passed on, `Root=1-...;Parent=...;Sampled=0`; none without a root. What else
/// is in it is left out, because a header that a service refuses would stop the message that it comes with.
pub fn trace_header(from_context: Option<&str>) -> Option<String> {
    let pairs = || from_context.unwrap_or_default().split(';').filter_map(|part| part.trim().split_once('='));
    let value_of = |key: &str| pairs().find(|(k, v)| *k == key && is_plain(v)).map(|(_, v)| v);
    value_of("Root").filter(|root| root.starts_with("1-"))?;
    let parts = KEYS.iter().filter_map(|key| Some(format!("{key}={}", value_of(key)?)));
    Some(parts.collect::<Vec<_>>().join(";"))
}

fn is_plain(value: &str) -> bool {
    (1..=VALUE_BYTES_MAX).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

/// The system attributes of a message to SQS that continue the trace.
#[cfg(feature = "sqs")]
pub fn sqs_trace_attributes(
    from_context: Option<&str>,
) -> Option<
    std::collections::HashMap<
        aws_sdk_sqs::types::MessageSystemAttributeNameForSends,
        aws_sdk_sqs::types::MessageSystemAttributeValue,
    >,
> {
    use aws_sdk_sqs::types::{MessageSystemAttributeNameForSends, MessageSystemAttributeValue};

    let header = trace_header(from_context)?;
    // Fails only without a data type.
    let value = MessageSystemAttributeValue::builder().data_type("String").string_value(header).build().ok()?;
    Some([(MessageSystemAttributeNameForSends::AwsTraceHeader, value)].into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_no_service_refuses_is_passed_on() {
        let plain = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
        assert_eq!(trace_header(Some(plain)).as_deref(), Some(plain));
        let longer = format!("{plain};Lineage=1:a87bd80c:0|68fd508a:5");
        assert_eq!(trace_header(Some(&longer)).as_deref(), Some(plain));
        assert_eq!(trace_header(Some("Root=1-0-1;Parent=\n")).as_deref(), Some("Root=1-0-1"));
        for none in ["", "Parent=1", "Root=2-1-1", "Root=1-a b", "Root"] {
            assert_eq!(trace_header(Some(none)), None, "{none}");
        }
        assert_eq!(trace_header(None), None);
    }

    #[cfg(feature = "sqs")]
    #[test]
    fn as_a_system_attribute_of_a_message() {
        let attributes = sqs_trace_attributes(Some("Root=1-0-1")).unwrap();
        assert_eq!(attributes.values().next().and_then(|value| value.string_value()), Some("Root=1-0-1"));
        assert!(sqs_trace_attributes(None).is_none());
    }
}
