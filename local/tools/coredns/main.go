// Command coredns is CoreDNS with the plugins that the Corefile of the local stack uses, and no others: they are a
// third of the packages of the whole. See https://coredns.io/2017/07/25/compile-time-enabling-or-disabling-plugins/.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"

	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/forward"
	_ "github.com/coredns/coredns/plugin/route53"
	_ "github.com/coredns/coredns/plugin/tls"
)

func init() {
	// A query passes the plugins in this order, that of CoreDNS's own plugin.cfg.
	dnsserver.Directives = []string{"bind", "errors", "tls", "route53", "forward"}
}

func main() {
	coremain.Run()
}
