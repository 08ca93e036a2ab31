//! The router side of Neighbor Discovery: advertisements, redirects, proxying.
