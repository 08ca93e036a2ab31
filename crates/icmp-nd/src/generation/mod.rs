//! When an ICMP error may be sent, what it quotes, and how often (RFC 1122 §3.2.2, RFC 1812 §4.3.2, RFC 4443 §2.4).
