package redisbroker

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/redis/go-redis/v9"
)

// topic is the name of a partition's topic; its braces are the hash tag.
func (b *Broker) topic(i int) string { return "{" + b.cfg.Prefix + ":" + strconv.Itoa(i) + "}" }

// discover finds out which servers have which topics.
func (l *link) discover(ctx context.Context) error {
	seeds := append([]string{l.broker.options.Addr}, l.broker.cfg.Seeds...)
	addr := seeds[l.seed%len(seeds)]

	// ctx ends with the link, but looking must end sooner.
	looking, cancel := context.WithTimeoutCause(ctx, l.broker.cfg.ProbeTimeout, errors.New("no answer in time"))
	defer cancel()
	first := l.client(looking, addr)
	defer func() { _ = first.Close() }()

	cluster := l.broker.cfg.Topology == Cluster
	if l.broker.cfg.Topology == Detect {
		info, err := first.Info(looking, "cluster").Result()
		if err != nil {
			return err
		}
		cluster = strings.Contains(info, "cluster_enabled:1")
	}
	if !cluster {
		if replica(looking, first) {
			return errReplica
		}
		all := make([]string, partitions)
		for i := range all {
			all[i] = l.broker.topic(i)
		}
		s := newServer(l.client(ctx, addr), false, all)
		l.servers = []*server{s}
		for i := range l.byTopic {
			l.byTopic[i] = s
		}
		return nil
	}
	shards, err := first.ClusterShards(looking).Result()
	if err != nil {
		return err
	}
	return l.shard(ctx, addr, shards)
}

// shard deals the topics out to the masters of a cluster.
func (l *link) shard(ctx context.Context, asked string, shards []redis.ClusterShard) error {
	masters := map[string][]int{} // topics by address
	for i := range partitions {
		addr, err := l.master(shards, slot(strings.Trim(l.broker.topic(i), "{}")), asked)
		if err != nil {
			return err
		}
		masters[addr] = append(masters[addr], i)
	}
	for addr, topics := range masters {
		names := make([]string, len(topics))
		for i, topic := range topics {
			names[i] = l.broker.topic(topic)
		}
		s := newServer(l.client(ctx, addr), true, names)
		l.servers = append(l.servers, s)
		for _, topic := range topics {
			l.byTopic[topic] = s
		}
	}
	return nil
}

// master is the address of the server that a slot is written to. One that does
// not know its own name is where we asked.
func (l *link) master(shards []redis.ClusterShard, slot int, asked string) (string, error) {
	for _, shard := range shards {
		if !slices.ContainsFunc(shard.Slots, func(r redis.SlotRange) bool { return int(r.Start) <= slot && slot <= int(r.End) }) {
			continue
		}
		for _, n := range shard.Nodes {
			if n.Role != "master" || n.Health != "online" {
				continue
			}
			host, port := cmp.Or(n.Endpoint, n.IP), n.Port
			if l.broker.options.TLSConfig != nil && n.TLSPort != 0 {
				port = n.TLSPort
			}
			if host == "" || host == "?" {
				var err error
				if host, _, err = net.SplitHostPort(asked); err != nil {
					return "", err
				}
			}
			return net.JoinHostPort(host, strconv.FormatInt(port, 10)), nil
		}
	}
	return "", fmt.Errorf("slot %d of the cluster has no server", slot)
}

// client makes a client whose connections are closed when ctx is over: the
// library's own calls wait for a timeout instead.
func (l *link) client(ctx context.Context, addr string) *redis.Client {
	o := *l.broker.options
	o.Addr = addr
	o.Protocol = 2 // pub/sub of version 3 mixes with answers, and gives us nothing
	o.DisableIdentity = true
	o.MaxRetries = -1
	o.DialerRetries = 1
	o.PoolSize, o.PipelinePoolSize = 2, 2 // one batch and one probe at a time
	timeout := l.broker.cfg.ProbeTimeout
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = timeout, timeout, timeout, timeout
	config := o.TLSConfig
	o.Dialer = func(_ context.Context, network, addr string) (net.Conn, error) {
		d := net.Dialer{Timeout: timeout}
		var c net.Conn
		var err error
		if config == nil {
			c, err = d.DialContext(ctx, network, addr)
		} else {
			c, err = (&tls.Dialer{NetDialer: &d, Config: config}).DialContext(ctx, network, addr)
		}
		if err != nil {
			return nil, err
		}
		bound := boundConn{Conn: c, release: context.AfterFunc(ctx, func() { _ = c.Close() })}
		if raw, ok := c.(syscall.Conn); ok {
			return checkedConn{boundConn: bound, Conn: raw}, nil
		}
		return bound, nil
	}
	return redis.NewClient(&o)
}

// A boundConn is closed with its link.
type boundConn struct {
	net.Conn

	release func() bool
}

// Close implements net.Conn.
func (c boundConn) Close() error {
	c.release()
	return c.Conn.Close()
}

// A checkedConn shows the library the socket, which it asks before each use
// whether the server has closed it.
type checkedConn struct {
	boundConn
	syscall.Conn
}
