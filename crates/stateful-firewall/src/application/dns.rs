//! The questions of DNS (RFC 1035 §4.1).

use super::filter::{CompiledFilter, Refused};
use flow_state::application::dns::Message;

/// Asks the filter about the names of a query. A response, whose questions are not the client's, asks
/// for no name.
pub(crate) fn query(message: &[u8], filter: &CompiledFilter) -> Result<(), Refused> {
    let message = Message::parse(message).map_err(|_| Refused::Malformed)?;
    if message.is_response || message.questions.is_empty() {
        return filter.nameless();
    }
    message
        .questions
        .iter()
        .try_for_each(|question| filter.name(&question.name))
}
