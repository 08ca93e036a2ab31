/* lwIP as a PPP host in one thread: everything of its PPP that a serial line can carry. */
#ifndef LWIPOPTS_H
#define LWIPOPTS_H

#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0
#define LWIP_ARP 0
#define LWIP_ETHERNET 0
#define LWIP_DNS 1
#define LWIP_IPV6 1
/* Where addresses have 64 bits, it has no room in a packet for what it notes of fragments. */
#define IPV6_FRAG_COPYHEADER 1
#define LWIP_RAW 1
#define LWIP_TCP 1
#define TCP_MSS 1400
#define TCP_WND (8 * TCP_MSS)
#define TCP_SND_BUF (8 * TCP_MSS)
#define TCP_SND_QUEUELEN 32

#define MEM_ALIGNMENT 8
#define MEM_LIBC_MALLOC 1
#define MEMP_MEM_MALLOC 1

#define PPP_SUPPORT 1
#define PPP_SERVER 1
#define PAP_SUPPORT 1
#define CHAP_SUPPORT 1
#define MSCHAP_SUPPORT 1
#define EAP_SUPPORT 1
#define CCP_SUPPORT 1
#define MPPE_SUPPORT 1
#define VJ_SUPPORT 1
/* Seconds; the tests do not wait for six. */
#define FSM_DEFTIMEOUT 1
#define UPAP_DEFTIMEOUT 1
#define CHAP_DEFTIMEOUT 1
#define EAP_DEFTIMEOUT 1

#endif
