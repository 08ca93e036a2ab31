//! Numbers with names, as IANA registers them.

/// Defines code points: a newtype over the number on the wire with a constant for each known value,
/// so that unknown values survive a round trip.
///
/// Each type gets `name()`, and a `Display` that prints the name, or the number where there is
/// none.
///
/// ```
/// packet_buffer::code_points! {
///     /// The `Command` octet.
///     pub struct Command(u8) {
///         /// Asks for all or part of a table.
///         REQUEST = 1 => "request",
///         /// Carries all or part of a table.
///         RESPONSE = 2 => "response",
///     }
/// }
/// assert_eq!(Command::REQUEST.to_string(), "request");
/// assert_eq!(Command(9).to_string(), "9");
/// ```
#[macro_export]
macro_rules! code_points {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident($repr:ty) {
            $( $(#[$value_meta:meta])* $value:ident = $number:expr => $text:expr, )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $vis struct $name(
            /// The number on the wire.
            pub $repr,
        );

        impl $name {
            $( $(#[$value_meta])* pub const $value: Self = Self($number); )*

            /// The name of a known value.
            pub const fn name(self) -> ::core::option::Option<&'static str> {
                match self {
                    $( Self::$value => ::core::option::Option::Some($text), )*
                    _ => ::core::option::Option::None,
                }
            }
        }

        impl ::core::fmt::Display for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                match self.name() {
                    ::core::option::Option::Some(name) => f.pad(name),
                    ::core::option::Option::None => ::core::fmt::Display::fmt(&self.0, f),
                }
            }
        }

        impl ::core::convert::From<$repr> for $name {
            fn from(number: $repr) -> Self {
                Self(number)
            }
        }
    };
}
