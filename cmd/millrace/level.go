package main

import (
	"fmt"
	"log/slog"
	"os"
)

// level is the least level of what is logged; the zero value is info.
type level struct{ slog.Level }

// Set implements pflag.Value.
func (l *level) Set(text string) error {
	if err := l.UnmarshalText([]byte(text)); err != nil {
		return fmt.Errorf("level %q: want debug, info, warn or error", text)
	}
	return nil
}

// Type implements pflag.Value: the word for a value in help texts.
func (l *level) Type() string { return "level" }

// use makes everything log to standard error from this level on.
func (l *level) use() {
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: l.Level})))
}
