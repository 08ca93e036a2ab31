//! Which ICMP message of one family stands for which of the other (RFC 7915 §4.2, §5.2).

use super::translate::{TranslateConfig, TranslateError};
use packet_buffer::wire::{
    Icmpv4Repr, Icmpv4Type, Icmpv6Repr, Icmpv6Type, icmpv4_code, icmpv6_code,
};

/// Path MTUs that links have (RFC 1191 §7.1), for routers that do not tell theirs.
const PLATEAUS: [u16; 11] = [
    65_535, 32_000, 17_914, 8_166, 4_352, 2_002, 1_492, 1_006, 508, 296, 68,
];

/// The ICMPv6 error for an ICMPv4 error about a packet of `quoted_length` octets. The length of the
/// quoted packet, which RFC 4884 has in the header, is 0.
///
/// # Errors
///
/// ICMP without counterpart.
// RFC 7915 §4.2 MUST (errors): types and codes become those of the table.
pub(super) fn to_v6(
    repr: &Icmpv4Repr,
    quoted_length: u16,
    config: &TranslateConfig,
) -> Result<Icmpv6Repr, TranslateError> {
    use icmpv4_code::Unreachable as V4;
    use icmpv6_code::{ParameterProblem, TimeExceeded, Unreachable as V6};
    let unreachable = |code| Icmpv6Repr::DestinationUnreachable {
        code,
        quoted_words: 0,
    };
    let problem = |code, pointer| Icmpv6Repr::ParameterProblem { code, pointer };
    Ok(match *repr {
        Icmpv4Repr::DestinationUnreachable {
            code, next_hop_mtu, ..
        } => match code {
            V4::NETWORK
            | V4::HOST
            | V4::SOURCE_ROUTE_FAILED
            | V4::NETWORK_UNKNOWN
            | V4::HOST_UNKNOWN
            | V4::SOURCE_ISOLATED
            | V4::NETWORK_TOS
            | V4::HOST_TOS => unreachable(V6::NO_ROUTE),
            // RFC 7915 §4.2 MUST (protocol): the pointer goes to the Next Header of the IPv6 header.
            V4::PROTOCOL => problem(ParameterProblem::NEXT_HEADER, 6),
            V4::PORT => unreachable(V6::PORT),
            V4::FRAGMENTATION_NEEDED => Icmpv6Repr::PacketTooBig {
                mtu: mtu_to_v6(next_hop_mtu, quoted_length, config),
            },
            V4::NETWORK_PROHIBITED
            | V4::HOST_PROHIBITED
            | V4::ADMINISTRATIVELY_PROHIBITED
            | V4::PRECEDENCE_CUTOFF => unreachable(V6::ADMINISTRATIVELY_PROHIBITED),
            _ => return Err(none(repr.message_type().0, code.0)),
        },
        Icmpv4Repr::TimeExceeded { code, .. } => Icmpv6Repr::TimeExceeded {
            code: TimeExceeded(code.0),
            quoted_words: 0,
        },
        // RFC 7915 §4.2 MUST (pointer): it goes to the field of the same meaning, and what has none
        // is dropped.
        Icmpv4Repr::ParameterProblem { code, pointer, .. }
            if code == icmpv4_code::ParameterProblem::POINTER
                || code == icmpv4_code::ParameterProblem::BAD_LENGTH =>
        {
            let pointer = pointer_to_v6(pointer).ok_or(none(12, code.0))?;
            problem(ParameterProblem::HEADER_FIELD, pointer)
        }
        Icmpv4Repr::ParameterProblem { code, .. } => return Err(none(12, code.0)),
        Icmpv4Repr::Redirect { code, .. } => return Err(none(Icmpv4Type::REDIRECT.0, code.0)),
        Icmpv4Repr::Other {
            message_type, code, ..
        } => return Err(none(message_type.0, code)),
        Icmpv4Repr::EchoRequest { .. } | Icmpv4Repr::EchoReply { .. } => {
            return Err(none(repr.message_type().0, 0));
        }
    })
}

// RFC 7915 §4.2 MUST (mtu): max(1280, min(MTU + 20, MTU of the IPv6 link, MTU of the IPv4 link + 20)).
// RFC 7915 §4.2 MUST (plateau): an MTU of zero is the next plateau below the quoted packet's length.
fn mtu_to_v6(told: u16, quoted_length: u16, config: &TranslateConfig) -> u32 {
    let told = if told == 0 {
        let below = PLATEAUS
            .into_iter()
            .find(|plateau| *plateau < quoted_length);
        below.unwrap_or(0)
    } else {
        told
    };
    let mtu = (u32::from(told) + 20)
        .min(u32::from(config.ipv6_mtu))
        .min(u32::from(config.ipv4_mtu) + 20);
    mtu.max(1_280)
}

/// Figure 3 of RFC 7915.
fn pointer_to_v6(pointer: u8) -> Option<u32> {
    Some(match pointer {
        0 => 0,
        1 => 1,
        2 | 3 => 4,
        8 => 7,
        9 => 6,
        12..=15 => 8,
        16..=19 => 24,
        _ => return None,
    })
}

/// The ICMPv4 error for an ICMPv6 error.
///
/// # Errors
///
/// ICMP without counterpart.
// RFC 7915 §5.2 MUST (errors): types and codes become those of the table.
pub(super) fn to_v4(
    repr: &Icmpv6Repr,
    config: &TranslateConfig,
) -> Result<Icmpv4Repr, TranslateError> {
    use icmpv4_code::{ParameterProblem, TimeExceeded, Unreachable as V4};
    use icmpv6_code::Unreachable as V6;
    let unreachable = |code, next_hop_mtu| Icmpv4Repr::DestinationUnreachable {
        code,
        quoted_words: 0,
        next_hop_mtu,
    };
    Ok(match *repr {
        Icmpv6Repr::DestinationUnreachable { code, .. } => match code {
            V6::NO_ROUTE | V6::BEYOND_SCOPE | V6::ADDRESS => unreachable(V4::HOST, 0),
            V6::ADMINISTRATIVELY_PROHIBITED => unreachable(V4::HOST_PROHIBITED, 0),
            V6::PORT => unreachable(V4::PORT, 0),
            _ => return Err(none(1, code.0)),
        },
        // RFC 7915 §5.2 MUST (mtu): min(MTU - 20, MTU of the IPv4 link, MTU of the IPv6 link - 20).
        Icmpv6Repr::PacketTooBig { mtu } => {
            let mtu = mtu
                .min(u32::from(config.ipv6_mtu))
                .saturating_sub(20)
                .min(u32::from(config.ipv4_mtu))
                .max(68);
            unreachable(
                V4::FRAGMENTATION_NEEDED,
                u16::try_from(mtu).unwrap_or(u16::MAX),
            )
        }
        Icmpv6Repr::TimeExceeded { code, .. } => Icmpv4Repr::TimeExceeded {
            code: TimeExceeded(code.0),
            quoted_words: 0,
        },
        Icmpv6Repr::ParameterProblem { code, pointer } => match code {
            icmpv6_code::ParameterProblem::HEADER_FIELD => Icmpv4Repr::ParameterProblem {
                code: ParameterProblem::POINTER,
                pointer: pointer_to_v4(pointer).ok_or(none(4, code.0))?,
                quoted_words: 0,
            },
            icmpv6_code::ParameterProblem::NEXT_HEADER => unreachable(V4::PROTOCOL, 0),
            _ => return Err(none(4, code.0)),
        },
        Icmpv6Repr::Other { message_type, code } => return Err(none(message_type.0, code)),
        Icmpv6Repr::EchoRequest { .. } | Icmpv6Repr::EchoReply { .. } => {
            return Err(none(repr.message_type().0, 0));
        }
    })
}

/// Figure 6 of RFC 7915.
// RFC 7915 §5.2 MUST (pointer): it goes to the field of the same meaning, and what has none is
// dropped.
fn pointer_to_v4(pointer: u32) -> Option<u8> {
    Some(match pointer {
        0 => 0,
        1 => 1,
        4 | 5 => 2,
        6 => 9,
        7 => 8,
        8..=23 => 12,
        24..=39 => 16,
        _ => return None,
    })
}

pub(super) const fn none(message_type: u8, code: u8) -> TranslateError {
    TranslateError::IcmpWithoutCounterpart { message_type, code }
}

/// The type of an echo in the other family.
pub(super) const fn echo_to_v6(message_type: Icmpv4Type) -> Option<Icmpv6Type> {
    match message_type {
        Icmpv4Type::ECHO_REQUEST => Some(Icmpv6Type::ECHO_REQUEST),
        Icmpv4Type::ECHO_REPLY => Some(Icmpv6Type::ECHO_REPLY),
        _ => None,
    }
}

/// The type of an echo in the other family.
pub(super) const fn echo_to_v4(message_type: Icmpv6Type) -> Option<Icmpv4Type> {
    match message_type {
        Icmpv6Type::ECHO_REQUEST => Some(Icmpv4Type::ECHO_REQUEST),
        Icmpv6Type::ECHO_REPLY => Some(Icmpv4Type::ECHO_REPLY),
        _ => None,
    }
}
