package expr

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"math"
	"unicode/utf8"

	"github.com/millrace/millrace/sql/row"
)

// Text is UTF-8: what the server sends to a client with that encoding.

var (
	errNegativeLength = &RowError{"negative substring length not allowed"}
	errFieldPosition  = &RowError{"field position must not be zero"}
)

func concatenate(b *buffer, args []row.Value) (row.Value, error) {
	return b.keep(append(append(b.start(), args[0]...), args[1]...)), nil
}

func characters(b *buffer, args []row.Value) (row.Value, error) {
	return b.int4(int32(utf8.RuneCount(args[0]))), nil
}

func bpcharCharacters(b *buffer, args []row.Value) (row.Value, error) {
	return b.int4(int32(utf8.RuneCount(trimBlanks(args[0])))), nil
}

func octets(b *buffer, args []row.Value) (row.Value, error) { return b.int4(int32(len(args[0]))), nil }

// skip returns the byte offset of character n, counted from 0; the length if there
// are fewer.
func skip(v row.Value, n int64) int {
	if n >= int64(len(v)) {
		return len(v)
	}
	at := 0
	for ; n > 0 && at < len(v); n-- {
		_, size := utf8.DecodeRune(v[at:])
		at += size
	}
	return at
}

// empty is the empty text. It is not NULL.
var empty = row.Value{}

// substring cuts characters from start on, counted from 1; with a length, which
// begins to count at start even if that is before the text.
func substring(_ *buffer, args []row.Value) (row.Value, error) {
	start, end := integer(args[1]), int64(math.MaxInt64)
	if len(args) == 3 {
		length := integer(args[2])
		if length < 0 {
			return nil, errNegativeLength
		}
		end = start + length
		if end > math.MaxInt32 {
			end = math.MaxInt64
		}
	}
	start = max(start, 1)
	if end <= start {
		return empty, nil
	}
	v := args[0][skip(args[0], start-1):]
	if end != math.MaxInt64 {
		v = v[:skip(v, end-start)]
	}
	return v, nil
}

// left is the first n characters; all but the last -n if n is negative.
func left(_ *buffer, args []row.Value) (row.Value, error) {
	v, n := args[0], integer(args[1])
	if n < 0 {
		n += int64(utf8.RuneCount(v))
	}
	return v[:skip(v, n)], nil
}

// right is the last n characters; all but the first -n if n is negative. The
// smallest integer has no negative, and PostgreSQL then drops nothing.
func right(_ *buffer, args []row.Value) (row.Value, error) {
	v, n := args[0], integer(args[1])
	switch {
	case n == math.MinInt32:
		n = 0
	case n < 0:
		n = -n
	default:
		n = int64(utf8.RuneCount(v)) - n
	}
	return v[skip(v, n):], nil
}

// position counts characters from 1; 0 says that there is none.
func position(b *buffer, args []row.Value) (row.Value, error) {
	i := bytes.Index(args[0], args[1])
	if i < 0 {
		return b.int4(0), nil
	}
	return b.int4(int32(utf8.RuneCount(args[0][:i])) + 1), nil
}

func replace(b *buffer, args []row.Value) (row.Value, error) {
	v, from, to := args[0], args[1], args[2]
	if len(v) == 0 || len(from) == 0 || !bytes.Contains(v, from) {
		return v, nil
	}
	dst := b.start()
	for {
		i := bytes.Index(v, from)
		if i < 0 {
			return b.keep(append(dst, v...)), nil
		}
		dst = append(append(dst, v[:i]...), to...)
		v = v[i+len(from):]
	}
}

func startsWith(_ *buffer, args []row.Value) (row.Value, error) {
	return boolValue(bytes.HasPrefix(args[0], args[1])), nil
}

// splitPart is the n-th part between separators, from the end if n is negative.
func splitPart(_ *buffer, args []row.Value) (row.Value, error) {
	v, separator, n := args[0], args[1], integer(args[2])
	if n == 0 {
		return nil, errFieldPosition
	}
	parts := int64(1)
	switch {
	case len(v) == 0:
		return empty, nil
	case len(separator) > 0:
		parts += int64(bytes.Count(v, separator))
	}
	if n < 0 {
		n += parts + 1
	}
	if n < 1 || n > parts {
		return empty, nil
	}
	for ; n > 1; n-- {
		v = v[bytes.Index(v, separator)+len(separator):]
	}
	if len(separator) > 0 {
		if i := bytes.Index(v, separator); i >= 0 {
			v = v[:i]
		}
	}
	return v, nil
}

// trim takes characters of a set off one end or both; without a set, spaces.
func trim(front, back bool) run {
	return func(_ *buffer, args []row.Value) (row.Value, error) {
		v, set := args[0], row.Value(" ")
		if len(args) == 2 {
			set = args[1]
		}
		for front && len(v) > 0 {
			_, size := utf8.DecodeRune(v)
			if !hasCharacter(set, v[:size]) {
				break
			}
			v = v[size:]
		}
		for back && len(v) > 0 {
			_, size := utf8.DecodeLastRune(v)
			if !hasCharacter(set, v[len(v)-size:]) {
				break
			}
			v = v[:len(v)-size]
		}
		return v, nil
	}
}

// hasCharacter relies on UTF-8: the bytes of a character are no part of another.
func hasCharacter(set, character row.Value) bool { return bytes.Contains(set, character) }

func reverse(b *buffer, args []row.Value) (row.Value, error) {
	dst := b.start()
	for v := args[0]; len(v) > 0; {
		_, size := utf8.DecodeLastRune(v)
		dst = append(dst, v[len(v)-size:]...)
		v = v[:len(v)-size]
	}
	return b.keep(dst), nil
}

func hexMD5(b *buffer, args []row.Value) (row.Value, error) {
	sum := md5.Sum(args[0])
	return b.keep(hex.AppendEncode(b.start(), sum[:])), nil
}

// asciiCase builds lower and upper, which change the 26 letters only in the C
// collation; elsewhere they depend on the server's libraries.
func asciiCase(first, last byte) builder {
	return func(s *site) (run, error) {
		if s.collation != collationC && s.collation != collationPOSIX {
			return nil, notNative("upper or lower case in collation %d", s.collation)
		}
		return func(b *buffer, args []row.Value) (row.Value, error) {
			dst := append(b.start(), args[0]...)
			for i, c := range dst {
				if c >= first && c <= last {
					dst[i] = c ^ 0x20
				}
			}
			return b.keep(dst), nil
		}, nil
	}
}

// searching builds a function that looks for text in text: by bytes, which a
// nondeterministic collation does not.
func searching(f run) builder {
	return func(s *site) (run, error) {
		if _, err := textFamily.equality(s); err != nil {
			return nil, err
		}
		return f, nil
	}
}

func trimmed(_ *buffer, args []row.Value) (row.Value, error) { return trimBlanks(args[0]), nil }

// textFunctions is functions of text, bpchar and bytea.
var textFunctions = []function{
	{oid: 1258, signature: "textcat(text,text)", run: concatenate},
	{oid: 2011, signature: "byteacat(bytea,bytea)", run: concatenate},
	{oid: 1317, signature: "length(text)", run: characters},
	{oid: 1381, signature: "char_length(text)", run: characters},
	{oid: 1369, signature: "character_length(text)", run: characters},
	{oid: 1318, signature: "length(bpchar)", run: bpcharCharacters},
	{oid: 1372, signature: "char_length(bpchar)", run: bpcharCharacters},
	{oid: 1367, signature: "character_length(bpchar)", run: bpcharCharacters},
	{oid: 1374, signature: "octet_length(text)", run: octets},
	{oid: 720, signature: "octet_length(bytea)", run: octets},
	{oid: 2010, signature: "length(bytea)", run: octets},
	{oid: 883, signature: "substr(text,int4)", run: substring},
	{oid: 877, signature: "substr(text,int4,int4)", run: substring},
	{oid: 937, signature: "substring(text,int4)", run: substring},
	{oid: 936, signature: "substring(text,int4,int4)", run: substring},
	{oid: 3060, signature: "left(text,int4)", run: left},
	{oid: 3061, signature: "right(text,int4)", run: right},
	{oid: 868, signature: "strpos(text,text)", build: searching(position)},
	{oid: 849, signature: "position(text,text)", build: searching(position)},
	{oid: 2087, signature: "replace(text,text,text)", build: searching(replace)},
	{oid: 2088, signature: "split_part(text,text,int4)", build: searching(splitPart)},
	{oid: 3696, signature: "starts_with(text,text)", build: searching(startsWith)},
	{oid: 884, signature: "btrim(text,text)", run: trim(true, true)},
	{oid: 885, signature: "btrim(text)", run: trim(true, true)},
	{oid: 875, signature: "ltrim(text,text)", run: trim(true, false)},
	{oid: 881, signature: "ltrim(text)", run: trim(true, false)},
	{oid: 876, signature: "rtrim(text,text)", run: trim(false, true)},
	{oid: 882, signature: "rtrim(text)", run: trim(false, true)},
	{oid: 3062, signature: "reverse(text)", run: reverse},
	{oid: 2311, signature: "md5(text)", run: hexMD5},
	{oid: 2321, signature: "md5(bytea)", run: hexMD5},
	{oid: 870, signature: "lower(text)", build: asciiCase('A', 'Z')},
	{oid: 871, signature: "upper(text)", build: asciiCase('a', 'z')},
	{oid: 401, signature: "text(bpchar)", run: trimmed},
	{oid: 850, signature: "textlike(text,text)", build: likePattern(false)},
	{oid: 851, signature: "textnlike(text,text)", build: likePattern(true)},
	{oid: 1631, signature: "bpcharlike(bpchar,text)", build: likePattern(false)},
	{oid: 1632, signature: "bpcharnlike(bpchar,text)", build: likePattern(true)},
	{oid: 858, signature: "namelike(name,text)", build: likePattern(false)},
	{oid: 859, signature: "namenlike(name,text)", build: likePattern(true)},
	{oid: 1569, signature: "like(text,text)", build: likePattern(false)},
	{oid: 1570, signature: "notlike(text,text)", build: likePattern(true)},
}
