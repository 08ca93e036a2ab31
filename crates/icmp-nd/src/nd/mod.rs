//! Neighbor Discovery on one interface (RFC 4861): prefix list, default routers, destination cache, next-hop determination.
