//! Authentication: plain passwords, keyed MD5 and HMAC-SHA (RFC 2082, RFC 4822).
