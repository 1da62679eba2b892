package pushtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"time"
)

// An authority is a CA for one receiver, with a good certificate and a bad one.
type authority struct {
	pool      *x509.CertPool
	good, bad tls.Certificate
}

func newAuthority(now time.Time, names []string) (*authority, error) {
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "pushtest CA"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(48 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	signed, err := certificate(ca, nil)
	if err != nil {
		return nil, err
	}
	a := &authority{pool: x509.NewCertPool()}
	a.pool.AddCert(signed.Leaf)
	leaf := func(names []string, ips []net.IP) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "pushtest"},
			NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
			KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
			DNSNames: names, IPAddresses: ips,
		}
	}
	a.good, err = certificate(leaf(append([]string{"localhost"}, names...), []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}), &signed)
	if err != nil {
		return nil, err
	}
	a.bad, err = certificate(leaf([]string{"somebody.else"}, nil), nil)
	return a, err
}

// certificate signs one; with its own key where there is no parent.
func certificate(c *x509.Certificate, parent *tls.Certificate) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	signer, by := key, c
	if parent != nil {
		signer, by = parent.PrivateKey.(*ecdsa.PrivateKey), parent.Leaf
	}
	der, err := x509.CreateCertificate(rand.Reader, c, by, key.Public(), signer)
	if err != nil {
		return tls.Certificate{}, err
	}
	leaf, err := x509.ParseCertificate(der)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, err
}

func (r *Receiver) certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mode.badTLS {
		return &r.ca.bad, nil
	}
	return &r.ca.good, nil
}
