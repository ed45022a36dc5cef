package cluster

import (
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
)

// The ports to choose from are below those that systems use for the near end of
// connections: from 32768 on Linux, from 49152 on macOS. Otherwise, while a node
// is down, some connection could take its port, and be it the one by which
// another node tries to reach it.
const lowestPort, highestPort = 10_000, 32_000

// local returns the address of a port of this machine.
func local(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// ports returns n ports on which nobody listens: those from first on, if they
// are free, and otherwise any, but none of taken.
func ports(first, n int, taken ...int) (found []int, err error) {
	if first != 0 {
		for port := first; port < first+n && free(local(port)); port++ {
			found = append(found, port)
		}
	}
	if len(found) == n {
		return found, nil
	}
	found = nil
	for range 1000 {
		port := lowestPort + rand.N(highestPort-lowestPort)
		if slices.Contains(taken, port) || slices.Contains(found, port) || !free(local(port)) {
			continue
		}
		if found = append(found, port); len(found) == n {
			return found, nil
		}
	}
	return nil, fmt.Errorf("there are no %d ports free between %d and %d", n, lowestPort, highestPort)
}

// free says whether nobody listens at an address, which may be a URL.
func free(address string) bool {
	l, err := net.Listen("tcp", strings.TrimPrefix(address, "http://"))
	if err != nil {
		return false
	}
	return l.Close() == nil
}
