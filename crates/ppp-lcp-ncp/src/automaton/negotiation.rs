//! What an endpoint negotiates: the options of one control protocol.

use crate::wire::{Code, ConfigOption, ConfigOptions, PppProtocol};
use alloc::vec::Vec;
use packet_buffer::RandomSource;
use packet_buffer::tlv::Tlv;

/// What an option in the peer's Configure-Request deserves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// The value is acceptable.
    Ack,
    /// The option is negotiable, and this value would be acceptable.
    Nak(ConfigOption),
    /// As `Nak`, but never rejected in its place when there have been many: without the option
    /// something would go unnoticed. The limit of refusals ends it.
    Insist(ConfigOption),
    /// The option is not known, or not negotiable here.
    Reject,
}

/// Options to be written into a packet, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Offer {
    options: Vec<ConfigOption>,
}

impl Offer {
    /// The most options that a packet of ours has.
    pub const MAX_OPTIONS: usize = 32;

    /// Adds an option; one that would be too many is left out.
    pub fn push(&mut self, option: ConfigOption) {
        if self.options.len() < Self::MAX_OPTIONS {
            self.options.push(option);
        }
    }

    /// The options so far.
    pub fn options(&self) -> &[ConfigOption] {
        &self.options
    }
}

/// The options of one control protocol: what we ask for, and what we accept from the peer.
///
/// Calls that judge do not change anything; what was agreed is told once, as a whole.
pub trait Negotiation {
    /// The protocol number of its packets.
    const PROTOCOL: PppProtocol;

    /// Whether a code from 8 on belongs to the protocol, so that the owner of the endpoint handles
    /// it. Others get a Code-Reject.
    fn is_own_code(code: Code) -> bool;

    /// A negotiation begins: what was learned in an earlier one is forgotten.
    fn restart(&mut self, random: &mut dyn RandomSource);

    /// Writes the options of our next Configure-Request.
    fn request(&self, offer: &mut Offer);

    /// Judges an option of the peer's Configure-Request. Repeated options do not come here.
    fn judge(&self, option: &Tlv<'_>) -> Judgement;

    /// Adds options that the peer should have asked for, to a Configure-Nak.
    fn missing(&self, request: &ConfigOptions<'_>, offer: &mut Offer) {
        let _ = (request, offer);
    }

    /// The peer's request was acceptable as a whole, and is acknowledged: its values hold.
    fn accept(&mut self, request: &ConfigOptions<'_>);

    /// The peer's request was not acceptable, and is answered with `answer`: a Configure-Nak or a
    /// Configure-Reject.
    fn refuse(&mut self, request: &ConfigOptions<'_>, answer: Code, random: &mut dyn RandomSource) {
        let _ = (request, answer, random);
    }

    /// The peer would like another value for an option, or one that we did not ask for.
    fn naked(&mut self, option: &Tlv<'_>, random: &mut dyn RandomSource);

    /// The peer refuses an option that we asked for.
    fn rejected(&mut self, option: &Tlv<'_>);

    /// The peer acknowledged our request: the values that were asked for hold.
    fn acknowledged(&mut self) {}
}
