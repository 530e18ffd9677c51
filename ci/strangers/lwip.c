/* lwIP, from Debian's liblwip-dev, as a stack under test: it is 192.0.2.1 and 2001:db8::1 on the TAP
 * device that it is told, and closes first on port 7.
 *
 *     cc ci/strangers/lwip.c -o lwip $(pkg-config --cflags --libs lwip)
 *     tw-conformance run --target 'cmd:./lwip {ifname}' --profile rfc9293
 *
 * The driver is ours: that of the package (netif/tapif.h) takes its buffers from PBUF_POOL, whose
 * blocks have 616 octets in 2.1.3+dfsg1-2 (memp_pools[MEMP_PBUF_POOL]->size), while pbuf_alloc() puts
 * up to 1536 into one; any frame of more than 592 octets breaks the heap.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/if.h>
#include <linux/if_tun.h>

#include "lwip/etharp.h"
#include "lwip/ethip6.h"
#include "lwip/ip6_addr.h"
#include "lwip/netif.h"
#include "lwip/sys.h"
#include "lwip/tcp.h"
#include "lwip/tcpip.h"

static struct netif tap;
static int device;

static err_t transmit(struct netif *interface, struct pbuf *packet)
{
    char frame[1514];
    u16_t octets = pbuf_copy_partial(packet, frame, sizeof frame, 0);

    (void)interface;
    return write(device, frame, octets) == octets ? ERR_OK : ERR_IF;
}

/* A thread of its own; tcpip_input() hands each frame to lwIP's. */
static void receive(void *arg)
{
    char frame[1514];
    ssize_t octets;

    (void)arg;
    while ((octets = read(device, frame, sizeof frame)) > 0) {
        struct pbuf *packet = pbuf_alloc(PBUF_RAW, (u16_t)octets, PBUF_RAM);

        if (packet == NULL)
            continue;
        pbuf_take(packet, frame, (u16_t)octets);
        if (tap.input(packet, &tap) != ERR_OK)
            pbuf_free(packet);
    }
    exit(1);
}

static err_t attach(struct netif *interface)
{
    static const u8_t address[ETH_HWADDR_LEN] = {2, 0, 192, 0, 2, 1};

    memcpy(interface->name, "tp", 2);
    memcpy(interface->hwaddr, address, sizeof address);
    interface->hwaddr_len = sizeof address;
    interface->mtu = 1500;
    interface->output = etharp_output;
    interface->output_ip6 = ethip6_output;
    interface->linkoutput = transmit;
    interface->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP;
    interface->flags |= NETIF_FLAG_MLD6; /* else no neighbour solicitation reaches it */
    sys_thread_new("receive", receive, NULL, 0, 0);
    return ERR_OK;
}

static err_t accepted(void *arg, struct tcp_pcb *connection, err_t error)
{
    (void)arg;
    if (error == ERR_OK && connection != NULL)
        tcp_close(connection);
    return ERR_OK;
}

/* Runs in lwIP's own thread, as all that touches its state must. */
static void start(void *arg)
{
    ip4_addr_t address, netmask, gateway;
    ip6_addr_t address6;
    struct tcp_pcb *listener = tcp_new_ip_type(IPADDR_TYPE_ANY);

    (void)arg;
    IP4_ADDR(&address, 192, 0, 2, 1);
    IP4_ADDR(&netmask, 255, 255, 255, 0);
    IP4_ADDR(&gateway, 192, 0, 2, 254);
    netif_add(&tap, &address, &netmask, &gateway, NULL, attach, tcpip_input);
    ip6addr_aton("2001:db8::1", &address6);
    netif_set_default(&tap);
    netif_set_link_up(&tap);
    netif_set_up(&tap);
    netif_ip6_addr_set(&tap, 1, &address6);
    netif_ip6_addr_set_state(&tap, 1, IP6_ADDR_PREFERRED);
    if (tcp_bind(listener, IP_ANY_TYPE, 7) != ERR_OK)
        exit(1);
    tcp_accept(tcp_listen(listener), accepted);
}

int main(int argc, char **argv)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};

    if (argc != 2) {
        fprintf(stderr, "usage: %s IFNAME\n", argv[0]);
        return 127;
    }
    strncpy(request.ifr_name, argv[1], IFNAMSIZ - 1);
    if ((device = open("/dev/net/tun", O_RDWR)) < 0 || ioctl(device, TUNSETIFF, &request) < 0) {
        perror(argv[1]);
        return 1;
    }
    tcpip_init(start, NULL);
    for (;;)
        pause();
}
