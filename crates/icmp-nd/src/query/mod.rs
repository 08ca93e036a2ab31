//! Timestamp, address mask, information and extended echo exchanges.
