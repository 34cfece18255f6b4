package pgserver

import (
	"archive/zip"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
)

// mavenVariable names the environment variable with the address of a Maven
// repository. Without it none is asked.
const mavenVariable = "MILLRACE_MAVEN_URL"

// mavenSource fetches the artifacts embedded-postgres-binaries-<system>-<processor>
// of io.zonky.test.postgres over HTTP. The jar holds one .txz archive, which the
// program tar unpacks: the standard library does not read xz.
type mavenSource struct{}

// artifactURL returns the address of the artifact for this machine and its name.
func artifactURL() (url, name string, err error) {
	arch, ok := map[string]string{"amd64": "amd64", "arm64": "arm64v8"}[runtime.GOARCH]
	if !ok || (runtime.GOOS != "linux" && runtime.GOOS != "darwin") {
		return "", "", fmt.Errorf("pgserver: maven: no artifact for %s/%s", runtime.GOOS, runtime.GOARCH)
	}
	base := os.Getenv(mavenVariable)
	if base == "" {
		return "", "", fmt.Errorf("pgserver: maven: set %s to the address of a repository to try it", mavenVariable)
	}
	name = "embedded-postgres-binaries-" + runtime.GOOS + "-" + arch
	return base + "/io/zonky/test/postgres/" + name, name, nil
}

// latest implements [source].
func (mavenSource) latest(ctx context.Context, major int) (string, error) {
	url, _, err := artifactURL()
	if err != nil {
		return "", err
	}
	body, err := get(ctx, url+"/maven-metadata.xml")
	if err != nil {
		return "", err
	}
	defer body.Close()
	var list struct {
		Versions []string `xml:"versioning>versions>version"`
	}
	if err := xml.NewDecoder(body).Decode(&list); err != nil {
		return "", fmt.Errorf("pgserver: maven: %s: %w", url, err)
	}
	version, ok := latestVersion(list.Versions, major)
	if !ok {
		return "", fmt.Errorf("pgserver: maven: none of %d versions at %s is %s", len(list.Versions), url, majorName(major))
	}
	return version, nil
}

// unpack implements [source].
func (mavenSource) unpack(ctx context.Context, version, dir string) error {
	url, name, err := artifactURL()
	if err != nil {
		return err
	}
	tmp, err := os.MkdirTemp("", "millrace-maven-")
	if err != nil {
		return fmt.Errorf("pgserver: maven: %w", err)
	}
	defer os.RemoveAll(tmp)
	jar := filepath.Join(tmp, "binaries.jar")
	if err := download(ctx, fmt.Sprintf("%s/%s/%s-%s.jar", url, version, name, version), jar); err != nil {
		return err
	}
	archive := filepath.Join(tmp, "binaries.txz")
	if err := unzipArchive(jar, archive); err != nil {
		return err
	}
	if _, err := run(exec.CommandContext(ctx, "tar", "-xJf", archive, "-C", dir, "--no-same-owner")); err != nil {
		return err
	}
	return publish(dir)
}

// unzipArchive copies the one .txz file out of a jar.
func unzipArchive(jar, archive string) error {
	zr, err := zip.OpenReader(jar)
	if err != nil {
		return fmt.Errorf("pgserver: maven: %w", err)
	}
	defer zr.Close()
	for _, f := range zr.File {
		if path.Ext(f.Name) != ".txz" {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return fmt.Errorf("pgserver: maven: %w", err)
		}
		return errors.Join(writeFile(archive, r, 0o644), r.Close())
	}
	return fmt.Errorf("pgserver: maven: the jar holds no .txz file among %d", len(zr.File))
}

// publish makes everything below a folder readable by everybody.
func publish(dir string) error {
	return filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.Type()&os.ModeSymlink != 0 {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		perm := os.FileMode(0o644)
		if info.Mode()&0o100 != 0 {
			perm = 0o755
		}
		return os.Chmod(path, perm)
	})
}

// get starts a download. The caller closes the body.
func get(ctx context.Context, url string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("pgserver: maven: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("pgserver: maven: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, fmt.Errorf("pgserver: maven: %s: status %s", url, resp.Status)
	}
	return resp.Body, nil
}

// download saves the file at an address.
func download(ctx context.Context, url, path string) error {
	body, err := get(ctx, url)
	if err != nil {
		return err
	}
	return errors.Join(writeFile(path, body, 0o644), body.Close())
}
