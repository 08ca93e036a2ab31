//! Path MTU discovery: the cache of RFC 1191 and RFC 8201, and probing of RFC 8899.
