package pgserver

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Config describes a private server.
type Config struct {
	// Binaries are the programs to run. Required: take them from [Find].
	Binaries Binaries
	// DataDir is the folder of the database cluster. It is made if it does not
	// exist and initialised if it is empty. Defaults to a temporary folder, which
	// [Server.Stop] removes.
	DataDir string
	// SocketDir is the folder of the Unix socket. It is made if it does not exist.
	// Defaults to the subfolder "socket" of the data folder, or, if its path would be
	// too long for a socket, to one in /tmp that [Server.Stop] removes.
	SocketDir string
	// Port is the TCP port on 127.0.0.1, 0 to 65535. Defaults to 0: a free one.
	Port int
	// Superuser names the role that initdb makes. Defaults to "postgres".
	Superuser string
	// Password is the superuser's. Defaults to the one kept in the data folder, or
	// to a random one for a new folder.
	Password string
	// Settings are written to the configuration file, over wal_level=logical. They
	// may not name what the other fields determine.
	Settings map[string]string
	// User is the system user who runs the server when this process is root. An
	// existing cluster is always run by its owner. Defaults to postgres, nobody, or
	// the first user in /etc/passwd, in this order.
	User string
	// LogFile receives what the server logs, appended. Defaults to server.log in
	// the data folder.
	LogFile string
	// StartTimeout bounds initialisation, start and recovery together. Defaults to
	// two minutes.
	StartTimeout time.Duration
	// StopTimeout bounds each of the two ways to stop, fast and immediate.
	// Defaults to 30 seconds.
	StopTimeout time.Duration
}

// withDefaults returns the configuration with empty fields filled, except for the
// folders and the password, which depend on what is on disk.
func (c Config) withDefaults() Config {
	if c.Superuser == "" {
		c.Superuser = "postgres"
	}
	if c.StartTimeout == 0 {
		c.StartTimeout = 2 * time.Minute
	}
	if c.StopTimeout == 0 {
		c.StopTimeout = 30 * time.Second
	}
	settings := map[string]string{"wal_level": "logical"}
	maps.Copy(settings, c.Settings)
	c.Settings = settings
	return c
}

// reserved names the settings that other fields of [Config] determine.
var reserved = map[string]string{
	"port": "Port", "listen_addresses": "127.0.0.1", "unix_socket_directories": "SocketDir",
	"data_directory": "DataDir", "config_file": "DataDir", "hba_file": "DataDir",
	"external_pid_file": "DataDir", "logging_collector": "LogFile",
}

// settingName is PostgreSQL's form of a setting's name, in lower case.
var settingName = regexp.MustCompile(`^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?$`)

// validate returns [ErrConfig] with the first field that is out of bounds.
func (c Config) validate() error {
	switch {
	case c.Binaries.Dir == "":
		return fmt.Errorf("pgserver: %w: Binaries is empty", ErrConfig)
	case c.Port < 0 || c.Port > 65535:
		return fmt.Errorf("pgserver: %w: Port %d, want 0 to 65535", ErrConfig, c.Port)
	case strings.ContainsAny(c.Password, "\r\n\x00"):
		return fmt.Errorf("pgserver: %w: Password holds a line break or a zero byte", ErrConfig)
	case c.StartTimeout < 0 || c.StopTimeout < 0:
		return fmt.Errorf("pgserver: %w: StartTimeout %v, StopTimeout %v, want at least 0", ErrConfig, c.StartTimeout, c.StopTimeout)
	}
	if c.SocketDir != "" {
		if err := checkSocketDir(c.SocketDir); err != nil {
			return err
		}
	}
	for name, value := range c.Settings {
		if !settingName.MatchString(name) {
			return fmt.Errorf("pgserver: %w: Settings: %q is no name of a setting", ErrConfig, name)
		}
		if by, ok := reserved[name]; ok {
			return fmt.Errorf("pgserver: %w: Settings: %s is determined by %s", ErrConfig, name, by)
		}
		if strings.ContainsAny(value, "\r\n\x00") {
			return fmt.Errorf("pgserver: %w: Settings: value of %s holds a line break or a zero byte", ErrConfig, name)
		}
	}
	return nil
}

// settingsFile returns the text of the configuration file for the settings, sorted
// by name. In such a file a backslash and a quote are written twice.
func settingsFile(settings map[string]string) string {
	var b strings.Builder
	b.WriteString("# Written at every start. Use ALTER SYSTEM for lasting changes.\n")
	escape := strings.NewReplacer(`\`, `\\`, `'`, `''`)
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&b, "%s = '%s'\n", name, escape.Replace(settings[name]))
	}
	return b.String()
}
