//go:build unix

package embedded_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/openinsure/openinsure/store/embedded"
)

// realBinaries is the folder of a Postgres of this machine, and its major
// version.
func realBinaries(t *testing.T) (dir, major string) {
	t.Helper()
	for _, d := range embedded.BinDirs() {
		postgres, err := filepath.EvalSymlinks(filepath.Join(d, "postgres"))
		if err != nil {
			continue
		}
		out, err := exec.Command(postgres, "--version").Output()
		if err != nil {
			continue
		}
		_, version, _ := strings.Cut(string(out), "(PostgreSQL) ")
		major, _, _ := strings.Cut(version, ".")
		return filepath.Dir(postgres), major
	}
	t.Fatal("these tests need PostgreSQL on this machine")
	return "", ""
}

// fakeBinaries says it is a version, and does nothing else.
func fakeBinaries(t *testing.T, version string) string {
	t.Helper()
	dir := folder(t)
	script(t, filepath.Join(dir, "postgres"), "echo 'postgres (PostgreSQL) "+version+"'")
	script(t, filepath.Join(dir, "initdb"), "echo fake initdb of "+version+"; exit 3")
	return dir
}

func script(t *testing.T, file, line string) {
	t.Helper()
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"+line+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

func dirs(d ...string) func() []string { return func() []string { return d } }

func TestNewestBinariesAreTaken(t *testing.T) {
	home, _ := realBinaries(t)
	half := folder(t) // newest of all, but without an initdb
	script(t, filepath.Join(half, "postgres"), "echo 'postgres (PostgreSQL) 100.0'")
	cfg := config(filepath.Join(folder(t), "postgres"))
	cfg.BinDirs = dirs(fakeBinaries(t, "98.12"), fakeBinaries(t, "99beta1"), home, half)
	s, err := embedded.Start(t.Context(), cfg)
	if err == nil {
		stop(t, s)
	}
	if err == nil || !strings.Contains(err.Error(), "fake initdb of 99beta1") {
		t.Errorf("start: %v, want the initdb of 99beta1", err)
	}
}

func TestNewerPostgresDoesNotLockDataOut(t *testing.T) {
	home, major := realBinaries(t)
	cfg := config(filepath.Join(folder(t), "postgres"))
	cfg.BinDirs = dirs(home)
	first := start(t, cfg)
	remember(t, first.URL())
	stop(t, first)

	cfg.BinDirs = dirs(fakeBinaries(t, "99.1"), home)
	second := start(t, cfg)
	checkRemembered(t, second.URL())
	stop(t, second)

	cfg.BinDirs = dirs(fakeBinaries(t, "99.1"))
	third, err := embedded.Start(t.Context(), cfg)
	if err == nil {
		stop(t, third)
	}
	if err == nil || !strings.Contains(err.Error(), "needs PostgreSQL "+major+", which is not on this machine") {
		t.Errorf("start without the data's version: %v, want the version it needs", err)
	}
}

func TestNoPostgresAtHand(t *testing.T) {
	tests := []struct {
		name string
		dirs func() []string
	}{
		{"none", dirs()},
		{"too old", dirs(fakeBinaries(t, "13.9"))},
		{"not Postgres", dirs(fakeBinaries(t, "pear"))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := config(filepath.Join(folder(t), "postgres"))
			cfg.BinDirs = tt.dirs
			s, err := embedded.Start(t.Context(), cfg)
			if err == nil {
				stop(t, s)
			}
			want := "install PostgreSQL 14 or newer (Debian: apt-get install postgresql), or set DATABASE_URL"
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("start: %v, want %q", err, want)
			}
		})
	}
}

// repository serves one jar, whatever version is asked for, and counts.
type repository struct {
	jar, sum []byte
	served   atomic.Int32
}

func (r *repository) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	switch {
	case !strings.HasPrefix(req.URL.Path, "/maven/io/zonky/test/postgres/embedded-postgres-binaries-"):
		http.NotFound(w, req)
	case strings.HasSuffix(req.URL.Path, ".jar"):
		r.served.Add(1)
		_, _ = w.Write(r.jar)
	case strings.HasSuffix(req.URL.Path, ".jar.sha256") && r.sum != nil:
		_, _ = w.Write(r.sum)
	default:
		http.NotFound(w, req)
	}
}

func TestDownload(t *testing.T) {
	home, _ := realBinaries(t)
	sh := func(program string) []byte {
		return []byte("#!/bin/sh\nexec " + filepath.Join(home, program) + ` "$@"` + "\n")
	}
	good := jar(t, []tar.Header{
		{Typeflag: tar.TypeDir, Name: "./bin/", Mode: 0o700},
		{Typeflag: tar.TypeReg, Name: "bin/postgres", Mode: 0o700},
		{Typeflag: tar.TypeReg, Name: "./bin/initdb", Mode: 0o755},
		{Typeflag: tar.TypeReg, Name: "lib/libpq.so.5", Mode: 0o644},
		{Typeflag: tar.TypeSymlink, Name: "lib/libpq.so", Linkname: "libpq.so.5"},
	}, map[string][]byte{"bin/postgres": sh("postgres"), "./bin/initdb": sh("initdb"), "lib/libpq.so.5": make([]byte, 200_000)})
	escaping := jar(t, []tar.Header{{Typeflag: tar.TypeReg, Name: "../../evil", Mode: 0o644}}, nil)
	sideways := jar(t, []tar.Header{
		{Typeflag: tar.TypeSymlink, Name: "out", Linkname: "../.."},
		{Typeflag: tar.TypeReg, Name: "out/evil", Mode: 0o644},
	}, nil)

	t.Run("used, and not fetched again", func(t *testing.T) {
		repo := &repository{jar: good, sum: sum(good)}
		server := httptest.NewServer(repo)
		defer server.Close()
		cfg := config(filepath.Join(folder(t), "postgres"))
		cfg.BinDirs, cfg.RepositoryURL = dirs(), server.URL+"/maven/"
		first := start(t, cfg)
		remember(t, first.URL())
		stop(t, first)
		second := start(t, cfg)
		checkRemembered(t, second.URL())
		if got := repo.served.Load(); got != 1 {
			t.Errorf("downloaded %d times, want once", got)
		}
		link, _ := filepath.Glob(filepath.Join(cfg.Dir, "bin", "*", "lib", "libpq.so"))
		if len(link) != 1 {
			t.Fatalf("unpacked links: %v, want one", link)
		}
		if b, err := os.ReadFile(link[0]); err != nil || len(b) != 200_000 {
			t.Errorf("the link gives %d bytes, %v; want those of its target", len(b), err)
		}
	})

	broken := []struct {
		name     string
		jar, sum []byte
		want     string
	}{
		{"wrong checksum", good, sum([]byte("another")), "does not match its checksum"},
		{"empty checksum", good, []byte{}, "does not match its checksum"},
		{"no checksum is no reason", escaping, nil, "leads out of the archive"},
		{"not a jar", []byte("<html>"), sum([]byte("<html>")), "not a valid zip file"},
		{"out of its folder", escaping, sum(escaping), "leads out of the archive"},
		{"out by a link", sideways, sum(sideways), "path escapes"},
	}
	for _, tt := range broken {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(&repository{jar: tt.jar, sum: tt.sum})
			defer server.Close()
			cfg := config(filepath.Join(folder(t), "postgres"))
			cfg.BinDirs, cfg.RepositoryURL = dirs(), server.URL+"/maven"
			s, err := embedded.Start(t.Context(), cfg)
			if err == nil {
				stop(t, s)
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("start: %v, want %q", err, tt.want)
			}
			if left, _ := filepath.Glob(filepath.Join(cfg.Dir, "bin", "*")); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
			if _, err := os.Stat(filepath.Join(cfg.Dir, "evil")); err == nil {
				t.Error("the archive wrote outside of its folder")
			}
		})
	}
}

func sum(b []byte) []byte { return fmt.Appendf(nil, "%x", sha256.Sum256(b)) }

// jar is a zip with one .txz in it, as zonky publishes them.
func jar(t *testing.T, headers []tar.Header, contents map[string][]byte) []byte {
	t.Helper()
	var tarball bytes.Buffer
	tw := tar.NewWriter(&tarball)
	for _, h := range headers {
		h.Size = int64(len(contents[h.Name]))
		if err := tw.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := tw.Write(contents[h.Name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	zw := zip.NewWriter(&b)
	for name, content := range map[string][]byte{"META-INF/MANIFEST.MF": nil, "postgres-linux.txz": storedXZ(tarball.Bytes())} {
		w, err := zw.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// storedXZ wraps b in the .xz format without compressing it: the library we
// unpack with cannot pack.
func storedXZ(b []byte) []byte {
	crc := func(b []byte) []byte { return binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(b)) }
	pad := func(b []byte) []byte { return append(b, make([]byte, (4-len(b)%4)%4)...) }
	flags := []byte{0, 1} // the check is a CRC32

	out := append([]byte{0xfd, '7', 'z', 'X', 'Z', 0}, flags...)
	out = append(out, crc(flags)...)

	// Block header: 12 bytes with its CRC, one filter, LZMA2 (0x21), one
	// byte of properties: a dictionary of 1 MiB.
	header := []byte{2, 0, 0x21, 1, 16, 0, 0, 0}
	block := append(header, crc(header)...)
	for first, rest := true, b; len(rest) > 0; first = false {
		chunk := rest[:min(len(rest), 1<<16)]
		rest = rest[len(chunk):]
		control := byte(2)
		if first {
			control = 1 // resets the dictionary
		}
		block = append(block, control)
		block = binary.BigEndian.AppendUint16(block, uint16(len(chunk)-1))
		block = append(block, chunk...)
	}
	block = append(block, 0) // end of LZMA2
	unpadded := len(block) + 4
	block = append(pad(block), crc(b)...)
	out = append(out, block...)

	index := []byte{0, 1}
	index = binary.AppendUvarint(index, uint64(unpadded))
	index = binary.AppendUvarint(index, uint64(len(b)))
	index = pad(index)
	index = append(index, crc(index)...)
	out = append(out, index...)

	footer := binary.LittleEndian.AppendUint32(nil, uint32(len(index)/4-1))
	footer = append(footer, flags...)
	out = append(out, crc(footer)...)
	out = append(out, footer...)
	return append(out, 'Y', 'Z')
}
