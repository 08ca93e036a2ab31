/* A dual-stack host on a TAP device, made of lwIP (Debian's liblwip-dev).
 *
 *     cc -o lwip_host lwip_host.c -I/usr/include/lwip -llwip -lpthread
 *     lwip_host DEVICE IPV4 IPV6 [TARGET,OCTETS]...
 *
 * The device is up already. IPV4 is of a /24, IPV6 of a /64; there is a link-local address besides.
 * Each target is pinged until three whole replies have come. It prints
 *
 *     address ADDRESS STATE        tentative, preferred, duplicated or invalid
 *     reply TARGET,OCTETS COUNT
 *
 * The library's own TAP driver is not used: as Debian builds it, frames larger than one of the pool's
 * buffers overrun it.
 */
#include "lwip/etharp.h"
#include "lwip/ethip6.h"
#include "lwip/inet_chksum.h"
#include "lwip/ip.h"
#include "lwip/netif.h"
#include "lwip/opt.h"
#include "lwip/raw.h"
#include "lwip/tcpip.h"
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { HEADER = 8, ENOUGH = 3, MOST_TARGETS = 16, LARGEST_FRAME = 1514 };

static const u8_t station[6] = {2, 0, 0, 0, 0, 0x1f};

struct target {
  const char *name;
  ip_addr_t address;
  u16_t octets;
  u16_t sequence;
  unsigned replies;
  struct raw_pcb *pcb;
};

static struct netif device;
static struct target targets[MOST_TARGETS];
static int tap;

static err_t send_frame(struct netif *to, struct pbuf *frame) {
  u8_t octets[LARGEST_FRAME];
  u16_t length = pbuf_copy_partial(frame, octets, sizeof octets, 0);
  (void)to;
  if (frame->tot_len > sizeof octets)
    return ERR_IF;
  return write(tap, octets, length) == length ? ERR_OK : ERR_IF;
}

static void receive_frames(void *context) {
  u8_t octets[LARGEST_FRAME];
  struct pbuf *frame;
  (void)context;
  for (;;) {
    ssize_t length = read(tap, octets, sizeof octets);
    if (length <= 0)
      exit(1);
    frame = pbuf_alloc(PBUF_RAW, (u16_t)length, PBUF_RAM);
    if (!frame)
      continue;
    pbuf_take(frame, octets, (u16_t)length);
    if (device.input(frame, &device) != ERR_OK)
      pbuf_free(frame);
  }
}

static err_t open_device(struct netif *opened) {
  struct ifreq request = {0};
  strncpy(request.ifr_name, opened->state, IFNAMSIZ - 1);
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  tap = open("/dev/net/tun", O_RDWR);
  if (tap < 0 || ioctl(tap, TUNSETIFF, &request) < 0)
    return ERR_IF;
  memcpy(opened->name, "tp", 2);
  memcpy(opened->hwaddr, station, sizeof station);
  opened->hwaddr_len = sizeof station;
  opened->mtu = 1500;
  opened->output = etharp_output;
  opened->output_ip6 = ethip6_output;
  opened->linkoutput = send_frame;
  /* Without the last no solicited-node group is ever joined. */
  opened->flags |= NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_MLD6;
  sys_thread_new("receive", receive_frames, NULL, 0, 0);
  return ERR_OK;
}

static u8_t octet_at(u16_t position, u16_t sequence) {
  return (u8_t)(position * 7 + sequence);
}

/* An ICMP message to us: an echo reply to this target's request is ours to take. */
static u8_t receive(void *context, struct raw_pcb *pcb, struct pbuf *packet, const ip_addr_t *from) {
  struct target *target = context;
  u16_t start = ip_current_header_tot_len();
  u16_t sequence, i;
  (void)pcb;
  if (!ip_addr_cmp(from, &target->address) ||
      pbuf_get_at(packet, start) != (IP_IS_V6(from) ? 129 : 0) ||
      pbuf_get_at(packet, start + 5) != (u8_t)(target - targets))
    return 0;
  sequence = (u16_t)(pbuf_get_at(packet, start + 6) << 8 | pbuf_get_at(packet, start + 7));
  if (packet->tot_len != start + HEADER + target->octets || sequence != target->sequence)
    return 0;
  for (i = 0; i < target->octets; i++)
    if (pbuf_get_at(packet, start + HEADER + i) != octet_at(i, sequence))
      return 0;
  target->replies++;
  printf("reply %s %u\n", target->name, target->replies);
  pbuf_free(packet);
  return 1;
}

static void open_target(struct target *target, char *text) {
  char *comma = strchr(text, ',');
  int is_v6;
  if (!comma)
    exit(2);
  target->name = strdup(text);
  target->octets = (u16_t)atoi(comma + 1);
  *comma = 0;
  if (!ipaddr_aton(text, &target->address))
    exit(2);
  is_v6 = IP_IS_V6_VAL(target->address);
  if (is_v6)
    ip6_addr_assign_zone(ip_2_ip6(&target->address), IP6_UNICAST, &device);
  target->pcb = raw_new_ip_type(is_v6 ? IPADDR_TYPE_V6 : IPADDR_TYPE_V4,
                                is_v6 ? IP6_NEXTH_ICMP6 : IP_PROTO_ICMP);
  if (is_v6) { /* The checksum has the pseudo-header's addresses: lwIP computes it. */
    target->pcb->chksum_reqd = 1;
    target->pcb->chksum_offset = 2;
  }
  raw_recv(target->pcb, receive, target);
}

static void ping(struct target *target) {
  u16_t length = HEADER + target->octets, i;
  struct pbuf *packet = pbuf_alloc(PBUF_IP, length, PBUF_RAM);
  u8_t *message;
  if (!packet)
    return;
  target->sequence++;
  message = packet->payload;
  memset(message, 0, HEADER);
  message[0] = IP_IS_V6_VAL(target->address) ? 128 : 8;
  message[5] = (u8_t)(target - targets);
  message[6] = (u8_t)(target->sequence >> 8);
  message[7] = (u8_t)target->sequence;
  for (i = 0; i < target->octets; i++)
    message[HEADER + i] = octet_at(i, target->sequence);
  if (!IP_IS_V6_VAL(target->address)) {
    u16_t sum = inet_chksum(message, length);
    memcpy(message + 2, &sum, sizeof sum);
  }
  raw_sendto(target->pcb, packet, &target->address);
  pbuf_free(packet);
}

static const char *name_of(u8_t state) {
  if (state == IP6_ADDR_DUPLICATED)
    return "duplicated";
  if (ip6_addr_istentative(state))
    return "tentative";
  return ip6_addr_ispreferred(state) ? "preferred" : "invalid";
}

int main(int count, char **arguments) {
  u8_t last[LWIP_IPV6_NUM_ADDRESSES] = {0};
  ip4_addr_t v4, mask, none;
  ip6_addr_t v6;
  int i, pinged;
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (count < 4 || count - 4 > MOST_TARGETS || !ip4addr_aton(arguments[2], &v4) ||
      !ip6addr_aton(arguments[3], &v6))
    return 2;
  IP4_ADDR(&mask, 255, 255, 255, 0);
  ip4_addr_set_zero(&none);
  tcpip_init(NULL, NULL);
  LOCK_TCPIP_CORE();
  if (!netif_add(&device, &v4, &mask, &none, arguments[1], open_device, tcpip_input))
    return 1;
  netif_set_default(&device);
  netif_create_ip6_linklocal_address(&device, 1);
  netif_set_link_up(&device);
  netif_set_up(&device);
  if (netif_add_ip6_address(&device, &v6, NULL) != ERR_OK)
    return 1;
  for (i = 4; i < count; i++)
    open_target(&targets[i - 4], arguments[i]);
  pinged = count - 4;
  UNLOCK_TCPIP_CORE();
  for (;;) {
    usleep(200000);
    LOCK_TCPIP_CORE();
    for (i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
      u8_t state = netif_ip6_addr_state(&device, i);
      if (state != last[i])
        printf("address %s %s\n", ip6addr_ntoa(netif_ip6_addr(&device, i)), name_of(state));
      last[i] = state;
    }
    for (i = 0; i < pinged; i++)
      if (targets[i].replies < ENOUGH)
        ping(&targets[i]);
    UNLOCK_TCPIP_CORE();
  }
}
