package room

import (
	"bytes"
	"net/http"
	"path"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
)

// Limits of a file.
const (
	MaxFile     = 25 << 20 // bytes
	maxFileName = 255      // characters
)

// Faults of files.
var (
	ErrFileTooLarge = fault.New(fault.Invalid, "body_too_large", "The file is too large.").With("limit", MaxFile)
	ErrFileEmpty    = fault.ErrValidation.Field("file", "required")
	ErrFileType     = fault.New(fault.Refused, "file_type", "The file's content is a program, or is not what its name says.").Field("file", "type")
)

// A File is what was uploaded to a room; its bytes are in the file store under
// its id.
type File struct {
	ID          FileID
	Org         access.OrgID // the company of an internal file; the room's of a shared one
	Room        ID
	Visibility  Visibility
	Name        string
	ContentType string
	Size        int64
	SHA256      []byte
	Author      event.Author
	CreatedAt   time.Time
}

// Attachment is the file as a message carries it.
func (f File) Attachment() event.Attachment {
	return event.Attachment{FileID: f.ID.String(), Name: f.Name, ContentType: f.ContentType, Size: f.Size}
}

// FileName makes a name of a file fit to be shown and saved: no folder, nothing
// that cannot be seen or turns the writing around, at most 255 characters with
// its extension kept.
func FileName(s string) string {
	s = strings.ToValidUTF8(s, "")
	s = s[strings.LastIndexAny(s, `/\`)+1:]
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), strings.ContainsRune(`"<>|:*?`, r):
			return -1
		}
		return r
	}, s)
	s = strings.Trim(s, " .")
	if over := utf8.RuneCountInString(s) - maxFileName; over > 0 {
		ext := []rune(path.Ext(s))
		if len(ext) > 20 {
			ext = nil
		}
		base := []rune(strings.TrimSuffix(s, string(ext)))
		s = string(base[:maxFileName-len(ext)]) + string(ext)
	}
	if s == "" {
		return "file"
	}
	return s
}

// office is the container of the older formats of word processors and of mails.
var office = []byte{0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1}

// kinds says of each extension that we know what its content begins like, and
// what it is called then.
var kinds = map[string]struct{ sniffed, name string }{
	".pdf":  {"application/pdf", "application/pdf"},
	".png":  {"image/png", "image/png"},
	".jpg":  {"image/jpeg", "image/jpeg"},
	".jpeg": {"image/jpeg", "image/jpeg"},
	".gif":  {"image/gif", "image/gif"},
	".webp": {"image/webp", "image/webp"},
	".zip":  {"application/zip", "application/zip"},
	".docx": {"application/zip", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
	".xlsx": {"application/zip", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
	".pptx": {"application/zip", "application/vnd.openxmlformats-officedocument.presentationml.presentation"},
	".doc":  {"office", "application/msword"},
	".xls":  {"office", "application/vnd.ms-excel"},
	".ppt":  {"office", "application/vnd.ms-powerpoint"},
	".msg":  {"office", "application/vnd.ms-outlook"},
	".txt":  {"text", "text/plain; charset=utf-8"},
	".csv":  {"text", "text/csv; charset=utf-8"},
	".json": {"text", "application/json"},
	".xml":  {"text", "application/xml"},
	".eml":  {"text", "message/rfc822"},
}

// programs are how files begin that run when they are opened.
var programs = [][]byte{[]byte("MZ"), []byte("\x7fELF"), []byte("#!"), {0xCA, 0xFE, 0xBA, 0xBE}, {0xFE, 0xED, 0xFA, 0xCE}, {0xFE, 0xED, 0xFA, 0xCF}, {0xCF, 0xFA, 0xED, 0xFE}, {0xCE, 0xFA, 0xED, 0xFE}}

// FileType says what a file is by its first 512 bytes; the extension of its
// name may only make that more precise. What a browser would run is called
// plain text. ErrFileType for programs, and when name and content disagree.
func FileType(name string, head []byte) (string, error) {
	for _, p := range programs {
		if bytes.HasPrefix(head, p) {
			return "", ErrFileType
		}
	}
	full := http.DetectContentType(head)
	sniffed, _, _ := strings.Cut(full, ";")
	switch {
	case bytes.HasPrefix(head, office):
		sniffed = "office"
	case strings.HasPrefix(sniffed, "text/"):
		sniffed, full = "text", "text/plain; charset=utf-8"
	}
	if k, ok := kinds[strings.ToLower(path.Ext(name))]; ok {
		if k.sniffed != sniffed {
			return "", ErrFileType
		}
		return k.name, nil
	}
	return full, nil
}
