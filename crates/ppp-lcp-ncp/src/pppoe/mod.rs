//! PPP over Ethernet (RFC 2516, RFC 4638): discovery and sessions, client and access concentrator.
