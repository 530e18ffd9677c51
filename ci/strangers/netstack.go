// gVisor's netstack, from Debian's golang-gvisor-gvisor-dev, as a stack under test: it is 192.0.2.1
// and 2001:db8::1 on the TAP device that it is told, and closes first on port 7.  It answers echoes
// where they arrive, and segments from other goroutines: so an echo may overtake.
//
//	GOPATH=/usr/share/gocode GO111MODULE=off go build -o netstack ci/strangers/netstack.go
//	tw-conformance run --target 'cmd:./netstack {ifname}' --profile rfc9293
package main

import (
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/fdbased"
	"gvisor.dev/gvisor/pkg/tcpip/link/tun"
	"gvisor.dev/gvisor/pkg/tcpip/network/arp"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
)

const nic, port = 1, 7

func must(what string, err any) {
	if err != nil && fmt.Sprint(err) != "<nil>" {
		fmt.Fprintf(os.Stderr, "%s: %v\n", what, err)
		os.Exit(1)
	}
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintf(os.Stderr, "usage: %s IFNAME\n", os.Args[0])
		os.Exit(127)
	}
	fd, err := tun.OpenTAP(os.Args[1])
	must(os.Args[1], err)
	must("TAP", unix.SetNonblock(fd, true))
	link, err := fdbased.New(&fdbased.Options{
		FDs: []int{fd}, MTU: 1500, EthernetHeader: true,
		Address: tcpip.LinkAddress([]byte{2, 0, 0, 0, 0, 1}),
	})
	must("link", err)
	s := stack.New(stack.Options{
		NetworkProtocols: []stack.NetworkProtocolFactory{
			arp.NewProtocol, ipv4.NewProtocol, ipv6.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{
			tcp.NewProtocol, icmp.NewProtocol4, icmp.NewProtocol6},
	})
	if e := s.CreateNIC(nic, link); e != nil {
		must("NIC", e)
	}
	for protocol, address := range map[tcpip.NetworkProtocolNumber]tcpip.AddressWithPrefix{
		ipv4.ProtocolNumber: {Address: tcpip.Address(net.IPv4(192, 0, 2, 1).To4()), PrefixLen: 24},
		ipv6.ProtocolNumber: {Address: tcpip.Address(net.ParseIP("2001:db8::1")), PrefixLen: 64},
	} {
		at := tcpip.ProtocolAddress{Protocol: protocol, AddressWithPrefix: address}
		if e := s.AddProtocolAddress(nic, at, stack.AddressProperties{}); e != nil {
			must("address", e)
		}
	}
	s.SetRouteTable([]tcpip.Route{
		{Destination: header.IPv4EmptySubnet, NIC: nic}, {Destination: header.IPv6EmptySubnet, NIC: nic}})
	listener, e := gonet.ListenTCP(s, tcpip.FullAddress{NIC: nic, Port: port}, ipv6.ProtocolNumber)
	must("listen", e) // of both families
	for {
		connection, e := listener.Accept()
		must("accept", e)
		go connection.Close()
	}
}
