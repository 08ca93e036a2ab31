//! Authentication: PAP, CHAP, MS-CHAP-V2 and EAP, either side.
