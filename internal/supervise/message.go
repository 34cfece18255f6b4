package supervise

import (
	"bufio"
	"io"
	"strconv"
	"strings"
)

// What a child says to its supervisor: one word per line, and behind the last two
// the reason as a quoted string.
const (
	wordBeat      = "beat"
	wordReady     = "ready"
	wordFail      = "fail"  // it ends; another start may help
	wordPermanent = "fatal" // it ends; another start cannot help
)

// maxReason bounds the bytes of a reason, so that a line fits the reader's buffer.
const maxReason = 8 << 10

type message struct {
	word   string
	reason string
}

func (m message) line() []byte {
	line := m.word
	if m.reason != "" {
		line += " " + strconv.Quote(m.reason[:min(len(m.reason), maxReason)])
	}
	return []byte(line + "\n")
}

// parseLine reads what line writes. What is not such a line gives an empty word,
// which still proves that the child is alive.
func parseLine(text string) message {
	word, quoted, _ := strings.Cut(text, " ")
	switch word {
	case wordBeat, wordReady, wordFail, wordPermanent:
	default:
		return message{}
	}
	reason, err := strconv.Unquote(quoted)
	if err != nil {
		reason = quoted
	}
	return message{word: word, reason: reason}
}

// listen sends every message of a child, and closes the channel at the end of the pipe.
func listen(pipe io.ReadCloser, to chan<- message) {
	defer pipe.Close()
	defer close(to)
	lines := bufio.NewScanner(pipe)
	for lines.Scan() {
		to <- parseLine(lines.Text())
	}
}
