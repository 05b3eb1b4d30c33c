package remote

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/pkg/sftp"
)

// remoteFiles are the files of a host. New files get the mode that the host gives them, as with pulumi-command.
type remoteFiles struct{ *sftp.Client }

// put copies a file or folder, and makes the folders above its place.
//
//	source | to is a folder      | to does not exist | to is a file
//	-------+---------------------+-------------------+-------------
//	dir    | to/dir              | to/dir            | error
//	dir/   | to/x for x in dir   | to/x for x in dir | error
//	file   | to/file             | to                | to
func (r remoteFiles) put(source, to string) error {
	info, err := os.Stat(source)
	if err != nil {
		return err
	}
	if info.IsDir() {
		if !strings.HasSuffix(source, "/") {
			to = path.Join(to, filepath.Base(source))
		}
		return r.putFolder(source, to)
	}
	isFolder, err := r.isFolder(to)
	if err != nil {
		return err
	}
	if isFolder {
		to = path.Join(to, filepath.Base(source))
	}
	return r.putFile(source, to)
}

// putText writes a file with the given content.
func (r remoteFiles) putText(text, to string) error {
	isFolder, err := r.isFolder(to)
	if err != nil {
		return err
	}
	if isFolder {
		return fmt.Errorf("%s is a folder on the host: remotePath must name a file when the source is text", to)
	}
	return r.write(strings.NewReader(text), to)
}

func (r remoteFiles) putFolder(source, to string) error {
	return filepath.WalkDir(source, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(source, name)
		if err != nil {
			return err
		}
		target := path.Join(to, filepath.ToSlash(below))
		if entry.IsDir() {
			return r.makeFolder(target)
		}
		return r.putFile(name, target)
	})
}

func (r remoteFiles) putFile(source, to string) error {
	file, err := os.Open(source)
	if err != nil {
		return err
	}
	defer file.Close()
	return r.write(file, to)
}

func (r remoteFiles) write(content io.Reader, to string) error {
	if err := r.makeFolder(path.Dir(to)); err != nil {
		return err
	}
	file, err := r.Create(to)
	if err != nil {
		return fmt.Errorf("creating %s on the host: %w", to, err)
	}
	_, err = file.ReadFrom(content)
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("writing %s on the host: %w", to, err)
	}
	return nil
}

func (r remoteFiles) makeFolder(name string) error {
	if err := r.MkdirAll(name); err != nil {
		return fmt.Errorf("making the folder %s on the host: %w", name, err)
	}
	return nil
}

func (r remoteFiles) isFolder(name string) (bool, error) {
	info, err := r.Stat(name)
	switch {
	case err == nil:
		return info.IsDir(), nil
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	default:
		return false, fmt.Errorf("looking at %s on the host: %w", name, err)
	}
}
