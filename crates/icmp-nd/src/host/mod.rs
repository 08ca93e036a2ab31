//! The IP layer of a dual-stack host on one Ethernet link.
