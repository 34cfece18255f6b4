package row

import "bytes"

// appendJSON appends a jsonb in the form that all equal to it share. What
// jsonb_send writes is canonical already, keys sorted and single, blanks fixed, but
// for the scale of numbers, which equality ignores: so numbers lose the zeros at
// their end. They are plain decimals there, without exponents.
func appendJSON(dst []byte, v Value) []byte {
	text := v[1:] // behind the version
	for len(text) > 0 {
		n := 1
		switch c := text[0]; {
		case c == '"':
			n = stringLength(text)
		case c == '-' || c >= '0' && c <= '9':
			n = numberLength(text)
			dst = append(dst, trimZeros(text[:n])...)
			text = text[n:]
			continue
		}
		dst = append(dst, text[:n]...)
		text = text[n:]
	}
	return dst
}

// stringLength is the length of the string literal at the start of text.
func stringLength(text []byte) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}

func numberLength(text []byte) int {
	for i, c := range text {
		if c != '-' && c != '.' && (c < '0' || c > '9') {
			return i
		}
	}
	return len(text)
}

func trimZeros(number []byte) []byte {
	if bytes.IndexByte(number, '.') < 0 {
		return number
	}
	return bytes.TrimSuffix(bytes.TrimRight(number, "0"), []byte("."))
}
