//go:build unix

package embedded

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/xi2/xz"
)

const (
	mavenCentral    = "https://repo1.maven.org/maven2"
	downloadWithin  = 5 * time.Minute
	downloadAtMost  = 256 << 20 // bytes; a jar has about 15 MB
	downloadedMajor = 18
)

// releases are the versions of zonky's embedded-postgres-binaries we take.
var releases = map[int]string{14: "14.18.0", 15: "15.13.0", 16: "16.9.0", 17: "17.5.0", 18: "18.3.0"}

// download fetches binaries into bin/ and returns their folder. They are
// those that fergusstrange/embedded-postgres uses; that package can only
// fetch them on the way to starting them, which root may not.
func (c *cluster) download(ctx context.Context, major int) (string, error) {
	release, ok := releases[cmp.Or(major, downloadedMajor)]
	if !ok {
		return "", fmt.Errorf("there is no download of version %d", major)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, downloadWithin, fmt.Errorf("the download took more than %s", downloadWithin))
	defer cancel()
	base := strings.TrimSuffix(cmp.Or(c.cfg.RepositoryURL, mavenCentral), "/")
	artifact := "embedded-postgres-binaries-" + platform()
	address := fmt.Sprintf("%s/io/zonky/test/postgres/%s/%s/%s-%s.jar", base, artifact, release, artifact, release)
	c.cfg.Logger.InfoContext(ctx, "downloading postgres", "url", address)

	jar, err := fetch(ctx, address)
	if err != nil {
		return "", err
	}
	// The sum comes from the same place, so it finds damage, not malice; a
	// mirror may do without.
	sum, err := fetch(ctx, address+".sha256")
	if err != nil && !errors.Is(err, errNotThere) {
		return "", err
	}
	want, _, _ := strings.Cut(strings.TrimSpace(string(sum)), " ")
	if got := sha256.Sum256(jar); err == nil && hex.EncodeToString(got[:]) != want {
		return "", fmt.Errorf("%s does not match its checksum", address)
	}
	home := filepath.Join(c.dir, "bin", release)
	if err := install(jar, home); err != nil {
		return "", fmt.Errorf("unpack %s: %w", address, err)
	}
	return filepath.Join(home, "bin"), nil
}

// platform is the name zonky gives to this machine.
func platform() string {
	arch := runtime.GOARCH
	switch arch {
	case "arm64":
		arch = "arm64v8"
	case "arm":
		arch = "arm32v7"
	case "386":
		arch = "i386"
	}
	if _, err := os.Stat("/etc/alpine-release"); err == nil {
		arch += "-alpine"
	}
	return runtime.GOOS + "-" + arch
}

var errNotThere = errors.New("not there")

func fetch(ctx context.Context, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		Proxy:       http.ProxyFromEnvironment,
		DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
	}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotFound {
		return nil, fmt.Errorf("get %s: %w", address, errNotThere)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("get %s: %s", address, resp.Status)
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, downloadAtMost+1))
	if err == nil && len(b) > downloadAtMost {
		err = fmt.Errorf("get %s: more than %d bytes", address, downloadAtMost)
	}
	return b, err
}

// install unpacks the .txz inside the jar aside and renames it to home when
// it is whole.
func install(jar []byte, home string) error {
	z, err := zip.NewReader(bytes.NewReader(jar), int64(len(jar)))
	if err != nil {
		return err
	}
	for _, f := range z.File {
		if !strings.HasSuffix(f.Name, ".txz") {
			continue
		}
		txz, err := f.Open()
		if err != nil {
			return err
		}
		defer txz.Close()
		parent := filepath.Dir(home)
		// Postgres reads these as another user when we are root, whatever
		// our umask.
		if err := makeOpen(parent); err != nil {
			return err
		}
		aside, err := os.MkdirTemp(parent, "temp-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(aside) // gone already when all went well
		if err := unpack(txz, aside); err != nil {
			return err
		}
		if err := os.Chmod(aside, 0o755); err != nil { //nolint:gosec // runs as another user, who must pass
			return err
		}
		if err := os.RemoveAll(home); err != nil {
			return err
		}
		return os.Rename(aside, home)
	}
	return errors.New("no .txz in it")
}

func makeOpen(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // runs as another user, who must pass
		return err
	}
	return os.Chmod(dir, 0o755) //nolint:gosec // runs as another user, who must pass
}

// unpack writes a tar.xz below dir; an entry that leads out of it is an error.
func unpack(txz io.Reader, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	plain, err := xz.NewReader(txz, 0)
	if err != nil {
		return err
	}
	entries := tar.NewReader(plain)
	for {
		h, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := unpackEntry(root, h, entries); err != nil {
			return err
		}
	}
}

func unpackEntry(root *os.Root, h *tar.Header, content io.Reader) error {
	file := path.Clean(h.Name)
	if !filepath.IsLocal(file) {
		return fmt.Errorf("entry %q leads out of the archive", h.Name)
	}
	if err := makeFolders(root, path.Dir(file)); err != nil {
		return err
	}
	switch h.Typeflag {
	case tar.TypeDir:
		return makeFolders(root, file)
	case tar.TypeSymlink:
		return root.Symlink(h.Linkname, file)
	case tar.TypeLink:
		return root.Link(path.Clean(h.Linkname), file)
	case tar.TypeReg:
		f, err := root.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
		if err != nil {
			return err
		}
		mode := os.FileMode(0o644)
		if h.Mode&0o100 != 0 {
			mode = 0o755
		}
		_, err = io.Copy(f, content)
		return errors.Join(err, f.Chmod(mode), f.Close())
	}
	return nil // pax headers and the like
}

func makeFolders(root *os.Root, dir string) error {
	if dir == "." {
		return nil
	}
	if err := makeFolders(root, path.Dir(dir)); err != nil {
		return err
	}
	if err := root.Mkdir(dir, 0o755); err != nil {
		if errors.Is(err, os.ErrExist) {
			return nil
		}
		return err
	}
	return root.Chmod(dir, 0o755)
}
