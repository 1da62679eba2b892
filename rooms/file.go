package rooms

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
)

// ErrFileStore is what is wrong when the file store does not answer.
var ErrFileStore = fault.New(fault.Unavailable, "unavailable", "The file store cannot answer right now.").With("part", "files")

// An Upload is a file whose bytes are stored and that is in no room yet. It is
// kept, or discarded; one that neither happened to, because the node died, is
// bytes that nothing refers to.
type Upload struct {
	house *House
	file  room.File
	kept  bool
}

// SHA256 is the hash of the bytes.
func (u *Upload) SHA256() []byte { return u.file.SHA256 }

// Name is the file's name, made fit to be shown.
func (u *Upload) Name() string { return u.file.Name }

// Discard takes the bytes away, unless the file was kept.
func (u *Upload) Discard(ctx context.Context) error {
	if u.kept {
		return nil
	}
	if err := u.house.files.Delete(ctx, u.file.ID.String()); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
		return fmt.Errorf("discard %s: %w", u.file.ID, err)
	}
	return nil
}

// Receive stores the bytes of a file for a room as they come; at most 25 MiB,
// and never all of them in memory. The room must be one that by may read and
// that is open: what he may add to it is for Keep to say.
func (h *House) Receive(ctx context.Context, by access.Actor, id room.ID, name string, from io.Reader) (*Upload, error) {
	found, err := h.room(ctx, h.db.As(by), by, id, access.Read)
	if err != nil {
		return nil, err
	}
	if found.Status != room.Active {
		return nil, ErrRoomClosed
	}
	at := h.now()
	u := &Upload{house: h, file: room.File{ID: room.NewFileID(at), Org: found.Org, Room: id, Name: room.FileName(name), CreatedAt: at}}
	head := make([]byte, 512)
	n, err := io.ReadFull(from, head)
	switch {
	case errors.Is(err, io.EOF):
		return nil, room.ErrFileEmpty
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fmt.Errorf("receive a file: %w", err)
	}
	if u.file.ContentType, err = room.FileType(u.file.Name, head[:n]); err != nil {
		return nil, err
	}
	if err := h.store(ctx, &u.file, io.MultiReader(bytes.NewReader(head[:n]), from)); err != nil {
		return nil, err
	}
	return u, nil
}

// store writes the bytes of f and notes their size and hash. When anything goes
// wrong nothing is there.
func (h *House) store(ctx context.Context, f *room.File, from io.Reader) error {
	ctx, abandon := context.WithCancel(ctx)
	defer abandon()
	w, err := h.files.NewWriter(ctx, f.ID.String(), &blob.WriterOptions{ContentType: f.ContentType})
	if err != nil {
		return ErrFileStore.Because(err)
	}
	hash := sha256.New()
	source := &source{from: io.LimitReader(from, room.MaxFile+1)}
	f.Size, err = io.Copy(io.MultiWriter(w, hash), source)
	if err == nil && f.Size > room.MaxFile {
		err = room.ErrFileTooLarge
	}
	if err != nil {
		abandon() // so that Close gives up instead of completing
		_ = w.Close()
		if source.err == nil && !errors.Is(err, room.ErrFileTooLarge) {
			return ErrFileStore.Because(err)
		}
		return fmt.Errorf("receive a file: %w", err)
	}
	if err := w.Close(); err != nil {
		return ErrFileStore.Because(err)
	}
	f.SHA256 = hash.Sum(nil)
	return nil
}

// source remembers that reading failed, not writing.
type source struct {
	from io.Reader
	err  error
}

func (s *source) Read(b []byte) (int, error) {
	n, err := s.from.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// Keep adds a received file to its room: for everybody, or for the company's
// desk. Who may post there may.
func (h *House) Keep(ctx context.Context, by access.Actor, u *Upload, v room.Visibility) (room.File, error) {
	f := u.file
	f.Visibility = v
	err := h.db.InTx(ctx, by, func(tx *store.Tx) error {
		locked, err := h.lock(ctx, tx, by, f.Room, access.Read)
		if err != nil {
			return err
		}
		heard, err := h.hear(ctx, tx.Reader, by, channelOf(f.Room, by, v))
		switch {
		case err != nil:
			return err
		case !heard.Post:
			return fault.ErrForbidden
		case locked.Status != room.Active:
			return ErrRoomClosed
		}
		f.Org = heard.Channel.Org
		if f.Author, err = h.author(ctx, tx.Reader, by); err != nil {
			return err
		}
		e := event.New(f.Org, f.ID.String(), event.FileAdded{RoomID: f.Room.String(), File: f.Attachment(), Author: f.Author}, f.CreatedAt)
		e.Also, e.Author = []event.Channel{heard.Channel}, by.ID
		tx.Emit(e)
		return tx.AddFile(ctx, f)
	})
	if err != nil {
		return room.File{}, fmt.Errorf("keep %s: %w", f.ID, err)
	}
	u.kept = true
	return f, nil
}

// shelf says which files of a room by may know, after checking that he may read
// the room.
func (h *House) shelf(ctx context.Context, r store.Reader, by access.Actor, id room.ID) (store.Shelf, error) {
	heard, err := h.hear(ctx, r, by, channelOf(id, by, room.ForAll))
	if err != nil {
		return store.Shelf{}, err
	}
	s := store.Shelf{Room: id, From: heard.From}
	_, err = h.hear(ctx, r, by, channelOf(id, by, room.Internal))
	switch {
	case err == nil:
		s.Internal = true
	case !errors.Is(err, fault.ErrForbidden) && !errors.Is(err, fault.ErrNotFound):
		return s, err
	}
	return s, nil
}

// File reads what is known of a file.
func (h *House) File(ctx context.Context, by access.Actor, id room.ID, file room.FileID) (room.File, error) {
	r := h.db.As(by)
	s, err := h.shelf(ctx, r, by, id)
	if err != nil {
		return room.File{}, err
	}
	return r.File(ctx, s, file)
}

// OpenFile opens the bytes of a file; the caller closes them.
func (h *House) OpenFile(ctx context.Context, by access.Actor, id room.ID, file room.FileID) (room.File, io.ReadCloser, error) {
	f, err := h.File(ctx, by, id, file)
	if err != nil {
		return f, nil, err
	}
	b, err := h.files.NewReader(ctx, file.String(), nil)
	if err != nil {
		return f, nil, ErrFileStore.Because(err)
	}
	return f, b, nil
}

// Files lists the files of a room, newest first: what is shared, and what is on
// the desk of by's company when he hears it.
func (h *House) Files(ctx context.Context, by access.Actor, id room.ID, p store.Page) ([]room.File, error) {
	r := h.db.As(by)
	s, err := h.shelf(ctx, r, by, id)
	if err != nil {
		return nil, err
	}
	joined, err := r.JoinedFromNow(ctx, id, by)
	if err != nil {
		return nil, err
	}
	return r.Files(ctx, s, joined, p)
}

// discardBatch is how many files are discarded at a time.
const discardBatch = 100

// Discard deletes the bytes of files whose rooms are gone, and returns of how
// many. Several nodes may do it at once; what fails is tried again.
func (h *House) Discard(ctx context.Context) (int, error) {
	for total := 0; ; {
		files, err := h.db.Discarded(ctx, discardBatch)
		if err != nil {
			return total, fmt.Errorf("discard files: %w", err)
		}
		for _, f := range files {
			if err := h.files.Delete(ctx, f.String()); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
				return total, ErrFileStore.Because(err)
			}
		}
		if err := h.db.ForgetFiles(ctx, files); err != nil {
			return total, fmt.Errorf("discard files: %w", err)
		}
		total += len(files)
		if len(files) < discardBatch {
			return total, nil
		}
	}
}
