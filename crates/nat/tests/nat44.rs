//! The translator between IPv4 and IPv4, by RFC and by attack.

mod nat44 {
    mod basics;
    mod support;
}
