package api

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/rooms"
	"github.com/openinsure/openinsure/rooms/room"
)

type fileBody struct {
	ID          string       `json:"id"`
	RoomID      string       `json:"roomId"`
	Visibility  string       `json:"visibility" enum:"shared,internal"`
	Name        string       `json:"name"`
	ContentType string       `json:"contentType" doc:"By its content."`
	Size        int64        `json:"size" doc:"Bytes."`
	SHA256      string       `json:"sha256" doc:"Of the bytes, in hex."`
	Author      event.Author `json:"author"`
	CreatedAt   time.Time    `json:"createdAt"`
	ContentURL  string       `json:"contentUrl" doc:"Where the bytes are, for who may see the file."`
}

func fileOf(f room.File) fileBody {
	return fileBody{
		ID: f.ID.String(), RoomID: f.Room.String(), Visibility: string(f.Visibility), Name: f.Name, ContentType: f.ContentType, Size: f.Size,
		SHA256: hex.EncodeToString(f.SHA256), Author: f.Author, CreatedAt: f.CreatedAt,
		ContentURL: "/v1/deal-rooms/" + f.Room.String() + "/files/" + f.ID.String() + "/content",
	}
}

type listInRoomInput struct {
	ByID
	Page
}

type fileInput struct {
	ByID
	FileID string `path:"fileId" maxLength:"64" doc:"The file's id."`
}

func (in fileInput) ids() (room.ID, room.FileID, error) {
	var file room.FileID
	id, err := parseRoom(in.ID)
	if err == nil {
		err = pathID(&file, in.FileID)
	}
	return id, file, err
}

// An upload of a file is what was received, and for whom it is.
type uploadedFile struct {
	*rooms.Upload
	visibility room.Visibility
}

// Fingerprint implements received.
func (u uploadedFile) Fingerprint() []byte {
	return append(u.SHA256(), (u.Name() + "\x00" + string(u.visibility))...)
}

// uploadSchema documents the form.
var uploadSchema = &huma.Schema{
	Type: huma.TypeObject, Required: []string{"file"}, AdditionalProperties: false,
	Properties: map[string]*huma.Schema{
		"file":       {Type: huma.TypeString, Format: "binary", Description: "At most 25 MiB."},
		"visibility": {Type: huma.TypeString, Enum: []any{"shared", "internal"}, Default: "shared", Description: "internal is for your own company's desk in the room."},
	},
}

func (a *API) registerFiles(p Platform) {
	const tag, path = "Deal rooms", "/v1/deal-rooms/{id}/files"
	registerUpload(a, operation{
		Method: http.MethodPost, Path: path, ID: "add-file", Tag: tag, Guests: true, Scope: "rooms:write", MaxBody: room.MaxFile + 64<<10, ReadTimeout: 5 * time.Minute,
		Summary: "Add a file to a room", Description: "Then attach it to a message by its id. Its type is told by its content; programs are refused.",
	}, uploadSchema, p.receiveFile, func(ctx context.Context, _ *ByID, u uploadedFile) (*bodyOf[fileBody], error) {
		f, err := p.Rooms.Keep(ctx, access.From(ctx), u.Upload, u.visibility)
		if err != nil {
			return nil, err
		}
		return &bodyOf[fileBody]{fileOf(f)}, nil
	})
	register(a, operation{
		Method: http.MethodGet, Path: path, ID: "list-files", Tag: tag, Guests: true, Scope: "rooms:read", Summary: "List the files of a room, newest first",
	}, func(ctx context.Context, in *listInRoomInput) (*bodyOf[List[fileBody]], error) {
		id, err := parseRoom(in.ID)
		if err != nil {
			return nil, err
		}
		fs, err := p.Rooms.Files(ctx, access.From(ctx), id, in.page())
		if err != nil {
			return nil, err
		}
		return &bodyOf[List[fileBody]]{listOf(fs, in.Limit, fileOf, func(f room.File) Cursor { return Cursor{f.CreatedAt, f.ID} })}, nil
	})
	register(a, operation{
		Method: http.MethodGet, Path: path + "/{fileId}", ID: "get-file", Tag: tag, Guests: true, Scope: "rooms:read", Summary: "Get what is known of a file",
	}, func(ctx context.Context, in *fileInput) (*bodyOf[fileBody], error) {
		id, file, err := in.ids()
		if err != nil {
			return nil, err
		}
		f, err := p.Rooms.File(ctx, access.From(ctx), id, file)
		if err != nil {
			return nil, err
		}
		return &bodyOf[fileBody]{fileOf(f)}, nil
	})
	registerDownload(a, operation{
		Method: http.MethodGet, Path: path + "/{fileId}/content", ID: "get-file-content", Tag: tag, Guests: true, Scope: "rooms:read", Summary: "Download a file",
	}, func(ctx context.Context, in *fileInput) (*download, error) {
		id, file, err := in.ids()
		if err != nil {
			return nil, err
		}
		f, b, err := p.Rooms.OpenFile(ctx, access.From(ctx), id, file)
		if err != nil {
			return nil, err
		}
		return &download{ContentType: f.ContentType, Name: f.Name, Size: f.Size, Body: b}, nil
	})
}

// receiveFile reads the form: one file, and maybe for whom it is, in any order.
func (p Platform) receiveFile(ctx context.Context, in *ByID, form *multipart.Reader) (got uploadedFile, err error) {
	id, err := parseRoom(in.ID)
	if err != nil {
		return got, err
	}
	got.visibility = room.ForAll
	defer func() {
		if err != nil && got.Upload != nil {
			err = errors.Join(err, got.Discard(context.WithoutCancel(ctx)))
		}
	}()
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return got, bodyFault(err)
		}
		switch part.FormName() {
		case "file":
			if got.Upload != nil {
				return got, fault.ErrValidation.Field("file", "maxItems")
			}
			if got.Upload, err = p.Rooms.Receive(ctx, access.From(ctx), id, part.FileName(), part); err != nil {
				return got, receiveFault(err)
			}
		case "visibility":
			b, err := io.ReadAll(io.LimitReader(part, 64))
			if err != nil {
				return got, bodyFault(err)
			}
			if got.visibility = room.Visibility(b); got.visibility != room.ForAll && got.visibility != room.Internal {
				return got, fault.ErrValidation.Field("visibility", "enum")
			}
		default:
			return got, fault.ErrValidation.Field(clip(part.FormName()), "unknown")
		}
	}
	if got.Upload == nil {
		return got, room.ErrFileEmpty
	}
	return got, nil
}

// receiveFault keeps what is a fault already; the rest is the body's.
func receiveFault(err error) error {
	if _, known := errors.AsType[*fault.Error](err); known {
		return err
	}
	return bodyFault(err)
}
