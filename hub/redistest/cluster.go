package redistest

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// slots is how many slots a cluster has.
const slots = 16384

// StartCluster starts a cluster of n masters that share the slots evenly.
func StartCluster(t testing.TB, n int) []*Server {
	t.Helper()
	servers := make([]*Server, n)
	for i := range servers {
		servers[i] = Start(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
	}
	first := servers[0]
	for i, s := range servers {
		from, to := i*slots/n, (i+1)*slots/n-1
		s.Must(fmt.Sprintf("CLUSTER ADDSLOTSRANGE %d %d", from, to))
		// Distinct epochs, as redis-cli gives them, or the nodes quarrel first.
		s.Must(fmt.Sprintf("CLUSTER SET-CONFIG-EPOCH %d", i+1))
		if i > 0 {
			host, port, _ := net.SplitHostPort(s.addr)
			first.Must(fmt.Sprintf("CLUSTER MEET %s %s", host, port))
		}
	}
	for deadline := time.Now().Add(startIn); ; {
		agreed := true
		for _, s := range servers {
			info := s.Must("CLUSTER INFO")
			agreed = agreed && strings.Contains(info, "cluster_state:ok") &&
				strings.Contains(info, fmt.Sprintf("cluster_known_nodes:%d", n)) &&
				strings.Contains(info, fmt.Sprintf("cluster_slots_assigned:%d", slots))
		}
		if agreed {
			return servers
		}
		if time.Now().After(deadline) {
			t.Fatalf("the cluster did not form in %v: %s", startIn, first.Must("CLUSTER NODES"))
		}
		<-time.After(20 * time.Millisecond)
	}
}
