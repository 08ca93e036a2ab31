//! Network control protocols: IPCP (RFC 1332, RFC 1877) and IPV6CP (RFC 5072).
