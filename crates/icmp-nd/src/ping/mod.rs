//! Echo, as a prober.
