/* lwIP, from Debian's liblwip-dev, as a stack under test: it is 192.0.2.1 and 2001:db8::1 on the TAP
 * device that it is told, and closes first on port 7.
 *
 *     cc ci/strangers/lwip.c -o lwip $(pkg-config --cflags --libs lwip)
 *     tw-conformance run --target 'cmd:./lwip {ifname}' --profile rfc9293
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lwip/ip6_addr.h"
#include "lwip/netif.h"
#include "lwip/tcp.h"
#include "lwip/tcpip.h"
#include "netif/tapif.h"

static struct netif tap;

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
    netif_add(&tap, &address, &netmask, &gateway, NULL, tapif_init, tcpip_input);
    ip6addr_aton("2001:db8::1", &address6);
    tap.flags |= NETIF_FLAG_MLD6; /* else no neighbour solicitation reaches it */
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
    if (argc != 2) {
        fprintf(stderr, "usage: %s IFNAME\n", argv[0]);
        return 127;
    }
    setenv("PRECONFIGURED_TAPIF", argv[1], 1);
    tcpip_init(start, NULL);
    for (;;)
        pause();
}
