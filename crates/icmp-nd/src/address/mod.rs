//! IPv6 addresses of an interface: autoconfiguration, duplicate detection, lifetimes, selection.
