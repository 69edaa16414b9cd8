package slacksim

import (
	"io"
	"net/http"
	"strconv"
	"strings"
)

// upload is a file on its way through the three steps of files v2.
type upload struct {
	id, name string
	length   int
	data     []byte
	sent     bool
	done     bool
}

func (c *call) filesGetURL() (obj, error) {
	n, err := strconv.Atoi(c.str("length"))
	switch {
	case c.str("filename") == "":
		return nil, argument("missing required field: filename", "/filename")
	case err != nil || n < 1:
		return nil, argument("must be greater than 0", "/length")
	}
	f := &upload{id: c.ids.next("F"), name: c.str("filename"), length: n}
	c.files[f.id] = f
	return obj{"upload_url": "http://" + c.host + "/upload/v1/" + f.id, "file_id": f.id}, nil
}

func (w *Workspace) serveUpload(rw http.ResponseWriter, r *http.Request) {
	if !w.passOutage(rw, r) {
		return
	}
	id := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	data, err := uploadBody(r)
	w.mu.Lock()
	f, status := w.files[id], http.StatusOK
	switch {
	case f == nil || f.sent:
		status = http.StatusNotFound
	case err != nil || len(data) != f.length:
		status = http.StatusBadRequest
	default:
		f.data, f.sent = data, true
	}
	w.log(Entry{Kind: "upload", Method: "upload", ID: id, Args: obj{"bytes": len(data)}, Status: status})
	w.unlock()
	rw.Header().Set("Content-Type", "text/plain")
	rw.WriteHeader(status)
	_, _ = io.WriteString(rw, map[bool]string{true: "OK - " + strconv.Itoa(len(data)), false: "error"}[status == http.StatusOK])
}

func uploadBody(r *http.Request) ([]byte, error) {
	r.Body = http.MaxBytesReader(nil, r.Body, maxBody)
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
		part, err := r.MultipartReader()
		if err != nil {
			return nil, err
		}
		p, err := part.NextPart()
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(p)
		_, _ = io.Copy(io.Discard, r.Body)
		return data, err
	}
	return io.ReadAll(r.Body)
}

func (c *call) filesComplete() (obj, error) {
	v, ok, err := c.value("files")
	list, isList := v.(arr)
	if err != nil || !ok || !isList || len(list) == 0 {
		return nil, argument("missing required field: files", "/files")
	}
	var out arr
	for i, x := range list {
		o, _ := x.(obj)
		id, _ := o["id"].(string)
		f := c.files[id]
		if f == nil || !f.sent || f.done {
			return nil, fail("file_not_found")
		}
		title, _ := o["title"].(string)
		out = append(out, obj{
			"id": f.id, "title": or(title, f.name), "name": f.name, "size": f.length, "mimetype": http.DetectContentType(f.data),
			"url_private": "http://" + c.host + "/files/" + f.id,
		})
		_ = i
	}
	if err := c.share(out); err != nil {
		return nil, err
	}
	for _, x := range list {
		id, _ := x.(obj)["id"].(string)
		c.files[id].done = true
	}
	return obj{"files": out}, nil
}

// share posts completed files into a channel, if one was named.
func (c *call) share(files arr) error {
	ref := c.str("channel_id")
	if ref == "" {
		return nil
	}
	ch, err := c.byID(ref)
	if err != nil {
		return err
	}
	if !ch.BotMember {
		return fail("not_in_channel")
	}
	m := &message{channel: ch.ID, files: clone(jsonList(files))}
	if m.thread, err = c.thread(ch); err != nil {
		return err
	}
	c.fill(m, content{text: c.str("initial_comment")})
	c.store(ch, m)
	return nil
}

// jsonList makes the values of a list what decodeJSON makes.
func jsonList(a arr) arr { return a }

// File returns the bytes of an uploaded file.
func (w *Workspace) File(id string) ([]byte, bool) {
	w.mu.Lock()
	defer w.unlock()
	f := w.files[id]
	if f == nil || !f.done {
		return nil, false
	}
	return f.data, true
}
