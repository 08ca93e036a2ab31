//! The distance-vector engine over both address families.
