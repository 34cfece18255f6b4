package view

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// errState is a file that is not what was written.
var errState = errors.New("view: checkpoint")

// replaceFile writes a file with the sum of its contents at the end, all or nothing.
func replaceFile(name string, write func(io.Writer) error) (string, error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return "", fmt.Errorf("view: checkpoint: %w", err)
	}
	f, err := os.Create(name + ".new")
	if err != nil {
		return "", fmt.Errorf("view: checkpoint: %w", err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	sum := sha256.New()
	err = write(io.MultiWriter(f, sum))
	text := hex.EncodeToString(sum.Sum(nil))
	if err == nil {
		_, err = f.WriteString(text)
	}
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return "", fmt.Errorf("view: checkpoint: %w", err)
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return "", fmt.Errorf("view: checkpoint: %w", err)
	}
	return text, syncDir(filepath.Dir(name))
}

// openWhole opens a file of replaceFile if its sum is right, and returns that.
func openWhole(name string) (f *os.File, sum string, err error) {
	if f, err = os.Open(name); err != nil {
		return nil, "", err
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return nil, "", err
	}
	h := sha256.New()
	if _, err = io.CopyN(h, f, max(0, info.Size()-2*sha256.Size)); err != nil {
		return nil, "", err
	}
	end, err := io.ReadAll(f)
	if err != nil {
		return nil, "", err
	}
	if sum = hex.EncodeToString(h.Sum(nil)); string(end) != sum {
		return nil, "", fmt.Errorf("%w: the file is damaged", errState)
	}
	_, err = f.Seek(0, io.SeekStart)
	return f, sum, err
}

// syncDir makes a rename durable.
func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("view: checkpoint: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("view: checkpoint: %w", err)
	}
	return nil
}
