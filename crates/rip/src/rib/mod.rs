//! The routing table: routes by source, longest-prefix match, changes for a forwarding table.
