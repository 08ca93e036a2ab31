/* A PPP host of lwIP's at a Unix socket, which it listens on or connects to.
 *
 *     main listen|connect PATH [SETTING[=VALUE]]...
 *
 * Settings, each left out unless wanted:
 *
 *     serve                  it has 10.9.0.1 and gives 10.9.0.2; without it, it asks for an address
 *     silent                 it waits for the other end's first packet
 *     demand=METHOD          the other end proves itself: pap, chap, mschap-v2, eap
 *     answer=METHOD          it proves itself in this way
 *     user=NAME secret=TEXT  by these
 *     mppe=40|128            encryption is required, with keys of so many bits; stateful is accepted
 *     dns=ADDRESS            given to the other end; without `serve`, `dns` asks for one
 *     plain                  LCP without options
 *     accm=MAP               these control characters are to be escaped, in hexadecimal
 *     mru=OCTETS
 *     no-vj
 *     ping=ADDRESS,OCTETS    until three replies have come
 *     file=PORT,OCTETS       a file to this port of the other end, and one back
 *
 * It prints
 *
 *     listening
 *     up ADDRESS PEER
 *     up6 ADDRESS
 *     dns ADDRESS
 *     reply COUNT
 *     file sent OCTETS, received OCTETS, wrong OCTETS
 *     down CODE              lwIP's PPPERR_ codes; it ends then
 */
#include "lwip/dns.h"
#include "lwip/inet_chksum.h"
#include "lwip/init.h"
#include "lwip/raw.h"
#include "lwip/tcp.h"
#include "lwip/timeouts.h"
#include "netif/ppp/ppp.h"
#include "netif/ppp/pppos.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { HEADER = 8, ENOUGH = 3, PING_EVERY = 200, LONGEST_WAIT = 20 };

static int line;
static ppp_pcb *ppp;
static struct netif device;
static int ended, why = PPPERR_CONNECT;
static volatile sig_atomic_t asked_to_end;

static ip_addr_t target;
static unsigned target_octets, replies;
static u16_t sequence;

static u16_t file_port;
static u32_t file_octets, sent, received, wrong;

u32_t sys_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (u32_t)(now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

u32_t sys_jiffies(void) { return sys_now(); }

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void on_signal(int number) {
  (void)number;
  asked_to_end = 1;
}

static int open_line(int listens, const char *path) {
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  int opened = socket(AF_UNIX, SOCK_STREAM, 0), accepted;
  if (opened < 0 || strlen(path) >= sizeof name.sun_path)
    fail("socket");
  strcpy(name.sun_path, path);
  if (!listens) {
    if (connect(opened, (struct sockaddr *)&name, sizeof name))
      fail("connect");
    return opened;
  }
  if (bind(opened, (struct sockaddr *)&name, sizeof name) || listen(opened, 1))
    fail("listen");
  printf("listening\n");
  accepted = accept(opened, NULL, NULL);
  if (accepted < 0)
    fail("accept");
  close(opened);
  unlink(path);
  return accepted;
}

/* All of it goes, or the line is gone. */
static u32_t send_octets(ppp_pcb *of, u8_t *octets, u32_t length, void *context) {
  u32_t done = 0;
  (void)of;
  (void)context;
  while (done < length) {
    ssize_t written = write(line, octets + done, length - done);
    if (written > 0)
      done += (u32_t)written;
    else if (errno == EAGAIN) {
      struct pollfd room = {.fd = line, .events = POLLOUT};
      poll(&room, 1, 1000);
    } else
      break;
  }
  return done;
}

static void on_status(ppp_pcb *of, int code, void *context) {
  (void)of;
  (void)context;
  if (code == PPPERR_NONE)
    return;
  why = code;
  ended = 1;
}

static u8_t file_octet(u32_t position) { return (u8_t)(position * 2654435761u >> 24); }

static void send_more(struct tcp_pcb *to) {
  u8_t octets[TCP_MSS];
  while (sent < file_octets) {
    u32_t size = file_octets - sent, i;
    if (size > sizeof octets)
      size = sizeof octets;
    if (size > tcp_sndbuf(to))
      break;
    for (i = 0; i < size; i++)
      octets[i] = file_octet(sent + i);
    if (tcp_write(to, octets, (u16_t)size, TCP_WRITE_FLAG_COPY) != ERR_OK)
      break;
    sent += size;
    if (sent == file_octets)
      tcp_shutdown(to, 0, 1);
  }
  tcp_output(to);
}

static err_t on_room(void *context, struct tcp_pcb *from, u16_t octets) {
  (void)context;
  (void)octets;
  send_more(from);
  return ERR_OK;
}

static err_t on_file(void *context, struct tcp_pcb *from, struct pbuf *data, err_t why) {
  u16_t i;
  (void)context;
  (void)why;
  if (!data) {
    printf("file sent %u, received %u, wrong %u\n", (unsigned)sent, (unsigned)received,
           (unsigned)wrong);
    tcp_close(from);
    return ERR_OK;
  }
  for (i = 0; i < data->tot_len; i++)
    wrong += pbuf_get_at(data, i) != file_octet(received + i);
  received += data->tot_len;
  tcp_recved(from, data->tot_len);
  pbuf_free(data);
  return ERR_OK;
}

static err_t on_connected(void *context, struct tcp_pcb *to, err_t why) {
  (void)context;
  (void)why;
  tcp_recv(to, on_file);
  tcp_sent(to, on_room);
  send_more(to);
  return ERR_OK;
}

static void on_tcp_error(void *context, err_t why) {
  (void)context;
  printf("file failed %d\n", why);
}

static void begin_file(void) {
  struct tcp_pcb *pcb = tcp_new();
  ip_addr_t peer;
  ip_addr_copy_from_ip4(peer, *netif_ip4_gw(&device));
  tcp_err(pcb, on_tcp_error);
  if (tcp_connect(pcb, &peer, file_port, on_connected) != ERR_OK)
    printf("file failed\n");
}

static u8_t on_packet(void *context, struct raw_pcb *pcb, struct pbuf *packet,
                      const ip_addr_t *from) {
  u16_t start = ip_current_header_tot_len(), i;
  (void)context;
  (void)pcb;
  if (!ip_addr_cmp(from, &target) || pbuf_get_at(packet, start) != 0 ||
      packet->tot_len != start + HEADER + target_octets)
    return 0;
  for (i = 0; i < target_octets; i++)
    if (pbuf_get_at(packet, start + HEADER + i) != file_octet(i))
      return 0;
  printf("reply %u\n", ++replies);
  pbuf_free(packet);
  return 1;
}

static void ping(struct raw_pcb *pcb) {
  u16_t length = (u16_t)(HEADER + target_octets), sum;
  struct pbuf *packet = pbuf_alloc(PBUF_IP, length, PBUF_RAM);
  u8_t *message;
  u16_t i;
  if (!packet)
    return;
  message = packet->payload;
  memset(message, 0, HEADER);
  message[0] = 8;
  sequence++;
  message[6] = (u8_t)(sequence >> 8);
  message[7] = (u8_t)sequence;
  for (i = 0; i < target_octets; i++)
    message[HEADER + i] = file_octet(i);
  sum = inet_chksum(message, length);
  memcpy(message + 2, &sum, sizeof sum);
  raw_sendto(pcb, packet, &target);
  pbuf_free(packet);
}

static u8_t method_of(const char *name) {
  if (!strcmp(name, "pap"))
    return PPPAUTHTYPE_PAP;
  if (!strcmp(name, "chap"))
    return PPPAUTHTYPE_CHAP;
  if (!strcmp(name, "mschap-v2"))
    return PPPAUTHTYPE_MSCHAP_V2;
  if (!strcmp(name, "eap"))
    return PPPAUTHTYPE_EAP;
  exit(2);
}

static void give_address(int index, const char *text) {
  ip4_addr_t address;
  if (!ip4addr_aton(text, &address))
    exit(2);
  ppp_set_ipcp_dnsaddr(ppp, index, &address);
}

/* Splits "name=value" or "value,number" in place; the second half, or nothing. */
static char *split(char *text, char at) {
  char *found = strchr(text, at);
  if (found)
    *found++ = 0;
  return found ? found : text + strlen(text);
}

static int configure(int count, char **settings) {
  const char *user = NULL, *secret = NULL;
  u8_t method = PPPAUTHTYPE_NONE;
  int serves = 0, i;
  for (i = 0; i < count; i++) {
    char *name = settings[i], *value = split(name, '=');
    lcp_options *wanted = &ppp->lcp_wantoptions;
    if (!strcmp(name, "serve"))
      serves = 1;
    else if (!strcmp(name, "silent"))
      ppp_set_silent(ppp, 1);
    else if (!strcmp(name, "demand") || !strcmp(name, "answer")) {
      method = method_of(value);
      ppp_set_auth_required(ppp, *name == 'd');
    } else if (!strcmp(name, "user"))
      user = value;
    else if (!strcmp(name, "secret"))
      secret = value;
    else if (!strcmp(name, "mppe"))
      ppp_set_mppe(ppp, PPP_MPPE_ENABLE | PPP_MPPE_ALLOW_STATEFUL |
                            (atoi(value) == 40 ? PPP_MPPE_REFUSE_128 : PPP_MPPE_REFUSE_40));
    else if (!strcmp(name, "dns") && *value)
      give_address(0, value), give_address(1, value);
    else if (!strcmp(name, "dns"))
      ppp_set_usepeerdns(ppp, 1);
    else if (!strcmp(name, "plain")) {
      ppp_set_neg_pcomp(ppp, 0);
      ppp_set_neg_accomp(ppp, 0);
      ppp_set_neg_asyncmap(ppp, 0);
      wanted->neg_magicnumber = 0;
      wanted->neg_mru = 0;
    } else if (!strcmp(name, "accm"))
      ppp_set_asyncmap(ppp, (u32_t)strtoul(value, NULL, 16));
    else if (!strcmp(name, "mru"))
      wanted->mru = (u16_t)atoi(value);
    else if (!strcmp(name, "no-vj"))
      ppp->ipcp_wantoptions.neg_vj = ppp->ipcp_allowoptions.neg_vj = 0;
    else if (!strcmp(name, "ping")) {
      target_octets = (unsigned)atoi(split(value, ','));
      if (!ipaddr_aton(value, &target))
        exit(2);
    } else if (!strcmp(name, "file")) {
      file_octets = (u32_t)atoi(split(value, ','));
      file_port = (u16_t)atoi(value);
    } else
      exit(2);
  }
  if (method)
    ppp_set_auth(ppp, method, user, secret);
  if (serves) {
    ip4_addr_t address;
    IP4_ADDR(&address, 10, 9, 0, 1);
    ppp_set_ipcp_ouraddr(ppp, &address);
    IP4_ADDR(&address, 10, 9, 0, 2);
    ppp_set_ipcp_hisaddr(ppp, &address);
  }
  return serves;
}

/* Says what has come up since it was asked last. */
static void tell(void) {
  static int is_up, is_up6;
  if (!is_up && ppp->if4_up) {
    is_up = 1;
    printf("up %s ", ip4addr_ntoa(netif_ip4_addr(&device)));
    printf("%s\n", ip4addr_ntoa(netif_ip4_gw(&device)));
    if (ppp->settings.usepeerdns)
      printf("dns %s\n", ipaddr_ntoa(dns_getserver(0)));
    if (file_octets)
      begin_file();
  }
  if (!is_up6 && ppp->if6_up) {
    is_up6 = 1;
    printf("up6 %s\n", ip6addr_ntoa(netif_ip6_addr(&device, 0)));
  }
}

static void take_line(void) {
  u8_t octets[4096];
  ssize_t length = read(line, octets, sizeof octets);
  if (length > 0)
    pppos_input(ppp, octets, (int)length);
  else if (length == 0 || errno != EAGAIN) {
    /* The carrier is lost: lwIP says so to itself at once. */
    if (!ended)
      ppp_close(ppp, 1);
    ended = 1;
  }
}

int main(int count, char **arguments) {
  struct sigaction action = {.sa_handler = on_signal};
  struct raw_pcb *pcb;
  u32_t next_ping = 0;
  int serves, is_closing = 0;
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (count < 3)
    return 2;
  srandom((unsigned)(getpid() ^ time(NULL)));
  signal(SIGPIPE, SIG_IGN);
  sigaction(SIGTERM, &action, NULL);
  line = open_line(!strcmp(arguments[1], "listen"), arguments[2]);
  if (fcntl(line, F_SETFL, O_NONBLOCK))
    fail("fcntl");
  lwip_init();
  ppp = pppos_create(&device, send_octets, on_status, NULL);
  if (!ppp)
    return 1;
  serves = configure(count - 3, arguments + 3);
  pcb = raw_new(IP_PROTO_ICMP);
  raw_recv(pcb, on_packet, NULL);
  if ((serves ? ppp_listen(ppp) : ppp_connect(ppp, 0)) != ERR_OK)
    return 1;
  while (!ended) {
    struct pollfd input = {.fd = line, .events = POLLIN};
    u32_t wait = sys_timeouts_sleeptime();
    poll(&input, 1, (int)(wait < LONGEST_WAIT ? wait : LONGEST_WAIT));
    if (input.revents)
      take_line();
    sys_check_timeouts();
    tell();
    if (asked_to_end && !is_closing && !ended) {
      is_closing = 1;
      ppp_close(ppp, 0);
    }
    if (ppp->if4_up && target_octets && replies < ENOUGH && sys_now() >= next_ping) {
      next_ping = sys_now() + PING_EVERY;
      ping(pcb);
    }
  }
  printf("down %d\n", why);
  return 0;
}
